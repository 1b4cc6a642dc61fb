from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.errors import InputError
from GliomaUncertaintyLib.labels import SCHEMES, TARGETS, label_map, sub_regions, targets_of

EVERY_VALUE = {
    "brats2021": [0, 1, 2, 4],
    "brats2023": [0, 1, 2, 3],
    "brats2024": [0, 1, 2, 3, 4],
    "msd": [0, 1, 2, 3],
    "brats2013": [0, 1, 2, 3, 4],
}


@pytest.mark.parametrize(
    ("scheme", "whole", "core", "enhancing"),
    [
        ("brats2021", {1, 2, 4}, {1, 4}, {4}),
        ("brats2023", {1, 2, 3}, {1, 3}, {3}),
        ("brats2024", {1, 2, 3}, {1, 3}, {3}),
        ("msd", {1, 2, 3}, {2, 3}, {3}),
        ("brats2013", {1, 2, 3, 4}, {1, 3, 4}, {4}),
    ],
)
def test_each_scheme_says_what_its_values_mean(scheme, whole, core, enhancing):
    labels = np.array(EVERY_VALUE[scheme])
    found = targets_of(labels, scheme)
    assert [set(labels[found[target]]) for target in TARGETS] == [whole, core, enhancing]


def test_the_resection_cavity_of_2024_is_no_tumor():
    assert not targets_of(np.array([4]), "brats2024")["WT"].any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_targets_are_nested_and_come_back_from_what_is_written(scheme):
    labels = np.random.default_rng(0).choice(EVERY_VALUE[scheme], (4, 5, 6))
    masks = targets_of(labels, scheme)
    assert not (masks["ET"] & ~masks["TC"]).any() and not (masks["TC"] & ~masks["WT"]).any()
    again = targets_of(label_map(masks, scheme), scheme)
    for target in TARGETS:
        np.testing.assert_array_equal(again[target], masks[target])


def test_edema_and_necrosis_are_what_the_targets_leave():
    masks = targets_of(np.array([0, 1, 2, 4]), "brats2021")
    parts = sub_regions(masks)
    assert parts["edema"].tolist() == [False, False, True, False]
    assert parts["necrosis"].tolist() == [False, True, False, False]


def test_a_label_map_of_another_scheme_is_refused_with_the_one_that_fits():
    with pytest.raises(InputError, match=r"holds 3, which means nothing in brats2021.*Choose brats2023 or"):
        targets_of(np.array([0, 1, 3]), "brats2021")


def test_a_map_that_fits_nothing_is_refused():
    with pytest.raises(InputError, match="Choose a label map of a glioma"):
        targets_of(np.array([0, 205]), "msd")


def test_an_unknown_scheme_is_named():
    with pytest.raises(InputError, match="no label scheme “brats1999”"):
        label_map({}, "brats1999")
