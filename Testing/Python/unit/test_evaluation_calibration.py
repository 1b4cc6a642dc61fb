from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.app.evaluation.calibration import calibration, pooled
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.comparison import Comparison
from DeepVolumetryLib.result import Provenance, Result
from DeepVolumetryLib.uncertainty.calibrate import reliability
from DeepVolumetryLib.uncertainty.maps import entropy_map

SHAPE = (20, 24, 28)
WT = Comparison("WT", "WT", (1,), ("WT",), (("WT",),))


@pytest.fixture
def an_honest_result():
    """Truth drawn voxel by voxel with the probability that the result states."""
    random = np.random.default_rng(0)
    p = np.zeros(SHAPE, np.float32)
    p[4:16, 4:20, 4:24] = random.uniform(size=(12, 16, 20))
    image = Image(np.zeros(SHAPE), np.eye(4))
    result = Result(image, (), {"WT": p > 0.5}, {"WT": p}, {"WT": entropy_map(p)}, [], [], Provenance("glioma", "0"))
    return result, random.uniform(size=SHAPE) < p


def numbers(result, true, region=None, item=WT):
    return calibration(result, item, result.segments["WT"], true, result.image, region)


def test_an_honest_probability_has_a_small_error_and_its_doubt_finds_the_errors(an_honest_result):
    result, true = an_honest_result
    found = numbers(result, true)
    assert found["ece"] < 0.03
    assert found["error_auroc"] > 0.7
    assert sum(found["reliability"]["counts"]) == true.size  # ten millimeters around the masks is everything here
    assert found["reliability"]["observed"][0] < 0.1 < 0.9 < found["reliability"]["observed"][-1]


def test_only_the_region_counts(an_honest_result):
    result, true = an_honest_result
    brain = np.zeros(SHAPE, bool)
    brain[4:16, 4:20, 4:24] = True
    found = numbers(result, true, brain)
    assert sum(found["reliability"]["counts"]) == brain.sum()
    expected = reliability(result.probability["WT"][brain], true[brain]).expected_calibration_error
    assert found["ece"] == pytest.approx(expected)


def test_parts_without_a_map_of_their_own_have_no_calibration(an_honest_result):
    result, true = an_honest_result
    part = Comparison("edema", "WT", (1,), ("WT",), (("WT",),), scored=False)
    assert numbers(result, true, item=part) == {"ece": None, "error_auroc": None, "reliability": None}


def test_a_group_pools_voxels_not_cases(an_honest_result):
    result, true = an_honest_result
    brain = np.zeros(SHAPE, bool)
    brain[4:16, 4:20, 4:24] = True
    halves = [brain.copy(), brain.copy()]
    halves[0][10:], halves[1][:10] = False, False
    together = pooled([numbers(result, true, half)["reliability"] for half in halves] + [None])
    whole = numbers(result, true, brain)
    assert together["ece"] == pytest.approx(whole["ece"])
    assert together["counts"] == whole["reliability"]["counts"]
    assert pooled([None]) is None
