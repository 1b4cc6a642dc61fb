from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.image import Image
from GliomaUncertaintyLib.islands import without_unsure_islands
from GliomaUncertaintyLib.review import places


@pytest.fixture
def a_tumor_with_islands() -> dict[str, np.ndarray]:
    """A tumor of 8,000 voxels with a core, and two islands of 216: one that the model believes in, one that it does not."""
    wt = np.zeros((40, 60, 60), np.float32)
    wt[10:30, 20:40, 5:25] = 0.97
    wt[10:16, 10:16, 50:56] = 0.99
    wt[30:36, 50:56, 40:46] = 0.7
    tc = np.where(wt == np.float32(0.7), 0.6, 0).astype(np.float32)
    tc[15:25, 25:35, 10:20] = 0.95
    return {"WT": wt, "TC": tc, "ET": tc * np.float32(0.9)}


def test_a_small_island_that_the_model_doubts_is_left_out_with_all_that_lies_in_it(a_tumor_with_islands):
    masks = without_unsure_islands(a_tumor_with_islands)
    assert int(masks["WT"].sum()) == 8000 + 216
    assert int(masks["TC"].sum()) == int(masks["ET"].sum()) == 1000
    assert masks["WT"][12, 12, 52]


def test_what_is_left_out_leads_the_list_to_review(a_tumor_with_islands):
    image = Image(np.zeros((40, 60, 60), np.uint8), np.eye(4))
    first = places(a_tumor_with_islands, image, without_unsure_islands(a_tumor_with_islands))[0]
    assert first.kind == "outside"
    assert first.box_kji == ((30, 50, 40), (36, 56, 46))


def test_two_lesions_of_similar_size_both_stay_however_unsure():
    wt = np.zeros((20, 20, 40), np.float32)
    wt[5:15, 5:15, 5:15] = 0.6
    wt[5:13, 5:13, 25:33] = 0.6
    assert int(without_unsure_islands({"WT": wt})["WT"].sum()) == 1000 + 512


def test_an_empty_map_stays_empty():
    assert not without_unsure_islands({"WT": np.zeros((4, 4, 4), np.float32)})["WT"].any()
