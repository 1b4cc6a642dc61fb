"""The whole method on a phantom patient, with the truth in place of the networks: what a user reads."""

from __future__ import annotations

from dataclasses import replace

import femur_patients
import numpy as np
import pytest

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.uncertainty.conformal import ConformalTable
from FemurQCTLib.anatomy.acquire import Scanner
from FemurQCTLib.measurements import measure_femora, remeasure
from FemurQCTLib.parameters import Parameters
from FemurQCTLib.products import DENSITY_MAP
from FemurQCTLib.segments import SPECS, display_name

QRM = Parameters(phantom="qrm_bdc_3", members=2)


def run(study, parameters=QRM, **options):
    return femur_patients.pipeline(study.patient, **options).run({"volume": study.image}, parameters, femur_patients.Quiet())


def value(result, segment, name):
    return next(m for m in result.measurements if (m.segment, m.name) == (segment, name))


@pytest.fixture(scope="module")
def a_result():
    return run(femur_patients.study())


@pytest.fixture(scope="module")
def a_cut_result():
    return run(femur_patients.study(below_mm=55.0), Parameters(members=1))


def test_volumes_are_those_of_the_patient(a_result):
    truth = femur_patients.study().truth
    for side in ("left", "right"):
        volume = value(a_result, f"{side}_femur", "Volume")
        assert volume.value == pytest.approx(truth[side].volume_ml, rel=0.015)
        assert volume.low < truth[side].volume_ml < volume.high
        assert (volume.unit, volume.level) == ("mL", 0.95)


def test_density_is_that_of_the_patient_but_for_blurred_edges(a_result):
    truth = femur_patients.study().truth
    for side in ("left", "right"):
        density = value(a_result, f"{side}_femur", "Integral vBMD")
        assert density.unit == "mg/cm3{CHA}"
        assert density.value == pytest.approx(truth[side].density, rel=0.12)


def test_the_density_map_is_in_the_femora_only(a_result):
    density = a_result.maps[DENSITY_MAP]
    femora = a_result.segments["left_femur"] | a_result.segments["right_femur"]
    assert density.dtype == np.float32 and density.shape == a_result.image.shape
    assert not density[~femora].any()
    assert density[femora].mean() == pytest.approx(value(a_result, "left_femur", "Integral vBMD").value, rel=0.05)


def test_regions_are_segments_inside_their_femur(a_result):
    parts = [a_result.segments[f"left_{part}"] for part in ("head", "neck", "trochanteric", "shaft")]
    np.testing.assert_array_equal(np.sum(parts, axis=0), a_result.segments["left_femur"])
    assert {spec.key for spec in SPECS} == set(a_result.segments)
    assert display_name("left_total_hip") == "Left total hip"


def test_the_sides_are_compared(a_result):
    difference = value(a_result, "both_femora", "Volume, left minus right")
    assert difference.unit == "%" and abs(difference.value) < 2
    assert difference.low < 0 < difference.high


def test_what_later_steps_need_is_kept(a_result):
    extras = a_result.extras
    assert extras["calibration"]["phantom"] == "qrm_bdc_3" and extras["why_none"] == ""
    assert set(extras["frames"]) == set(extras["planes"]) == {"left", "right"}
    assert any("K2HPO4" in note or "CHA" in note for note in extras["notes"])


def test_uncertain_places_lie_on_the_border_and_are_listed(a_result):
    assert a_result.regions and a_result.regions[0].target == "femur"
    assert a_result.uncertainty["femur"].max() <= 100


def test_without_calibration_there_are_only_hounsfield_units_and_a_sentence_why():
    result = run(femur_patients.study(phantom=""), Parameters(members=1))
    assert not result.maps
    assert not any(m.name in ("Integral vBMD", "BMC", "aBMD (projected)") for m in result.measurements)
    assert value(result, "left_femur", "Mean HU").value > 100
    assert any(text.startswith("No calibration: HU only.") for text in result.warnings)


def test_the_wrong_phantom_is_refused_with_a_sentence_and_no_density():
    result = run(femur_patients.study(phantom="mindways_3"), Parameters(phantom="qrm_bdc_6", members=1))
    assert not result.maps
    assert any("No calibration: HU only." in text and "QRM" in text for text in result.warnings)


def test_an_entered_calibration_is_used_and_warned_about():
    parameters = Parameters(phantom="qrm_bdc_3", slope=0.8, intercept=-2.0, kvp=100, calibration_kvp=120, members=1)
    result = run(femur_patients.study(), parameters)
    assert result.extras["calibration"]["slope"] == 0.8
    assert any("made at 120 kV, the scan at 100 kV" in text for text in result.warnings)


def test_an_entered_calibration_needs_its_phantom():
    result = run(femur_patients.study(), Parameters(slope=0.8, intercept=-2.0, members=1))
    assert not result.maps and any("choose the phantom that it belongs to" in text for text in result.warnings)


def test_a_scan_that_ends_early_gives_a_mask_and_a_warning(a_cut_result):
    truth = femur_patients.study(below_mm=55.0).truth["left"]
    assert value(a_cut_result, "left_femur", "Volume").value == pytest.approx(truth.volume_ml, rel=0.04)
    assert any("The scan ends before the left proximal femur does" in text for text in a_cut_result.warnings)


def test_contrast_medium_in_the_vessels_is_seen(a_result):
    enhanced = run(femur_patients.study(contrast=True), Parameters(members=1))
    assert any("bright, as with contrast medium" in text for text in enhanced.warnings)
    assert not any("contrast medium" in text for text in a_result.warnings)


def test_a_user_who_knows_about_contrast_medium_is_believed():
    said = run(femur_patients.study(), Parameters(members=1, contrast="yes"))
    assert any(text.startswith("Contrast medium was given") for text in said.warnings)


def test_metal_is_named_with_its_side():
    result = run(femur_patients.study(metal=True), Parameters(members=1))
    assert any("metal near the right femur" in text for text in result.warnings)
    assert not any("metal near the left femur" in text for text in result.warnings)


def test_thick_slices_are_named():
    result = run(femur_patients.study(spacing=(2.0, 2.0, 5.0)), Parameters(members=1))
    assert any("Slices of 5.0 mm" in text for text in result.warnings)


def test_a_femur_in_two_pieces_is_named(a_result):
    result = run(femur_patients.study(), Parameters(members=1, side="left"), pieces=2)
    assert any("The left femur is in 2 pieces" in text for text in result.warnings)
    assert "right_femur" not in result.segments


def test_a_bundle_without_calibrated_intervals_states_none():
    result = run(femur_patients.study(), QRM, conformal=ConformalTable())
    assert value(result, "left_femur", "Volume").low is None
    assert any("stated without" in text for text in result.warnings)


def test_magnetic_resonance_and_other_scales_are_refused():
    study = femur_patients.study()
    bright = replace(study.image, voxels=np.maximum(study.image.voxels, 0))
    with pytest.raises(InputError, match="not a CT in Hounsfield units"):
        femur_patients.pipeline(study.patient).run({"volume": bright}, QRM, femur_patients.Quiet())
    with pytest.raises(InputError, match="this needs CT"):
        femur_patients.pipeline(study.patient).run({"volume": replace(study.image, modality="MR")}, QRM, femur_patients.Quiet())


def test_axis_order_and_flips_of_the_file_change_nothing(a_result):
    study = femur_patients.study()
    _, j, k = study.image.size
    flip = np.array([[1, 0, 0, 0], [0, -1, 0, j - 1], [0, 0, -1, k - 1], [0, 0, 0, 1]], float)
    turned = replace(study.image, voxels=study.image.voxels[::-1, ::-1], ijk_to_ras=study.image.ijk_to_ras @ flip)
    result = run(replace(study, image=turned))
    assert value(result, "left_femur", "Volume").value == pytest.approx(value(a_result, "left_femur", "Volume").value, rel=0.005)
    assert value(result, "right_femur", "Integral vBMD").value == pytest.approx(
        value(a_result, "right_femur", "Integral vBMD").value, rel=0.01
    )


def test_noise_changes_density_little():
    noisy = run(femur_patients.study(scanner=Scanner(blur_mm=0.5, noise=40.0, cupping=4.0)), QRM)
    calm = femur_patients.study().truth["left"].density
    assert value(noisy, "left_femur", "Integral vBMD").value == pytest.approx(calm, rel=0.12)


class TestMeasuringAgain:
    @pytest.fixture
    def measured(self):
        study = femur_patients.study()
        masks = {name: study.reference.voxels == number for number, name in ((1, "left_femur"), (2, "right_femur"))}
        from FemurQCTLib.calibration import calibrate

        probability = np.where(study.reference.voxels > 0, 0.97, 0.0).astype(np.float32)
        calibration = calibrate(study.image, "qrm_bdc_3")
        return study, masks, measure_femora(masks, study.image, QRM, calibration, "", probability, {}, femur_patients.CONFORMAL)

    def test_an_edit_changes_its_side_only(self, measured):
        study, masks, before = measured
        edited = {**masks, "left_femur": masks["left_femur"].copy()}
        edited["left_femur"][: study.image.shape[0] // 2] = False
        after = remeasure(edited, study.image, before)
        assert after.counts["left_femur"] < before.counts["left_femur"]
        assert after.sides["right"] is before.sides["right"]

    def test_a_review_narrows_the_interval(self, measured):
        study, masks, before = measured
        after = remeasure(masks, study.image, before, np.ones(study.image.shape, bool))
        rows = [next(m for m in table.measurements if (m.segment, m.name) == ("left_femur", "Volume")) for table in (before, after)]
        assert rows[1].low > rows[0].low

    def test_dragging_a_plane_moves_volume_between_regions(self, measured):
        study, masks, before = measured
        planes = dict(before.sides["left"].planes)
        plane = planes["neck_base"]
        origin = np.array(plane.origin) - 8 * np.array(plane.normal)
        planes["neck_base"] = replace(plane, origin=tuple(origin))
        after = remeasure(masks, study.image, before, changed=(), planes={"left": planes})
        assert after.sides["left"].regions["neck"].sum() > before.sides["left"].regions["neck"].sum()
        assert after.counts == before.counts

    def test_taking_the_calibration_away_takes_the_densities_away(self, measured):
        study, masks, before = measured
        after = remeasure(masks, study.image, before, changed=(), why_none="No calibration: HU only.")
        assert not any("vBMD" in m.name for m in after.measurements)
        assert "No calibration: HU only." in after.warnings
