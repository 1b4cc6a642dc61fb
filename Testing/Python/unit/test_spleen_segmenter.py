"""The segmenter: sizes in millimeters, the grid of the picture, its doubt, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from DeepVolumetryLib.errors import InputError
from SpleenVolumeLib.segmentation_network import STRIDE, build
from SpleenVolumeLib.segmenter import Segmenter, Way, _turned, one_piece, touches_edge


class Bright(torch.nn.Module):
    """Outlines what is brighter than the picture's mean by a deviation."""

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        assert seen.shape[-1] % STRIDE == 0 and seen.shape[-2] % STRIDE == 0
        return (seen[:, :1] - 1.2) * 12


class Undecided(torch.nn.Module):
    """Says one half everywhere."""

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(seen[:, :1])


def _picture(pixel_mm=(0.5, 0.5), center_mm=(75.0, 100.0), noise: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """A dark rectangle of tissue of 150 × 200 mm with a bright ellipse of 100 × 50 mm, and where that is."""
    rows, columns = (round(length / step) for length, step in zip((150, 200), pixel_mm, strict=True))
    y, x = (np.arange(count)[:, None] * step for count, step in zip((rows, columns), pixel_mm, strict=True))
    organ = ((y - center_mm[0]) / 25) ** 2 + ((x.T - center_mm[1]) / 50) ** 2 < 1
    gray = np.where(organ, 190, 60) + np.random.default_rng(0).integers(-noise, noise + 1, organ.shape)
    return np.pad(gray, 30).astype(np.uint8), np.pad(organ, 30)


@pytest.mark.parametrize("pixel_mm", [(0.5, 0.5), (0.3, 0.45), (1.2, 1.2)])
def test_the_outline_has_the_right_place_and_size_for_any_pixel_size(pixel_mm):
    gray, organ = _picture(pixel_mm)
    found = Segmenter(Bright()).segment(gray, pixel_mm)
    assert found.mask.shape == gray.shape
    assert 2 * (found.mask & organ).sum() / (found.mask.sum() + organ.sum()) > 0.95
    assert found.mask.sum() * np.prod(pixel_mm) == pytest.approx(np.pi * 25 * 50, rel=0.05)


def test_members_see_the_picture_in_other_ways_and_are_kept():
    gray, organ = _picture()
    heard: list[float] = []
    found = Segmenter(Bright()).segment(gray, (0.5, 0.5), members=4, update=heard.append)
    assert found.member_masks.shape == (4, *gray.shape)
    assert heard == [0.25, 0.5, 0.75, 1.0]
    for mask in found.member_masks:
        assert 2 * (mask & organ).sum() / (mask.sum() + organ.sum()) > 0.9


def test_doubt_is_largest_where_the_network_is_undecided():
    gray, _ = _picture()
    found = Segmenter(Undecided()).segment(gray, (0.5, 0.5))
    assert found.uncertainty[found.fan].max() == pytest.approx(100, abs=0.1)
    assert not found.uncertainty[~found.fan].any()
    assert not found.mask.any() or found.mask.sum() <= found.fan.sum()
    sure = Segmenter(Bright()).segment(gray, (0.5, 0.5))
    assert np.median(sure.uncertainty[sure.fan]) < 2


def test_text_around_the_fan_changes_nothing():
    gray, _ = _picture()
    written = gray.copy()
    written[5:15, 5:60] = np.random.default_rng(1).integers(0, 2, (10, 55)) * 255
    segmenter = Segmenter(Bright())
    plain, other = (segmenter.segment(each, (0.5, 0.5)) for each in (gray, written))
    assert not other.fan[5:15, 5:60].any()
    assert (plain.mask ^ other.mask).mean() < 0.002


def test_a_spleen_cut_off_by_the_fan_is_flagged():
    gray, _ = _picture()
    assert not Segmenter(Bright()).segment(gray, (0.5, 0.5)).touches_edge
    gray, _ = _picture(center_mm=(75.0, 170.0))
    assert Segmenter(Bright()).segment(gray, (0.5, 0.5)).touches_edge


def test_a_mask_that_meets_the_edge_in_one_place_only_is_not_flagged():
    fan = np.zeros((100, 100), bool)
    fan[5:95, 5:95] = True
    mask = np.zeros_like(fan)
    mask[40:45, 5:60] = True
    assert not touches_edge(mask, fan, (1.0, 1.0))
    mask[40:60, 5:60] = True
    assert touches_edge(mask, fan, (1.0, 1.0))
    assert not touches_edge(np.zeros_like(fan), fan, (1.0, 1.0))


def test_one_piece_without_holes_is_kept():
    mask = np.zeros((40, 40), bool)
    mask[2:6, 2:6] = True
    mask[10:30, 10:30] = True
    mask[15:18, 15:18] = False
    assert one_piece(mask).sum() == 400


def test_turning_back_undoes_turning():
    y, x = np.mgrid[:128, :160]
    blob = torch.from_numpy(np.exp(-((y - 60) ** 2 + (x - 90) ** 2) / 300).astype(np.float32))[None, None]
    for way in (Way(True, 8, 0.95), Way(False, -15, 1.1), Way(mirrored=True)):
        there = _turned(blob, way)
        assert float((_turned(there, way, back=True) - blob).abs().max()) < 0.03
        assert float((there - blob).abs().max()) > 0.1


def test_a_picture_without_a_fan_or_with_an_impossible_size_is_refused():
    segmenter = Segmenter(Bright())
    with pytest.raises(InputError, match="No ultrasound fan"):
        segmenter.segment(np.zeros((200, 200), np.uint8), (0.5, 0.5))
    gray, _ = _picture()
    with pytest.raises(InputError, match=r"pixels of 5×5 mm the picture would be 15\d\d mm deep"):
        segmenter.segment(gray, (5.0, 5.0))


def test_the_network_takes_any_multiple_and_gives_one_channel():
    network = build().eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 2, 96, 160)).shape == (1, 1, 96, 160)
    assert sum(weight.numel() for weight in network.parameters()) < 2_000_000
