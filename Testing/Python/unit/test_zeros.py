"""Zeros that take memory only where they are written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from DeepVolumetryLib.zeros import lazy_zeros


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(3, 4, 5), (0, 4, 5), (300, 7, 11)])
def test_they_are_zeros_that_can_be_written(shape, dtype):
    array = lazy_zeros(shape, dtype)
    np.testing.assert_array_equal(array, np.zeros(shape, dtype))
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    array[...] = 1
    assert array.all()


def test_two_share_no_memory():
    one, other = lazy_zeros((64, 64, 64), np.float32), lazy_zeros((64, 64, 64), np.float32)
    one[...] = 1
    assert not other.any()


@pytest.mark.skipif(sys.platform != "linux", reason="only numpy on Linux asks for large pages, only there is the memory in use listed so")
def test_a_small_organ_in_a_large_scan_takes_little_memory():
    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    before = resident_mb()
    array = lazy_zeros((100, 512, 512), np.float32)  # 105 MB
    array[:, 200:220, 100:150] = 1  # 4 MB of whole rows
    assert resident_mb() - before < 10
    assert array.sum() == 100 * 20 * 50
