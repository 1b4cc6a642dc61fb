"""Which voxels are brain: read off images whose skull was removed already, found by a small network in whole heads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.image import Image

from .alignment import TITLES
from .brain_network import SPACING_MM, STRIDE, scaled
from .stripped import filled, foreground, is_stripped

if TYPE_CHECKING:
    from torch.nn import Module

    from .parameters import Parameters

NETWORK = "brain"
SHIPPED = Path(__file__).resolve().parent.parent / "Resources" / "Models" / "glioma_brain"
_USUAL_ML = (800.0, 2000.0)
_CLOSING_VOXELS = 2
_BODY_SHARE = 0.08
_CPU = Device("cpu")


def brain_mask(
    reference: Image, images: Mapping[str, Image], bundle: Path, parameters: Parameters, device: Device = _CPU
) -> tuple[NDArray[np.bool_], list[str]]:
    """The brain with the fluid in and around it.

    Args:
        reference: the sequence that the network looks at, axes roughly along the patient's (``Image.canonical``).
        images: all sequences on the grid of the reference, the reference among them.
        bundle: folder of the network's bundle; only opened where it is needed.
        parameters: ``skull_strip`` "never" takes everything that is not background for brain.
        device: where the network runs.

    Returns:
        Mask, bool (K, J, I), and sentences for the user. If sequences are skull-stripped, the brain is what at least half of
        those show; the network is not asked.

    Raises:
        ModelError: if the network is needed and its bundle is missing or fails its check.
    """
    if parameters.skull_strip == "never":
        return np.logical_or.reduce([foreground(image.voxels) for image in images.values()]), []
    stripped = {name: image for name, image in images.items() if is_stripped(image)}
    if stripped:
        votes = np.zeros(reference.shape, np.uint8)
        for image in stripped.values():
            votes += foreground(image.voxels)
        mask = filled(_largest(2 * votes >= len(stripped)))
        rest = [TITLES[name] for name in images if name not in stripped]
        texts = (
            [f"{_listed(rest)} still shows the skull; the brain was taken from {_listed([TITLES[n] for n in stripped])}."] if rest else []
        )
        return mask, texts
    network, threshold = load(bundle, device.name)
    mask = find(reference, network, threshold, device)
    volume = float(np.count_nonzero(mask) * reference.voxel_ml)
    low, high = _USUAL_ML
    if volume and not low <= volume <= high:
        return mask, [f"The brain that was found has {volume:.0f} mL, which is unusual. Check that the images show the whole head."]
    return mask, []


def find(image: Image, network: Module, threshold: float, device: Device = _CPU) -> NDArray[np.bool_]:
    """The brain in a whole head, bool (K, J, I).

    Args:
        image: of any sequence, its axes roughly along the patient's.
        network, threshold: see ``load``.
        device: where the network is.

    The network works at 3 mm; its probability is interpolated, which keeps the outline smooth.
    """
    import torch

    from DeepVolumetryLib.engine.tiles import TilePredictor

    coarse = image.resampled(_coarse_grid(image), antialias=True)
    low, high = _body(coarse.voxels)
    body = coarse.cropped(low, high)
    predictor = TilePredictor(network, device, multiple=STRIDE, activation=partial(torch.softmax, dim=1), fill=0.0)
    probability = predictor(torch.from_numpy(scaled(body.voxels))[None])[1].numpy()
    tidy = _tidied(probability, threshold)
    return body.with_voxels(tidy).resampled(image, fill=0.0).voxels > threshold


@lru_cache(maxsize=2)
def load(bundle: Path, device: str = "cpu") -> tuple[Module, float]:
    """The network of a bundle on a device, and the probability from which on a voxel is brain.

    Raises:
        ModelError: if the bundle is missing or fails its check.
    """
    import torch

    from DeepVolumetryLib.bundle import Bundle
    from DeepVolumetryLib.engine.statistics import normalize_by_instance

    from .networks import build

    opened = Bundle.open(bundle)
    network = build(opened.inference["networks"][NETWORK])
    network.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in opened.state_dict(NETWORK).items()}
    )
    normalize_by_instance(network)
    network = network.eval().to(device=device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return network, float(opened.inference["threshold"])


def _coarse_grid(image: Image) -> Image:
    """The same box and axes in voxels of 3 mm; its voxels take no memory."""
    extent = np.array(image.size) * image.spacing
    size = np.maximum(1, np.ceil(extent / SPACING_MM - 1e-6)).astype(int)
    step = SPACING_MM / np.array(image.spacing)
    scale = np.diag((*step, 1.0))
    scale[:3, 3] = (np.array(image.size) - 1) / 2 - (size - 1) / 2 * step
    return Image(np.broadcast_to(np.float32(0), tuple(size[::-1])), image.ijk_to_ras @ scale)


def _body(voxels: NDArray) -> tuple[list[int], list[int]]:
    """Box around what is no air: the network normalizes by what it sees, and air costs time."""
    bright = ndimage.binary_opening(voxels > voxels.min() + _BODY_SHARE * (np.percentile(voxels, 99) - voxels.min()))
    at = [np.flatnonzero(bright.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    if not all(line.size for line in at):
        return [0, 0, 0], list(voxels.shape)
    return [max(0, int(line[0]) - 2) for line in at], [min(n, int(line[-1]) + 3) for line, n in zip(at, voxels.shape, strict=True)]


def _tidied(probability: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    """The probability with everything but one brain set to 0, and its gaps and holes to 1."""
    found = probability > threshold
    core = _largest(ndimage.binary_opening(found))
    if not core.any():
        core = _largest(found)
    brain = _largest(found & ndimage.binary_dilation(core, iterations=2))
    padded = np.pad(brain, _CLOSING_VOXELS, mode="edge")  # a brain that the scan cuts off is not rounded there
    closed = ndimage.binary_closing(padded, iterations=_CLOSING_VOXELS)[(slice(_CLOSING_VOXELS, -_CLOSING_VOXELS),) * 3]
    whole = filled(closed | brain)
    result = np.where(whole, probability, np.minimum(probability, threshold)).astype(np.float32)
    result[whole & ~found] = 1.0
    result[~ndimage.binary_dilation(whole)] = 0
    return result


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))


def _listed(names: list[str]) -> str:
    return " and ".join(names)
