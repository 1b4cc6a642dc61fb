from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from RenalParenchymaLib.measurements import calibration_residuals, measure_kidneys, remeasure
from RenalParenchymaLib.parameters import Parameters
from RenalParenchymaLib.segments import SPECS
from RenalParenchymaLib.tumor import describe_tumor

SPACING = 3.0
SHAPE = (44, 36, 60)
PATIENT = Parameters(age=60, sex="male", height_cm=178, weight_kg=80, creatinine_mg_dl=1.1)


def soft_ellipsoid(center, radii):
    k, j, i = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    outside = np.sqrt(sum(((x - c) / r) ** 2 for x, c, r in zip((k, j, i), center, radii, strict=True)))
    return 1 / (1 + np.exp(2 * (outside - 1) * min(radii)))


def study(tumor=True, matrix=None):
    """Two soft kidneys with a sinus each, the left one with a mass at its upper pole; the patient's left is at high I."""
    probability = {target: np.zeros(SHAPE, np.float32) for target in ("kidney", "parenchyma", "tumor", "cyst")}
    masks = {spec.key: np.zeros(SHAPE, bool) for spec in SPECS}
    for side, center in (("left", (21, 17, 43)), ("right", (21, 17, 15))):
        organ = soft_ellipsoid(center, (16, 8, 8))
        sinus = soft_ellipsoid(center, (7, 3, 3))
        mass = soft_ellipsoid((center[0] + 14, center[1] + 3, center[2]), (4, 4, 4)) if tumor and side == "left" else np.zeros(SHAPE)
        kidney = np.maximum(organ, mass)
        parts = {"kidney": kidney, "parenchyma": np.minimum(kidney, 1 - np.maximum(sinus, mass)), "tumor": mass}
        for target, p in parts.items():
            probability[target] = np.maximum(probability[target], p.astype(np.float32))
            masks[f"{side}_{target}"] = p > 0.5
    lps_like = np.diag([-SPACING, -SPACING, SPACING, 1.0]) if matrix is None else matrix
    return masks, probability, Image(np.zeros(SHAPE, np.int16), lps_like, modality="CT")


@pytest.fixture
def a_study():
    return study()


@pytest.fixture
def a_table():
    return ConformalTable({target: ConformalEntry.from_residuals([1.0] * 40) for target in ("kidney", "parenchyma", "tumor", "cyst")})


def table_of(measured):
    return {(m.segment, m.name): m for m in measured.measurements}


def test_volumes_are_voxels_times_their_size_and_totals_are_sums(a_study, a_table):
    masks, probability, image = a_study
    rows = table_of(measure_kidneys(masks, image, PATIENT, probability, conformal=a_table))
    for segment, mask in masks.items():
        assert rows[segment, "Volume"].value == pytest.approx(mask.sum() * 0.027)
    left, right, total = (rows[s, "Volume"] for s in ("left_kidney", "right_kidney", "total_kidney"))
    assert total.value == pytest.approx(left.value + right.value)
    assert (total.low, total.high) == pytest.approx((left.low + right.low, left.high + right.high))
    assert total.code.value == "118565006"


def test_the_interval_is_the_volume_at_stake_times_the_scale(a_study, a_table):
    masks, probability, image = a_study
    row = table_of(measure_kidneys(masks, image, PATIENT, probability, conformal=a_table))["right_kidney", "Volume"]
    mask = masks["right_kidney"]
    near = np.zeros(SHAPE, bool)
    near[:, :, :30] = True
    p = probability["kidney"]
    surplus = (1 - p)[mask & (p <= 0.99)].sum() * 0.027
    missing = p[~mask & (p >= 0.01) & near].sum() * 0.027
    assert (row.value - row.low, row.high - row.value) == pytest.approx((surplus, missing), rel=1e-4)
    assert row.level == 0.95


def test_members_that_disagree_widen_the_interval(a_study, a_table):
    masks, probability, image = a_study
    plain = table_of(measure_kidneys(masks, image, PATIENT, probability, conformal=a_table))["left_tumor", "Volume"]
    members = {"left_tumor": [4.0, 9.0, 14.0]}
    wide = table_of(measure_kidneys(masks, image, PATIENT, probability, members, a_table))["left_tumor", "Volume"]
    assert wide.value == plain.value
    assert wide.high - wide.low > plain.high - plain.low


def test_what_the_model_left_open_outside_of_both_kidneys_is_at_stake_on_the_nearer_side(a_study, a_table):
    masks, probability, _ = a_study
    sheared = np.array([[-2.0, 0.4, 0.1, 30.0], [0.3, -3.0, 0.0, -20.0], [0.0, 0.2, 4.0, 10.0], [0, 0, 0, 1]])
    image = Image(np.zeros(SHAPE, np.int16), sheared)
    measured = measure_kidneys(masks, image, Parameters(), probability, conformal=a_table)
    kji = np.indices(SHAPE).reshape(3, -1)
    position = sheared[:3, :3] @ kji[::-1] + sheared[:3, 3:]
    middles = {}
    for side in ("left", "right"):
        inside = np.argwhere(masks[f"{side}_kidney"])
        middles[side] = sheared[:3, :3] @ ((inside.min(0) + inside.max(0)) / 2)[::-1] + sheared[:3, 3]
    distance = {side: ((position - middles[side][:, None]) ** 2).sum(0) for side in middles}
    for side, other in (("left", "right"), ("right", "left")):
        outside = measured.open_voxels[f"{side}_kidney"]
        index = outside.index[~outside.inside]
        assert len(index) > 100
        assert (distance[side][index] <= distance[other][index]).all()


def test_without_calibration_no_interval_is_stated_and_the_reader_is_told(a_study):
    masks, probability, image = a_study
    measured = measure_kidneys(masks, image, PATIENT, probability)
    assert all(row.low is None and row.level is None for row in measured.measurements)
    assert measured.warnings == [
        "No interval is stated for kidney, parenchyma, tumor and cyst: the model carries too few calibration cases for it."
    ]


def test_split_function_and_side_gfr(a_study, a_table):
    masks, probability, image = a_study
    measured = measure_kidneys(masks, image, PATIENT, probability, conformal=a_table)
    rows = table_of(measured)
    left, right = rows["left_parenchyma", "Split function"], rows["right_parenchyma", "Split function"]
    assert left.value + right.value == pytest.approx(100)
    assert left.low < left.value < left.high
    gfr = rows["both_kidneys", "eGFR (CKD-EPI 2021)"]
    assert gfr.value == pytest.approx(142 * (1.1 / 0.9) ** -1.2 * 0.9938**60)
    assert gfr.verdict == "G2, mildly decreased"
    sides = [rows[f"{side}_kidney", "GFR of this side"].value for side in ("left", "right")]
    assert sum(sides) == pytest.approx(gfr.value)
    assert any("every mL of parenchyma works equally well" in note for note in measured.notes)


def test_surgery_is_estimated_for_the_side_with_the_mass_only(a_study, a_table):
    masks, probability, image = a_study
    rows = table_of(measure_kidneys(masks, image, PATIENT, probability, conformal=a_table))
    after = rows["left_kidney", "GFR after radical nephrectomy"]
    assert after.value == pytest.approx(1.24 * rows["right_kidney", "GFR of this side"].value)
    assert "estimate for planning" in after.verdict
    partial = rows["left_kidney", "GFR after partial nephrectomy (10 mm rim)"]
    assert after.value < partial.value < rows["both_kidneys", "eGFR (CKD-EPI 2021)"].value
    assert ("right_kidney", "GFR after radical nephrectomy") not in rows


def test_volumes_are_indexed_to_the_body_surface(a_study):
    masks, _, image = a_study
    rows = table_of(measure_kidneys(masks, image, PATIENT))
    bsa = math.sqrt(178 * 80 / 3600)
    assert rows["total_parenchyma", "Volume per body surface area"].value == pytest.approx(rows["total_parenchyma", "Volume"].value / bsa)


def test_without_patient_facts_there_are_still_volumes(a_study):
    masks, _, image = a_study
    rows = table_of(measure_kidneys(masks, image, Parameters()))
    assert rows["left_kidney", "Volume"].value > 0
    assert not any("GFR" in name or "body surface" in name for _, name in rows)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (Parameters(creatinine_mg_dl=1.0, age=50), "eGFR was not computed: give the sex too."),
        (Parameters(creatinine_mg_dl=1.0, sex="male"), "eGFR was not computed: give the age too."),
        (Parameters(creatinine_mg_dl=0.5, age=9), "eGFR was not computed: give the height too."),
        (Parameters(creatinine_mg_dl=0.5, age=0.5), "eGFR was not computed: there is no equation for infants here."),
    ],
)
def test_what_is_missing_for_egfr_is_said(a_study, parameters, sentence):
    masks, _, image = a_study
    assert sentence in measure_kidneys(masks, image, parameters).warnings


def test_a_child_gets_the_childrens_equation_and_reference(a_study):
    masks, _, image = a_study
    rows = table_of(measure_kidneys(masks, image, Parameters(age=9, sex="male", height_cm=135, weight_kg=30, creatinine_mg_dl=0.5)))
    assert rows["both_kidneys", "eGFR (bedside Schwartz)"].value == pytest.approx(0.413 * 135 / 0.5)
    assert "for a child" in rows["right_kidney", "Volume per body surface area"].verdict
    assert rows["right_kidney", "Length"].verdict == ""
    assert rows["right_parenchyma", "Volume"].verdict == ""


def test_a_solitary_kidney_gives_a_warning_and_still_a_volume(a_study, a_table):
    masks, probability, image = a_study
    for segment in masks:
        if segment.startswith("left"):
            masks[segment][:] = False
    measured = measure_kidneys(masks, image, PATIENT, probability, conformal=a_table)
    assert measured.warnings == ["Only the right kidney was found. If the left one is in the image, add it by hand."]
    rows = table_of(measured)
    assert rows["right_parenchyma", "Split function"].value == 100
    missing = rows["left_kidney", "Volume"]
    assert (missing.value, missing.low, missing.verdict) == (0, None, "not found")
    assert ("left_kidney", "Length") not in rows
    total, right = rows["total_kidney", "Volume"], rows["right_kidney", "Volume"]
    assert (total.value, total.low, total.high) == (right.value, right.low, right.high)


def test_a_kidney_that_was_missed_and_drawn_by_hand_is_measured(a_study, a_table):
    masks, probability, image = a_study
    drawn = masks["left_kidney"].copy()
    for segment in masks:
        if segment.startswith("left"):
            masks[segment][:] = False
    first = measure_kidneys(masks, image, PATIENT, probability, conformal=a_table)
    masks["left_kidney"] = drawn
    again = remeasure(masks, image, first)
    assert again.warnings == []
    row = table_of(again)["left_kidney", "Volume"]
    assert row.value == pytest.approx(drawn.sum() * 0.027)
    assert (row.low, row.high) == (row.value, row.value)


def test_no_kidney_is_said_plainly():
    empty = {spec.key: np.zeros(SHAPE, bool) for spec in SPECS}
    measured = measure_kidneys(empty, study()[2], PATIENT)
    assert measured.warnings[0] == "No kidney was found."


def test_a_kidney_that_is_cut_off_is_a_lower_bound(a_study):
    masks, _, image = a_study
    masks["left_kidney"][-1, 17, 43] = True
    assert "The left kidney reaches the edge of the image; its volumes are lower bounds." in measure_kidneys(masks, image, PATIENT).warnings


def test_masks_on_another_grid_are_refused(a_study):
    masks, _, image = a_study
    with pytest.raises(ValueError, match="left_kidney has shape"):
        measure_kidneys({"left_kidney": masks["left_kidney"][1:]}, image, PATIENT)


def test_reviewing_shrinks_the_interval_and_moves_nothing(a_study, a_table):
    masks, probability, image = a_study
    first = measure_kidneys(masks, image, PATIENT, probability, conformal=a_table)
    reviewed = np.zeros(SHAPE, bool)
    reviewed[:, :, 30:] = True
    rows, before = table_of(remeasure(masks, image, first, reviewed)), table_of(first)
    left = rows["left_kidney", "Volume"]
    assert left.value == before["left_kidney", "Volume"].value
    width = before["left_kidney", "Volume"].high - before["left_kidney", "Volume"].low
    assert left.high - left.low == pytest.approx(width / 4)
    assert rows["right_kidney", "Volume"] == before["right_kidney", "Volume"]
    undone = remeasure(masks, image, remeasure(masks, image, first, reviewed), changed=[])
    assert table_of(undone)["left_kidney", "Volume"] == before["left_kidney", "Volume"]


def test_no_part_may_be_larger_than_its_kidney_may_be(a_study, a_table):
    masks, probability, image = a_study
    probability["cyst"][:] = 0.3  # everywhere, a little
    rows = table_of(measure_kidneys(masks, image, PATIENT, probability, conformal=a_table))
    kidney, cyst = rows["left_kidney", "Volume"], rows["left_cyst", "Volume"]
    assert (cyst.value, cyst.low) == (0, 0) and cyst.high == kidney.high
    assert rows["left_tumor", "Volume"].high < kidney.high


def test_measuring_after_an_edit_gives_the_table_of_the_edited_masks(a_study, a_table):
    masks, probability, image = a_study
    first = measure_kidneys(masks, image, PATIENT, probability, conformal=a_table)
    for segment in ("left_kidney", "left_tumor"):
        masks[segment] = masks[segment].copy()
        masks[segment][36:42, 14:17, 40:46] = True
    live = table_of(remeasure(masks, image, first))
    anew = table_of(measure_kidneys(masks, image, PATIENT))
    assert live.keys() == anew.keys()
    for row in anew.values():
        assert live[row.segment, row.name].value == pytest.approx(row.value, nan_ok=True)


def test_edit_after_edit_gives_what_is_measured_at_once(a_study, a_table):
    masks, probability, image = a_study
    reviewed = np.zeros(SHAPE, bool)
    reviewed[20:30] = True
    live = measure_kidneys(masks, image, PATIENT, probability, conformal=a_table, reviewed=reviewed)
    for segment, place in (
        ("left_tumor", np.s_[30:33, 20:22, 43:45]),
        ("right_kidney", np.s_[0:8, 16:18, 14:16]),
        ("left_kidney", np.s_[:, 0:12]),
    ):
        masks[segment] = masks[segment].copy()
        masks[segment][place] = segment == "right_kidney"
        live = remeasure(masks, image, live, reviewed, changed=[segment])
        again = remeasure(masks, image, live, reviewed)
        assert (live.numbers, live.measurements) == (again.numbers, again.measurements)
    assert live.numbers.cut_off == {"left": False, "right": True}


def test_what_was_edited_by_hand_is_less_in_doubt(a_study, a_table):
    masks, probability, image = a_study
    first = measure_kidneys(masks, image, PATIENT, probability, conformal=a_table)
    masks["right_kidney"] = probability["kidney"] > 0.2
    masks["right_kidney"][:, :, 30:] = False
    edited = table_of(remeasure(masks, image, first, changed=["right_kidney"]))["right_kidney", "Volume"]
    before = table_of(first)["right_kidney", "Volume"]
    assert edited.value > before.value
    assert edited.high - edited.value < before.high - before.value


def test_only_what_changed_is_counted_again(a_study):
    masks, _, image = a_study
    first = measure_kidneys(masks, image, PATIENT)
    masks["right_cyst"] = masks["right_kidney"]
    assert table_of(remeasure(masks, image, first, changed=[]))["right_cyst", "Volume"].value == 0
    assert table_of(remeasure(masks, image, first))["right_cyst", "Volume"].value > 0


def test_the_table_is_the_same_under_a_rotated_parent_transform(a_table):
    angle = 0.4
    turn = np.eye(4)
    turn[:3, :3] = [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
    masks, probability, image = study()
    turned = replace(image, ijk_to_ras=turn @ image.ijk_to_ras)
    upright = measure_kidneys(masks, image, PATIENT, probability, conformal=a_table).measurements
    rotated = measure_kidneys(masks, turned, PATIENT, probability, conformal=a_table).measurements
    for one, other in zip(upright, rotated, strict=True):
        assert other.value == pytest.approx(one.value, nan_ok=True)
        assert (other.low is None) or other.low == pytest.approx(one.low, abs=1e-6)


def test_a_mass_at_the_upper_pole_is_described_for_planning(a_study):
    masks, _, image = a_study
    found = describe_tumor("left", masks, image)
    assert found.diameter_mm == pytest.approx(2 * 4 * SPACING, abs=SPACING)
    assert found.polar == "upper pole"
    assert found.masses == 1
    assert found.sinus_mm == pytest.approx((14 - 4 - 7) * SPACING, abs=5)
    assert 0.05 < found.exophytic < 0.95
    assert 0 < found.rim_fraction < 0.5
    assert found.face == "posterior"  # J runs backwards here
    assert "upper pole" in found.words


def test_a_mass_inside_the_kidney_is_endophytic(a_study):
    masks, _, image = a_study
    masks["left_tumor"] = np.zeros(SHAPE, bool)
    masks["left_tumor"][20:23, 12:14, 42:45] = True
    masks["left_kidney"] = study(tumor=False)[0]["left_kidney"]
    masks["left_parenchyma"] = study(tumor=False)[0]["left_parenchyma"] & ~masks["left_tumor"]
    found = describe_tumor("left", masks, image)
    assert found.exophytic == 0
    assert found.words.startswith("11 mm, entirely endophytic")
    assert found.polar == "between the polar lines"


def test_the_largest_of_two_masses_is_described(a_study):
    masks, _, image = a_study
    masks["left_tumor"][5:7, 17, 43] = True
    found = describe_tumor("left", masks, image)
    assert found.polar == "upper pole"
    assert found.words.endswith("largest of 2 masses")


def test_a_kidney_without_a_mass_has_no_description(a_study):
    masks, _, image = a_study
    assert describe_tumor("right", masks, image) is None


def test_a_mass_of_one_voxel_without_a_kidney_around_it_is_still_measured():
    masks = {"left_tumor": np.zeros(SHAPE, bool)}
    masks["left_tumor"][3, 4, 5] = True
    found = describe_tumor("left", masks, study()[2])
    assert found.diameter_mm == pytest.approx(SPACING)
    assert math.isnan(found.sinus_mm)


def test_intervals_calibrated_on_a_case_reach_its_truth(a_study):
    masks, probability, image = a_study
    first = measure_kidneys(masks, image, PATIENT, probability)
    truth = {"left_kidney": 1.02 * first.numbers.volume("left_kidney"), "right_kidney": 0.97 * first.numbers.volume("right_kidney")}
    residuals = calibration_residuals(first, truth)["kidney"]
    table = ConformalTable({"kidney": ConformalEntry.from_residuals([max(residuals)] * 20)})
    rows = table_of(measure_kidneys(masks, image, PATIENT, probability, conformal=table))
    ends = [(rows[s, "Volume"].low - t, rows[s, "Volume"].high - t) for s, t in truth.items()]
    assert all(low <= 1e-9 and high >= -1e-9 for low, high in ends)
    assert min(abs(end) for pair in ends for end in pair) == pytest.approx(0, abs=1e-6)  # and the worst one is just reached


def test_kidneys_without_a_tumor_do_not_calibrate_the_interval_of_tumors(a_study):
    masks, probability, image = a_study
    measured = measure_kidneys(masks, image, PATIENT, probability)
    residuals = calibration_residuals(measured, {"left_tumor": 5.0, "right_tumor": 0.0})
    assert len(residuals["tumor"]) == 1
    assert residuals["kidney"] == []
