from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from GliomaUncertaintyLib.nesting import nested_after_edit
from GliomaUncertaintyLib.segments import KEYS

REGION = {"outside": 0, "edema": 1, "necrosis": 2, "ET": 3}
DEPTH = {"WT": 1, "TC": 2, "ET": 3}


def segments(depth):
    """Five masks from the depth of each voxel: 0 outside, 1 edema, 2 necrosis, 3 ET."""
    depth = np.asarray(depth)
    masks = {target: depth >= least for target, least in DEPTH.items()}
    return {**masks, "edema": depth == 1, "necrosis": depth == 2}


def depth_of(masks):
    return sum(masks[target].astype(int) for target in ("WT", "TC", "ET"))


def edited(depth, key, drawn):
    """The depths after one segment was redrawn and the others followed."""
    masks = segments(depth)
    masks[key] = np.asarray(drawn, bool)
    return depth_of(nested_after_edit(masks, [key])).tolist()


ALL = [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("key", "after_drawing", "after_erasing"),
    [
        ("ET", [3, 3, 3, 3], [0, 1, 2, 2]),  # erased: necrosis or non-enhancing core
        ("necrosis", [2, 2, 2, 2], [0, 1, 1, 3]),  # erased: edema
        ("edema", [1, 1, 1, 1], [0, 0, 2, 3]),  # erased: no tumor
        ("TC", [2, 2, 2, 3], [0, 1, 1, 1]),
        ("WT", [1, 1, 2, 3], [0, 0, 0, 0]),
    ],
)
def test_drawing_and_erasing(key, after_drawing, after_erasing):
    assert edited(ALL, key, [True] * 4) == after_drawing
    assert edited(ALL, key, [False] * 4) == after_erasing


@given(st.lists(st.integers(0, 3), min_size=4, max_size=12), st.sets(st.sampled_from(KEYS)), st.integers(0, 2**20))
def test_whatever_was_edited_the_segments_are_nested(depth, keys, seed):
    masks = segments(depth)
    random = np.random.default_rng(seed)
    for key in keys:
        masks[key] = masks[key] ^ (random.uniform(size=len(depth)) < 0.3)
    found = nested_after_edit(masks, keys)
    assert not (found["ET"] & ~found["TC"]).any()
    assert not (found["TC"] & ~found["WT"]).any()
    assert (found["edema"] == (found["WT"] & ~found["TC"])).all()
    assert (found["necrosis"] == (found["TC"] & ~found["ET"])).all()
    again = nested_after_edit(found, keys)
    assert all((again[key] == found[key]).all() for key in KEYS)
    if len(keys) == 1:  # one edited segment is what the user drew
        (key,) = keys
        assert (found[key] == masks[key]).all()


def test_a_stroke_that_overwrites_the_other_segments_keeps_what_it_drew():
    masks = segments(ALL)
    stroke = np.array([True, True, True, False])
    masks["ET"] = masks["ET"] | stroke
    for key in ("WT", "TC", "edema", "necrosis"):
        masks[key] = masks[key] & ~stroke
    assert depth_of(nested_after_edit(masks, KEYS)).tolist() == [3, 3, 3, 3]


def test_what_needs_no_change_is_handed_back_as_it_was():
    masks = segments(ALL)
    masks["ET"] = masks["ET"] | (np.array(ALL) == 2)
    before = {key: mask.copy() for key, mask in masks.items()}
    found = nested_after_edit(masks, ["ET"])
    assert [key for key in KEYS if found[key] is not masks[key]] == ["necrosis"]
    assert all((masks[key] == before[key]).all() for key in KEYS)


def test_segments_that_were_never_found_come_into_being_when_they_are_needed():
    found = nested_after_edit({"WT": np.array([True, True]), "edema": np.array([True, True]), "ET": np.array([False, True])}, ["ET"])
    assert {key: mask.tolist() for key, mask in found.items()} == {
        "WT": [True, True],
        "TC": [False, True],
        "ET": [False, True],
        "edema": [True, False],
    }


def test_an_unknown_segment_is_refused():
    with pytest.raises(ValueError, match="no segment tumor"):
        nested_after_edit(segments(ALL), ["tumor"])
