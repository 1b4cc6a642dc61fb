"""Volume, density and cortex of a femur whose density is known, with intervals that widen for the right reasons."""

import numpy as np
import pytest
from femur_toys import CORTICAL, INTERCEPT, SLOPE, TRABECULAR, rod_hu, toy_femur
from scipy import ndimage

from FemurQCTLib.calibration import PRESETS, Rod, fit_rods, manual
from FemurQCTLib.density import compartments, cortex, measure, thickness_map
from FemurQCTLib.regions import REGIONS, divide, fit_frame


class Case:
    """A femur in a calibrated scan."""

    def __init__(self, density=None, noise_hu: float = 12.0, rod_error: float = 1.0, phantom: str = "mindways_3", **options):
        self.femur = toy_femur(**options)
        self.mask = self.femur.mask.voxels
        self.density = self.femur.density if density is None else np.where(self.mask, density, 0).astype(np.float32)
        self.image = self.femur.mask.with_voxels(((self.density - INTERCEPT) / SLOPE).astype(np.float32))
        self.frame = fit_frame(self.mask, self.image, "left")
        self.regions = divide(self.mask, self.image, self.frame)
        preset = PRESETS[phantom]
        off = rod_error * np.resize([1, -1, -1, 1], len(preset.densities))
        self.calibration = fit_rods([Rod((0, 0, 0), h, noise_hu, 0.0) for h in rod_hu(preset) + off], preset)

    def rows(self, **options):
        measured = measure(self.density, self.mask, self.regions, self.image, self.calibration, **options)
        return {(row.segment, row.name): row for row in measured}


@pytest.fixture(scope="module")
def even() -> Case:
    return Case(density=300.0)


@pytest.fixture(scope="module")
def layered() -> Case:
    return Case(spacing=(1.0, 1.0, 1.0), cortex_mm=4.0)


def test_an_even_femur_has_its_density_everywhere(even):
    rows = even.rows()
    for part in ("femur", *REGIONS, "total_hip"):
        assert rows[f"left_{part}", "Integral vBMD"].value == pytest.approx(300, rel=1e-5)
        volume = rows[f"left_{part}", "Volume"].value
        assert rows[f"left_{part}", "BMC"].value == pytest.approx(0.3 * volume, rel=1e-5)
        assert rows[f"left_{part}", "Mean HU"].value == pytest.approx((300 - INTERCEPT) / SLOPE, rel=1e-4)
    parts = sum(rows[f"left_{part}", "Volume"].value for part in REGIONS)
    assert rows["left_femur", "Volume"].value == pytest.approx(parts)
    assert rows["left_femur", "Voxels"].value == even.mask.sum()


def test_the_unit_names_the_material_of_the_phantom(even):
    rows = even.rows()
    assert rows["left_neck", "Integral vBMD"].unit == "mg/cm3{K2HPO4}"
    assert rows["left_neck", "BMC"].unit == "g{K2HPO4}"
    other = Case(density=300.0, phantom="qrm_bdc_3").rows()
    assert other["left_neck", "Integral vBMD"].unit == "mg/cm3{CHA}"


def test_without_a_calibration_there_are_hounsfield_units_only(even):
    rows = measure(None, even.mask, even.regions, even.image, None)
    assert {row.name for row in rows} == {"Volume", "Mean HU", "SD of HU", "Voxels"}
    with pytest.raises(ValueError, match="densities need the calibration"):
        measure(even.density, even.mask, even.regions, even.image, None)


def test_cortical_and_trabecular_bone_are_told_apart(layered):
    rows = layered.rows()
    assert rows["left_shaft", "Cortical vBMD"].value == pytest.approx(CORTICAL, rel=0.01)
    assert rows["left_head", "Trabecular vBMD"].value == pytest.approx(TRABECULAR, rel=0.01)
    # a tube with walls of 4 mm and an outer radius of 15 mm
    share = rows["left_shaft", "Cortical volume"].value / rows["left_shaft", "Volume"].value
    assert share == pytest.approx(1 - (11 / 15) ** 2, rel=0.06)


def test_threshold_and_erosion_do_what_they_say(layered):
    parts = compartments(layered.density, layered.mask, layered.image, threshold=350, erosion_mm=6.0)
    assert not (parts.cortical & parts.trabecular).any()
    depth = ndimage.distance_transform_edt(layered.mask)
    assert depth[parts.trabecular].min() > 6.0
    assert layered.density[parts.cortical].min() >= 350
    shallow = compartments(layered.density, layered.mask, layered.image, erosion_mm=3.0)
    assert shallow.trabecular.sum() > parts.trabecular.sum()
    assert not compartments(layered.density, layered.mask, layered.image, threshold=1200).cortical.any()


@pytest.mark.parametrize("cortex_mm", [2.0, 3.0, 4.0])
def test_the_thickness_of_a_sharp_cortex_is_found_within_a_third_of_a_millimeter(cortex_mm):
    case = Case(spacing=(1.0, 1.0, 1.0), cortex_mm=cortex_mm)
    rows = case.rows()
    assert rows["left_shaft", "Cortical thickness"].value == pytest.approx(cortex_mm, abs=0.35)
    assert rows["left_head", "Cortical thickness"].value == pytest.approx(cortex_mm, abs=0.35)
    found = thickness_map(case.density, case.mask, case.image)
    shaft = found[case.regions["shaft"] & (found > 0)]
    assert np.median(shaft) == pytest.approx(cortex_mm, abs=0.35)
    assert not found[~case.mask].any()


def test_a_cortex_that_the_scanner_cannot_resolve_is_not_invented():
    case = Case(spacing=(1.0, 1.0, 1.0), cortex_mm=1.0)
    blurred = ndimage.gaussian_filter(case.density, (1.3, 1.3, 1.3))
    surface = cortex(blurred, case.mask, case.image, threshold=450)
    head = np.linalg.norm(surface.points - case.femur.head, axis=1) < 25
    assert np.median(surface.thickness[head]) == 0


def test_a_cortex_is_measured_on_any_grid():
    turn = np.linalg.qr(np.array([[1.0, 0.2, -0.3], [-0.2, 1, 0.4], [0.3, -0.3, 1]]))[0]
    straight, oblique = (Case(spacing=(1.2, 1.2, 1.5), cortex_mm=4.0, direction=d) for d in (None, turn))
    for name in ("head", "shaft"):
        a, b = (case.rows()[f"left_{name}", "Cortical thickness"].value for case in (straight, oblique))
        assert a == pytest.approx(b, abs=0.3)


def probability_of(case: Case, blur: float) -> np.ndarray:
    return np.clip(ndimage.gaussian_filter(case.mask.astype(np.float32), blur), 0, 1)


def test_no_interval_without_a_calibrated_probability(even):
    assert all(row.low is None for row in even.rows().values())
    assert all(row.low is None for row in even.rows(probability=probability_of(even, 1.0)).values())


def test_intervals_hold_the_value_and_widen_with_each_error(even):
    rows = even.rows(probability=probability_of(even, 0.7), scale=0.5)
    for name in ("Volume", "Integral vBMD", "Trabecular vBMD", "BMC", "Mean HU"):
        row = rows["left_total_hip", name]
        assert row.low < row.value < row.high, name
        assert row.level == 0.95

    def width(rows, name="Integral vBMD"):
        return rows["left_total_hip", name].high - rows["left_total_hip", name].low

    base = width(rows)
    assert width(even.rows(probability=probability_of(even, 1.5), scale=0.5)) > base
    assert width(even.rows(probability=probability_of(even, 0.7), scale=1.0)) > base
    assert width(Case(density=300.0, rod_error=4.0).rows(probability=probability_of(even, 0.7), scale=0.5)) > base
    assert width(Case(density=300.0, noise_hu=400.0).rows(probability=probability_of(even, 0.7), scale=0.5)) > base


def test_a_mask_that_may_be_too_large_may_be_too_light(even):
    """Outside is 0 mg/cm³: voxels that come in lower the mean, voxels that go out leave it where it is."""
    row = even.rows(probability=probability_of(even, 1.0), scale=1.0)["left_shaft", "Integral vBMD"]
    assert row.value - row.low > 3 * (row.high - row.value)


def test_a_line_that_cannot_be_checked_gives_no_interval_of_density(even):
    entered = manual(SLOPE, INTERCEPT, "mindways_3")
    rows = measure(even.density, even.mask, even.regions, even.image, entered, probability_of(even, 1.0), scale=1.0)
    found = {(row.segment, row.name): row for row in rows}
    assert found["left_neck", "Volume"].low is not None
    assert found["left_neck", "Integral vBMD"].low is None


def test_shapes_must_fit(even):
    with pytest.raises(ValueError, match="mask has shape"):
        measure(None, even.mask[1:], even.regions, even.image, None)
    assert measure(None, np.zeros_like(even.mask), {}, even.image, None) == []
