"""What GliomaUncertainty is measured against: the same method, written down as one would first write it.

Slice by slice and projection by projection: the places are computed (once for all channels of the slice), every channel is sampled by
``scipy.ndimage.map_coordinates``, one slice at a time goes through the network and back, and all members are kept until the end. Geometry
and weights are the module's own, so the result is the same. Slices without brain are left out here too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from GliomaUncertaintyLib.labels import SEQUENCES, TARGETS
from GliomaUncertaintyLib.methods import Member
from GliomaUncertaintyLib.networks import NEIGHBOR_MM, nested
from GliomaUncertaintyLib.projection import Projection
from GliomaUncertaintyLib.sampling import SAMPLES, Raster, sphere_raster


def mean_probability(
    network: torch.nn.Module, volumes: dict[str, NDArray], brain: NDArray, members: Sequence[Member], slices: Sequence[int]
) -> NDArray[np.float32]:
    """Mean probability (3, slices, J, I) of some slices, 0 outside of the brain.

    Args:
        network: in evaluation mode, on the CPU.
        volumes: sequence -> normalized intensities (K, J, I) at 1 mm.
        brain: bool (K, J, I).
        members: projections only, see ``methods``.
        slices: which to predict.
    """
    plane = Raster(brain.shape[1:])
    points = np.argwhere(brain.any(axis=0)).astype(float)
    everyone = []
    for member in members:
        sphere = sphere_raster(member.projection, points)
        everyone.append(np.stack([_one(network, volumes, k, member.projection, plane, sphere) for k in slices], axis=1))
    return np.mean(everyone, axis=0) * brain[list(slices)]


def _one(
    network: torch.nn.Module, volumes: dict[str, NDArray], k: int, view: Projection, plane: Raster, sphere: Raster
) -> NDArray[np.float32]:
    """Probabilities (3, J, I) of one slice in one projection."""
    rows, columns = sphere.shape
    channels = np.zeros((3 * len(SEQUENCES), rows, columns), np.float32)
    places = np.moveaxis(np.nan_to_num(view.inverse(sphere.points(SAMPLES)), nan=-1e3), -1, 0)
    channel = 0
    for offset in (-NEIGHBOR_MM, 0, NEIGHBOR_MM):
        for name in SEQUENCES:
            neighbor = k + int(offset)
            if name in volumes and 0 <= neighbor < len(volumes[name]):
                found = ndimage.map_coordinates(volumes[name][neighbor], places, order=1, mode="grid-constant")
                channels[channel] = found.reshape(rows, SAMPLES, columns, SAMPLES).mean(axis=(1, 3))
            channel += 1
    with torch.inference_mode():
        probability = nested(network(torch.from_numpy(channels)[None]))[0].numpy()
    back = np.moveaxis(sphere.indices(view.forward(plane.points())), -1, 0)
    return np.stack([ndimage.map_coordinates(probability[n], back, order=1, mode="grid-constant") for n in range(len(TARGETS))])
