"""What a synthesized scan covers, and the glow of surface coils."""

import numpy as np
import pytest
import torch

from DeepVolumetryLib.phantom.tissues import INDEX, typical
from DeepVolumetryLib.training.acquisition import acquire, field_of_view


def tilted(mask: torch.Tensor) -> bool:
    """Whether the border of a slab runs at an angle to the axes: then no axis has planes that are all in or all out."""
    planes = [mask.float().mean(dim=[n for n in range(3) if n != axis]) for axis in range(3)]
    return not bool(mask.all()) and all(((plane > 0) & (plane < 1)).any() for plane in planes)


def test_a_field_of_view_is_never_empty_and_sometimes_tilted():
    rng = np.random.default_rng(0)
    masks = [field_of_view((32, 24, 40), 8.0, rng) for _ in range(200)]
    assert all(mask.any() and mask.shape == (32, 24, 40) and mask.dtype == torch.bool for mask in masks)
    assert 0.1 < np.mean([tilted(mask) for mask in masks]) < 0.5
    assert np.mean([bool(mask.all()) for mask in masks]) >= 0.4


def test_a_slab_is_as_thick_as_asked():
    rng = np.random.default_rng(1)
    slabs = [mask for mask in (field_of_view((40, 40, 40), 5.0, rng, thinnest_mm=80.0) for _ in range(200)) if not mask.all()]
    thinnest = min(float(mask.sum(dim=axis).float().max()) * 5.0 for mask in slabs for axis in (0, 1))
    assert thinnest >= 75.0  # 80 mm, less a voxel where a border falls between two


@pytest.mark.parametrize("count", [1, 2])
def test_the_thinnest_patches_are_covered(count):
    rng = np.random.default_rng(2)
    assert all(field_of_view((count, count, count), 5.0, rng).any() for _ in range(50))


def test_mr_may_glow_at_the_skin_and_ct_does_not():
    rng = np.random.default_rng(3)
    tissue = torch.full((24, 24, 24), INDEX["liver"], dtype=torch.uint8)
    core, corner = (slice(9, 15),) * 3, (slice(0, 4),) * 3

    def ratios(modality: str) -> list[float]:
        images = [acquire(tissue, typical(modality), 15.0, rng) for _ in range(40)]
        return [float(image[corner].mean() / image[core].mean()) for image in images]

    assert max(ratios("T2")) > 2
    assert max(abs(ratio - 1) for ratio in ratios("CT")) < 0.2
