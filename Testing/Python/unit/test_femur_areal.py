"""The projection does not care how the leg was turned, and a T-score is given only where it may be."""

import numpy as np
import pytest
from femur_toys import NECK_RADIUS, SHAFT_RADIUS, toy_femur
from scipy.spatial.transform import Rotation

from FemurQCTLib.calibration import manual
from FemurQCTLib.density import NHANES_III, areal
from FemurQCTLib.regions import REGIONS, divide, fit_frame


def project(phantom: str = "mindways_3", level: float = 300.0, side: str = "left", content=None, **options):
    femur = toy_femur(side, **options)
    frame = fit_frame(femur.mask.voxels, femur.mask, side)
    regions = divide(femur.mask.voxels, femur.mask, frame)
    density = np.where(femur.mask.voxels, level, -80).astype(np.float32)  # fat around it must not count
    found = areal(density, femur.mask.voxels, regions, femur.mask, manual(0.82, 3.0, phantom), frame, content)
    return found, {(row.segment.split("_", 1)[1], row.name): row for row in found.measurements}, femur, regions


def test_a_tube_and_a_neck_have_the_abmd_of_cylinders():
    _, rows, _, _ = project(spacing=(1.0, 1.0, 1.0))
    # mean depth of a cylinder seen from the side: pi r / 2
    assert rows["shaft", "aBMD (projected)"].value == pytest.approx(0.3 * np.pi * SHAFT_RADIUS / 20, rel=0.03)
    assert rows["neck", "aBMD (projected)"].value == pytest.approx(0.3 * np.pi * NECK_RADIUS / 20, rel=0.10)


def test_no_mineral_is_lost_in_the_projection():
    found, rows, femur, regions = project()
    for part in (*REGIONS, "total_hip"):
        grams = rows[part, "aBMD (projected)"].value * rows[part, "Projected area"].value
        assert grams == pytest.approx(0.3 * regions[part].sum() * femur.mask.voxel_ml, rel=0.01), part
    assert found.picture.sum() * 0.01 == pytest.approx(0.3 * femur.mask.voxels.sum() * femur.mask.voxel_ml, rel=0.01)


@pytest.mark.parametrize("options", [{"anteversion": -5.0}, {"anteversion": 35.0}, {"side": "right"}])
def test_the_turn_of_the_leg_changes_nothing(options):
    _, usual, _, _ = project()
    _, other, _, _ = project(**options)
    for part in ("neck", "total_hip"):
        assert other[part, "aBMD (projected)"].value == pytest.approx(usual[part, "aBMD (projected)"].value, rel=0.03)


def test_the_tilt_of_the_patient_changes_nothing():
    _, usual, _, _ = project()
    _, other, _, _ = project(turn=Rotation.from_euler("xyz", (8, -6, 10), degrees=True).as_matrix())
    assert other["neck", "aBMD (projected)"].value == pytest.approx(usual["neck", "aBMD (projected)"].value, rel=0.03)


def test_the_t_score_is_that_of_the_named_reference():
    found, rows, _, _ = project()
    row = rows["neck", "T-score (projected QCT)"]
    assert row.value == pytest.approx((rows["neck", "aBMD (projected)"].value - 0.858) / 0.120)
    assert "NHANES III, white women 20–29" in row.verdict and "not a DXA T-score" in row.verdict
    assert {part for part, name in rows if name.startswith("T-score")} == set(NHANES_III) == {"neck", "total_hip"}
    assert not found.warnings


def test_hydroxyapatite_gets_no_t_score_and_a_reason():
    found, rows, _, _ = project("qrm_bdc_3")
    assert not any(name.startswith("T-score") for _, name in rows)
    assert "hydroxyapatite is another scale" in found.warnings[0]
    assert rows["neck", "aBMD (projected)"].unit == "g/cm2{CHA}"


def test_a_femur_without_shaft_gets_no_t_score_and_a_reason():
    found, rows, _, _ = project(below=6)
    assert not any(name.startswith("T-score") for _, name in rows)
    assert "too little of the shaft is in the scan" in found.warnings[0]


def test_the_interval_of_the_mineral_is_carried_over():
    _, rows, _, _ = project(content={"neck": (10.0, 9.0, 12.0)})
    row = rows["neck", "aBMD (projected)"]
    assert (row.low / row.value, row.high / row.value) == pytest.approx((0.9, 1.2))
    score = rows["neck", "T-score (projected QCT)"]
    assert score.low < score.value < score.high
    assert rows["total_hip", "aBMD (projected)"].low is None


def test_the_spine_thresholds_are_nowhere():
    _, rows, _, _ = project(level=100.0)
    assert all("osteopor" not in row.verdict and "normal" not in row.verdict for row in rows.values())
