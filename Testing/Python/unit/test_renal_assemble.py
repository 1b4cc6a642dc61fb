"""From refined kidneys to masks on the grid of the scan."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from DeepVolumetryLib.image import Image
from RenalParenchymaLib.assemble import assemble
from RenalParenchymaLib.labels import CYST, PARENCHYMA, SINUS, TUMOR
from RenalParenchymaLib.refiner import Refined


def refined_from(labels: np.ndarray, origin=(0.0, 0.0, 0.0), spacing=1.0, certainty=0.9) -> Refined:
    """A kidney whose classes are as sure as stated."""
    grid = Image.from_spacing(np.broadcast_to(np.float32(0), labels.shape), (spacing,) * 3, origin)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(labels.astype(np.int64)), 5).movedim(-1, 0).float()
    return Refined(grid, one_hot * certainty + (1 - certainty) / 5, np.zeros((1, 4)))


def ball(radius=12, shape=(32, 32, 32), center=(16, 16, 16)) -> np.ndarray:
    k, j, i = np.indices(shape)
    return (k - center[0]) ** 2 + (j - center[1]) ** 2 + (i - center[2]) ** 2 < radius**2


@pytest.fixture
def a_scan():
    return Image.from_spacing(np.zeros((32, 32, 32), np.int16), (1, 1, 1), modality="CT")


def kidney_with(value: int, where: np.ndarray) -> np.ndarray:
    labels = np.where(ball(), PARENCHYMA, 0)
    labels[where] = value
    return labels


def test_parts_make_up_the_kidney_and_do_not_overlap(a_scan):
    labels = kidney_with(TUMOR, ball(5, center=(16, 16, 8)))
    labels[ball(4, center=(16, 22, 20))] = CYST
    labels[ball(3)] = SINUS
    masks = assemble(a_scan, {"left": refined_from(labels)}).masks
    for target, value in (("parenchyma", PARENCHYMA), ("tumor", TUMOR), ("cyst", CYST)):
        np.testing.assert_array_equal(masks[f"left_{target}"], labels == value)
    np.testing.assert_array_equal(masks["left_kidney"], labels > 0)


@pytest.mark.parametrize(("value", "name"), [(TUMOR, "tumor"), (CYST, "cyst")])
def test_specks_of_lesion_become_parenchyma(a_scan, value, name):
    speck = np.zeros((32, 32, 32), bool)
    speck[15:18, 15:18, 15:18] = True  # 0.027 mL
    masks = assemble(a_scan, {"right": refined_from(kidney_with(value, speck))}).masks
    assert not masks[f"right_{name}"].any()
    np.testing.assert_array_equal(masks["right_parenchyma"], ball())


def test_a_hole_enclosed_by_the_kidney_becomes_sinus(a_scan):
    masks = assemble(a_scan, {"left": refined_from(kidney_with(0, ball(4)))}).masks
    assert masks["left_kidney"][16, 16, 16]
    assert not masks["left_parenchyma"][16, 16, 16]
    np.testing.assert_array_equal(masks["left_kidney"], ball())


def test_an_open_sinus_is_not_filled(a_scan):
    channel = np.zeros((32, 32, 32), bool)
    channel[14:19, 14:19, 16:] = True
    masks = assemble(a_scan, {"left": refined_from(kidney_with(0, channel))}).masks
    assert not masks["left_kidney"][channel].any()


def test_a_hole_in_parenchyma_that_is_a_cyst_stays_a_cyst(a_scan):
    masks = assemble(a_scan, {"left": refined_from(kidney_with(CYST, ball(4)))}).masks
    np.testing.assert_array_equal(masks["left_cyst"], ball(4))


def test_a_voxel_belongs_to_one_kidney_where_boxes_overlap(a_scan):
    left, right = np.where(ball(center=(16, 16, 12)), PARENCHYMA, 0), np.where(ball(center=(16, 16, 22)), PARENCHYMA, 0)
    assembled = assemble(a_scan, {"left": refined_from(left), "right": refined_from(right)})
    masks = assembled.masks
    assert not (masks["left_kidney"] & masks["right_kidney"]).any()
    np.testing.assert_array_equal(masks["left_kidney"] | masks["right_kidney"], (left > 0) | (right > 0))
    assert float(assembled.probability["kidney"][16, 16, 12]) == pytest.approx(0.98)
    assert float(assembled.probability["kidney"][16, 16, 24]) == pytest.approx(0.98)


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 2.5), (3.0, 3.0, 3.0)])
def test_volumes_are_kept_on_finer_and_coarser_scans(spacing):
    size = [int(48 / step) for step in spacing]
    scan = Image.from_spacing(np.zeros(size[::-1], np.int16), spacing, (-8, -8, -8))
    masks = assemble(scan, {"left": refined_from(np.where(ball(), PARENCHYMA, 0))}).masks
    assert masks["left_kidney"].sum() * scan.voxel_ml == pytest.approx(ball().sum() / 1000, rel=0.05)


def test_a_box_holds_everything_of_its_side(a_scan):
    assembled = assemble(a_scan, {"left": refined_from(np.where(ball(8, (20, 20, 20), (10, 10, 10)), PARENCHYMA, 0), (4, 5, 6))})
    low, high = assembled.boxes["left"]
    outside = np.ones(a_scan.shape, bool)
    outside[tuple(map(slice, low, high))] = False
    assert not assembled.masks["left_kidney"][outside].any()
    assert not assembled.probability["kidney"][outside].any()
    assert ndimage.center_of_mass(assembled.masks["left_kidney"]) == pytest.approx((16, 15, 14), abs=0.01)


def test_parts_hold_all_probability_and_little_else():
    scan = Image.from_spacing(np.zeros((60, 40, 50), np.int16), (1, 1, 1))
    near, far = (np.where(ball(9, (24, 24, 24), (12, 12, 12)), PARENCHYMA, 0) for _ in range(2))
    sure = {"left": refined_from(near, (2, 3, 4), certainty=1.0), "right": refined_from(far, (22, 12, 30), certainty=1.0)}
    assembled = assemble(scan, sure)
    inside = np.zeros(scan.shape, bool)
    for part in assembled.parts:
        inside[part] = True
    assert not assembled.probability["kidney"][~inside].any()
    assert (assembled.probability["kidney"][inside] > 0).mean() > 0.4


def test_no_kidney_gives_empty_probabilities(a_scan):
    assembled = assemble(a_scan, {})
    assert assembled.masks == {}
    assert {name: float(volume.max()) for name, volume in assembled.probability.items()} == dict.fromkeys(
        ("kidney", "parenchyma", "tumor", "cyst"), 0.0
    )
