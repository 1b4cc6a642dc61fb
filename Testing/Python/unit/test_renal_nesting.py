from __future__ import annotations

import numpy as np
import pytest

from RenalParenchymaLib.nesting import nested_after_edit


def row(*places):
    mask = np.zeros((1, 1, 12), bool)
    mask[0, 0, list(places)] = True
    return mask


@pytest.fixture
def masks():
    return {
        "left_kidney": row(1, 2, 3, 4, 5, 6),
        "left_parenchyma": row(1, 2, 3, 4),
        "left_tumor": row(5, 6),
        "right_kidney": row(9, 10),
    }


def test_a_part_that_grew_takes_from_its_sibling_and_adds_to_the_kidney(masks):
    masks["left_tumor"] = row(4, 5, 6, 7)
    after = nested_after_edit(masks, ["left_tumor"])
    assert (after["left_kidney"] == row(1, 2, 3, 4, 5, 6, 7)).all() and (after["left_parenchyma"] == row(1, 2, 3)).all()
    assert "left_tumor" not in after and "right_kidney" not in after


def test_a_kidney_that_shrank_cuts_its_parts(masks):
    masks["left_kidney"] = row(3, 4, 5)
    after = nested_after_edit(masks, ["left_kidney"])
    assert (after["left_parenchyma"] == row(3, 4)).all() and (after["left_tumor"] == row(5)).all()


def test_a_part_that_shrank_leaves_the_kidney_as_it_is(masks):
    masks["left_tumor"] = row(5)
    after = nested_after_edit(masks, ["left_tumor"])
    assert after["left_kidney"] is masks["left_kidney"] and (after["left_parenchyma"] == row(1, 2, 3, 4)).all()


def test_nothing_follows_where_nothing_was_edited(masks):
    assert nested_after_edit(masks, []) == {}
