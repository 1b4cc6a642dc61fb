from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from GliomaUncertaintyLib.measurements import calibration_residuals, measure_glioma, remeasure
from GliomaUncertaintyLib.nesting import nested_after_edit
from GliomaUncertaintyLib.segments import KEYS

SHAPE = (30, 48, 48)
VOXEL_ML = 0.0075
MATRIX = np.diag([-1.0, 1.5, 5.0, 1.0])
TARGETS = ("WT", "TC", "ET")


def soft(radius):
    k, j, i = np.indices(SHAPE)
    distance = np.sqrt((5 * (k - 14.5)) ** 2 + (1.5 * (j - 24)) ** 2 + (i - 24) ** 2)
    return (1 / (1 + np.exp(distance - radius))).astype(np.float32)


@pytest.fixture
def a_glioma():
    """Nested masks and probabilities: edema to 20 mm, core to 14 mm, necrosis within 8 mm of the middle."""
    probability = {"WT": soft(20), "TC": soft(20) * soft(14)}
    probability["ET"] = probability["TC"] * (1 - soft(8))
    masks = {target: p > 0.5 for target, p in probability.items()}
    return masks, probability, Image(np.zeros(SHAPE, np.float32), MATRIX)


@pytest.fixture
def a_table():
    return ConformalTable({key: ConformalEntry.from_residuals([1.0] * 40) for key in KEYS})


def table_of(measured):
    return {(m.segment, m.name): m for m in measured.measurements}


def test_volumes_of_all_five_regions(a_glioma, a_table):
    masks, probability, image = a_glioma
    rows = table_of(measure_glioma(masks, image, None, probability, conformal=a_table))
    for target in TARGETS:
        assert rows[target, "Volume"].value == pytest.approx(masks[target].sum() * VOXEL_ML)
        assert rows[target, "Volume"].code.value == "118565006"
    assert rows["edema", "Volume"].value == pytest.approx(rows["WT", "Volume"].value - rows["TC", "Volume"].value)
    assert rows["necrosis", "Volume"].value == pytest.approx(rows["TC", "Volume"].value - rows["ET", "Volume"].value)


def test_the_interval_is_the_volume_at_stake_times_the_scale(a_glioma, a_table):
    masks, probability, image = a_glioma
    rows = table_of(measure_glioma(masks, image, None, probability, conformal=a_table))
    p = {**probability, "edema": probability["WT"] - probability["TC"]}
    for key, mask in (("TC", masks["TC"]), ("edema", masks["WT"] & ~masks["TC"])):
        row = rows[key, "Volume"]
        surplus = (1 - p[key])[mask & (p[key] <= 0.99)].sum() * VOXEL_ML
        missing = p[key][~mask & (p[key] >= 0.01)].sum() * VOXEL_ML
        assert (row.value - row.low, row.high - row.value) == pytest.approx((surplus, missing), rel=1e-3)
        assert row.level == 0.95


def test_no_part_may_be_larger_than_its_whole_may_be(a_glioma, a_table):
    masks, probability, image = a_glioma
    wide = ConformalTable({**a_table.entries, **{key: ConformalEntry.from_residuals([60.0] * 40) for key in ("TC", "ET", "necrosis")}})
    rows = table_of(measure_glioma(masks, image, None, probability, conformal=wide))
    assert rows["TC", "Volume"].high == rows["ET", "Volume"].high == rows["necrosis", "Volume"].high == rows["WT", "Volume"].high


def test_members_widen_the_interval_of_sub_regions_too(a_glioma, a_table):
    masks, probability, image = a_glioma
    volumes = {"WT": [30.0, 40.0], "TC": [10.0, 12.0], "ET": [8.0, 8.0]}
    measured = measure_glioma(masks, image, None, probability, volumes, a_table)
    assert measured.numbers.stakes["edema"].spread_ml == pytest.approx(np.std([20.0, 28.0]))
    assert measured.numbers.stakes["necrosis"].spread_ml == pytest.approx(np.std([2.0, 4.0]))


def test_shares_of_the_core_add_up(a_glioma, a_table):
    masks, probability, image = a_glioma
    rows = table_of(measure_glioma(masks, image, None, probability, conformal=a_table))
    enhancing, necrosis = rows["ET", "Share of the tumor core"], rows["necrosis", "Share of the tumor core"]
    assert enhancing.value == pytest.approx(100 * masks["ET"].sum() / masks["TC"].sum())
    assert enhancing.value + necrosis.value == pytest.approx(100)
    assert (enhancing.low + necrosis.high, enhancing.high + necrosis.low) == pytest.approx((100, 100))
    assert 0 < enhancing.low < enhancing.value < enhancing.high < 100


def test_lesions_and_diameters(a_glioma):
    masks, _, image = a_glioma
    rows = table_of(measure_glioma(masks, image))
    assert (rows["ET", "Lesions"].value, rows["ET", "Measurable lesions"].value, rows["ET", "Lesions"].unit) == (1, 1, "1")
    assert rows["WT", "Longest diameter"].value == pytest.approx(40, abs=2)
    assert rows["WT", "Longest diameter"].code.meaning == "Long Axis"
    assert rows["WT", "Bidimensional product"].value == pytest.approx(
        rows["WT", "Longest diameter"].value * rows["WT", "Perpendicular diameter"].value
    )
    # the enhancing ring is measured beside its necrotic center
    assert rows["ET", "Longest diameter"].value < 26.5
    assert rows["ET", "Sum of products of target lesions"].unit == "mm2"


def test_mean_uncertainty_is_highest_at_the_boundary(a_glioma):
    masks, probability, image = a_glioma
    rows = table_of(measure_glioma(masks, image, None, probability))
    mask, p = masks["WT"], probability["WT"].astype(float)
    wrong = np.where((p <= 0.99) & mask, 200 * (1 - p), 0)
    assert rows["WT", "Mean uncertainty"].value == pytest.approx(wrong.sum() / mask.sum(), rel=1e-4)
    padded = np.pad(mask, 1, mode="edge")
    inner = mask.copy()
    for axis in range(3):
        for step in (-1, 1):
            inner &= np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1]
    assert rows["WT", "Mean uncertainty at the boundary"].value == pytest.approx(wrong[mask & ~inner].mean(), rel=1e-4)


def test_reviewed_and_edited_regions_are_less_in_doubt(a_glioma, a_table):
    masks, probability, image = a_glioma
    first = measure_glioma(masks, image, None, probability, conformal=a_table)
    reviewed = np.zeros(SHAPE, bool)
    reviewed[:, :, 24:] = True
    second = remeasure(masks, image, first, reviewed, changed=())
    before, after = (table_of(m)["WT", "Volume"] for m in (first, second))
    assert after.value == before.value
    assert after.high - after.low < 0.65 * (before.high - before.low)
    assert table_of(second)["WT", "Mean uncertainty"].value < table_of(first)["WT", "Mean uncertainty"].value
    everything = remeasure(masks, image, first, np.ones(SHAPE, bool), changed=())
    whole = table_of(everything)["WT", "Volume"]
    assert whole.high - whole.low == pytest.approx((before.high - before.low) / 4)


def test_measuring_again_gives_what_measuring_afresh_gives(a_glioma, a_table):
    masks, probability, image = a_glioma
    first = measure_glioma(masks, image, None, probability, conformal=a_table)
    full = {**masks, "edema": masks["WT"] & ~masks["TC"], "necrosis": masks["TC"] & ~masks["ET"]}
    full["ET"] = full["ET"].copy()
    full["ET"][10:20, 5:12, 20:30] = True
    nested = nested_after_edit(full, ["ET"])
    changed = ["ET", *(key for key in KEYS if nested[key] is not full[key])]
    assert set(changed) == set(KEYS) - {"necrosis"}
    again = remeasure(nested, image, first, changed=changed)
    noticed = remeasure(nested, image, first)
    afresh = measure_glioma(nested, image)
    for found in (again, noticed):
        rows = table_of(found)
        for key, fresh in table_of(afresh).items():
            assert rows[key].value == pytest.approx(fresh.value, nan_ok=True), key
    # drawn by hand, so certain: the lower end has what was drawn in it
    assert table_of(again)["ET", "Volume"].low > table_of(first)["ET", "Volume"].low + 0.9 * 700 * VOXEL_ML


def test_without_a_tumor_it_says_so_and_what_may_have_been_missed(a_table):
    image = Image(np.zeros(SHAPE, np.float32), MATRIX)
    faint = {target: 0.4 * soft(10) for target in TARGETS}
    measured = measure_glioma({target: np.zeros(SHAPE, bool) for target in TARGETS}, image, None, faint, conformal=a_table)
    rows = table_of(measured)
    assert measured.warnings == ["No tumor was found. Look at the review list before you believe it."]
    assert rows["ET", "Volume"].value == 0
    assert rows["ET", "Volume"].high > 1
    assert rows["ET", "Measurable lesions"].value == 0


def test_without_calibration_there_is_no_interval_and_a_warning(a_glioma):
    masks, probability, image = a_glioma
    measured = measure_glioma(masks, image, None, probability)
    assert all(m.low is None and m.high is None for m in measured.measurements)
    assert "No interval is stated for whole tumor, tumor core and enhancing tumor" in measured.warnings[0]


def test_a_tumor_at_the_edge_is_a_lower_bound(a_glioma, a_table):
    masks, probability, image = a_glioma
    masks = {**masks, "WT": masks["WT"].copy()}
    masks["WT"][0, 0, 0] = True
    measured = measure_glioma(masks, image, None, probability, conformal=a_table)
    assert measured.warnings == ["The tumor reaches the edge of the image; its volumes are lower bounds."]


def test_residuals_calibrate_the_interval(a_glioma, a_table):
    masks, probability, image = a_glioma
    measured = measure_glioma(masks, image, None, probability, conformal=a_table)
    rows = table_of(measured)
    found = calibration_residuals(measured, {"WT": rows["WT", "Volume"].high, "ET": rows["ET", "Volume"].low})
    assert found["WT"] == pytest.approx([1.0])
    assert found["ET"] == pytest.approx([1.0])
    assert found["TC"] == []
    nothing = replace(measured, numbers=replace(measured.numbers, counts={**measured.numbers.counts, "ET": 0}))
    assert calibration_residuals(nothing, {"ET": 0.0})["ET"] == []


def test_masks_on_another_grid_are_refused(a_glioma):
    masks, _, image = a_glioma
    with pytest.raises(ValueError, match="the image"):
        measure_glioma({"WT": masks["WT"][1:]}, image)


def test_no_value_is_nan_where_there_is_a_tumor(a_glioma, a_table):
    masks, probability, image = a_glioma
    assert not any(math.isnan(m.value) for m in measure_glioma(masks, image, None, probability, conformal=a_table).measurements)
