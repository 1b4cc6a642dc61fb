"""Fit all methods to described shapes: the regressions, and what stands on the latent vectors of the VAEs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import nn

from ..volume.descriptors import Descriptors, combinations, key
from ..volume.estimators import Ensemble, Estimator, Formula, KernelRegression, LogLinear, NearestShapes, Stacked
from ..volume.latent_methods import LatentNeighbors, LatentRegression, NetworkRegression, VariationalRegression, encode
from ..volume.networks import BUILDERS
from ..volume.regression import Codes, Kernel, Neighbors, Ridge, silhouettes
from ..volume.state import MEMBERS
from .shapes import ShapePack
from .volume import load_network

LIBRARY = 3600
"""Rows that kernels and neighbors keep at most."""
_CODES = 10
_KERNEL_WIDTH, _KERNEL_NOISE = 1.2, 0.6


def library_rows(pack: ShapePack, allowed: np.ndarray, count: int = LIBRARY, seed: int = 0) -> np.ndarray:
    """Rows to keep: the largest slices of as many shapes as there are, then sonographer's views."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(allowed & ~pack.real))
    return np.sort(rows[np.argsort(pack.kind[rows], kind="stable")][:count])


def fit(
    pack: ShapePack, found: Descriptors, allowed: np.ndarray, networks: Mapping[str, nn.Module], library: np.ndarray | None = None
) -> dict[str, Estimator]:
    """All methods that can be fitted, by key.

    Args:
        allowed: rows that may be used, (N,) bool.
        networks: trained networks by name; methods of those that are missing are left out.
        library: rows that kernels and neighbors keep; chosen if None.
    """
    rows = library_rows(pack, allowed) if library is None else library
    every = np.flatnonzero(allowed & ~pack.real)
    log_volume = np.log(pack.volume_ml)
    codes = Codes.fit(found.pictures[rows], _CODES)
    kernels, lines, stacks = {}, {}, {}
    for planes, calipers in combinations():
        name = key(planes, calipers)
        y = log_volume - found.base(planes)
        lines[name] = Ridge.fit(found[every].numbers(planes, calipers), y[every])
        kept = found[rows]
        kernels[name] = Kernel.fit(
            kept.numbers(planes, calipers), codes.encode(kept.pictures, planes), y[rows], _KERNEL_WIDTH, _KERNEL_NOISE
        )
        if len(planes) > 1 and not calipers:
            stacks[name] = Ridge.fit(found[every].stacked(planes), y[every])
    neighbors = Neighbors(silhouettes(found.pictures[rows]), found.log_scale[rows], found.log_calipers[rows], log_volume[rows])
    methods: dict[str, Estimator] = {
        "kernel": KernelRegression(codes, kernels),
        "dice": NearestShapes(neighbors),
        "loglinear": LogLinear(lines),
        "stack": Stacked(stacks),
        "ellipsoid": Formula("ellipsoid"),
        "prassopoulos": Formula("prassopoulos"),
    }
    for name, network in networks.items():
        methods.update(_of_network(name, network, found[rows], log_volume[rows]))
    methods["ensemble"] = Ensemble({name: methods[name] for name in MEMBERS if name in methods})
    return methods


def _of_network(name: str, network: nn.Module, kept: Descriptors, log_volume: np.ndarray) -> dict[str, Estimator]:
    if name == "rvae":
        return {"rvae": VariationalRegression(network, 0), "rvae-ci": VariationalRegression(network)}
    if name != "vae":
        return {name: NetworkRegression(network)}
    means, lines = {}, {}
    for both in (False, True):
        planes = ("coronal", "transverse") if both else ("coronal",)
        mean, extra = encode(network, kept, both)
        y = log_volume - kept.base(planes)
        means[key(planes)] = (mean.astype(np.float32), y)
        lines[key(planes)] = Ridge.fit(np.concatenate([mean, extra], 1), y)
    return {"nn": LatentNeighbors(network, means), "plr": LatentRegression(network, lines)}


def load_networks(folder: Path, fold: str, methods: list[str] | None = None) -> dict[str, nn.Module]:
    """Networks of one fold that have been trained."""
    return {
        name: load_network(folder / f"{name}_{fold}", name)
        for name in (methods or BUILDERS)
        if (folder / f"{name}_{fold}" / "checkpoint.pt").is_file()
    }
