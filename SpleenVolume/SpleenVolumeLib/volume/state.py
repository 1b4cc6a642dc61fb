"""Fitted methods as tensors and back, so that they can be kept in safetensors files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from .estimators import Ensemble, Estimator, Formula, KernelRegression, LogLinear, NearestShapes, Stacked
from .latent_methods import LatentNeighbors, LatentRegression, NetworkRegression, VariationalRegression
from .networks import BUILDERS
from .regression import Codes, Kernel, Neighbors, Ridge

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tensors = dict[str, Tensor]
MEMBERS = ("dice", "kernel", "rvae")
"""Of the ensemble."""


@dataclass(frozen=True)
class Cases:
    """The training cases that are kept: for the map of the latent space, for nearest cases, and for telling what is unlike all of them.

    Attributes:
        means: "coronal" or "coronal+transverse" -> latent means of the RVAE, (N, 32).
        log_volume: in mL, (N,).
        sources: index of the first real spleen that each came from, (N,).
        real: which are real spleens, (N,).
    """

    means: Mapping[str, NDArray[np.float32]]
    log_volume: NDArray[np.float64]
    sources: NDArray[np.int64]
    real: NDArray[np.bool_]


def regressions_to_tensors(methods: Mapping[str, Estimator], cases: Cases) -> Tensors:
    """Everything but the networks."""
    kernel, dice, lines, stack = (methods[name] for name in ("kernel", "dice", "loglinear", "stack"))
    assert isinstance(kernel, KernelRegression) and isinstance(dice, NearestShapes)
    assert isinstance(lines, LogLinear) and isinstance(stack, Stacked)
    library = dice.neighbors
    found: dict[str, Any] = {
        "codes.mean": _half(kernel.codes.mean),
        "codes.components": _half(kernel.codes.components),
        "codes.spread": kernel.codes.spread,
        "library.pictures": np.packbits(library.pictures, axis=-1),
        "library.log_scale": library.log_scale.astype(np.float32),
        "library.log_calipers": library.log_calipers.astype(np.float32),
        "library.log_volume": library.log_volume.astype(np.float32),
        "cases.log_volume": cases.log_volume.astype(np.float32),
        "cases.sources": cases.sources.astype(np.int16),
        "cases.real": cases.real.astype(np.uint8),
    }
    found |= {f"cases.means.{name}": _half(values) for name, values in cases.means.items()}
    for name, one in kernel.kernels.items():
        found[f"kernel.{name}.x"] = _half(one.x)
        found[f"kernel.{name}.weight"] = np.asarray(one.weight, np.float32)
        found[f"kernel.{name}.settings"] = np.asarray([one.width, one.code_weight], np.float32)
        found[f"kernel.{name}.line"] = _line(one.line)
    found |= {f"loglinear.{name}": _line(line) for name, line in lines.lines.items()}
    found |= {f"stack.{name}": _line(line) for name, line in stack.lines.items()}
    if isinstance(plr := methods.get("plr"), LatentRegression) and isinstance(nearest := methods.get("nn"), LatentNeighbors):
        found |= {f"plr.{name}": _line(line) for name, line in plr.lines.items()}
        for name, (means, y) in nearest.cases.items():
            found[f"nn.{name}.means"], found[f"nn.{name}.y"] = _half(means), np.asarray(y, np.float32)
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in found.items()}


def networks_to_tensors(networks: Mapping[str, nn.Module]) -> Tensors:
    """Weights of all networks in half precision, each under its name."""
    return {
        f"{name}.{entry}": values.half().contiguous()
        for name, network in networks.items()
        for entry, values in network.state_dict().items()
        if values.dtype.is_floating_point
    }


def from_tensors(regressions: Tensors, networks: Tensors) -> tuple[dict[str, Estimator], Cases]:
    """What ``regressions_to_tensors`` and ``networks_to_tensors`` wrote."""
    arrays = {name: values.numpy() for name, values in regressions.items()}
    codes = Codes(np.asarray(arrays["codes.mean"], np.float32), np.asarray(arrays["codes.components"], np.float32), arrays["codes.spread"])
    kernels = {}
    for name in _names(arrays, "kernel.", ".x"):
        width, code_weight = (float(value) for value in arrays[f"kernel.{name}.settings"])
        weight = arrays[f"kernel.{name}.weight"].astype(np.float64)
        kernels[name] = Kernel(
            _ridge(arrays[f"kernel.{name}.line"]), np.asarray(arrays[f"kernel.{name}.x"], np.float32), weight, width, code_weight
        )
    library = [arrays[f"library.{name}"].astype(np.float64) for name in ("log_scale", "log_calipers", "log_volume")]
    pictures = np.unpackbits(arrays["library.pictures"], axis=-1).astype(bool)
    methods: dict[str, Estimator] = {
        "kernel": KernelRegression(codes, kernels),
        "dice": NearestShapes(Neighbors(pictures, *library)),
        "loglinear": LogLinear({name: _ridge(arrays[f"loglinear.{name}"]) for name in _names(arrays, "loglinear.")}),
        "stack": Stacked({name: _ridge(arrays[f"stack.{name}"]) for name in _names(arrays, "stack.")}),
        "ellipsoid": Formula("ellipsoid"),
        "prassopoulos": Formula("prassopoulos"),
    }
    built = {name: _network(name, networks) for name in BUILDERS if any(entry.startswith(f"{name}.") for entry in networks)}
    for name, network in built.items():
        if name == "rvae":
            methods |= {"rvae": VariationalRegression(network, 0), "rvae-ci": VariationalRegression(network)}
        elif name != "vae":
            methods[name] = NetworkRegression(network)
    if "vae" in built:
        names = _names(arrays, "nn.", ".means")
        near = {name: (np.asarray(arrays[f"nn.{name}.means"], np.float32), arrays[f"nn.{name}.y"].astype(np.float64)) for name in names}
        methods["nn"] = LatentNeighbors(built["vae"], near)
        methods["plr"] = LatentRegression(built["vae"], {name: _ridge(arrays[f"plr.{name}"]) for name in _names(arrays, "plr.")})
    methods["ensemble"] = Ensemble({name: methods[name] for name in MEMBERS if name in methods})
    means = {name: np.asarray(arrays[f"cases.means.{name}"], np.float32) for name in _names(arrays, "cases.means.")}
    kept = (arrays["cases.log_volume"].astype(np.float64), arrays["cases.sources"].astype(np.int64), arrays["cases.real"].astype(bool))
    return methods, Cases(means, *kept)


def _network(name: str, tensors: Tensors) -> nn.Module:
    network = BUILDERS[name]()
    state = {entry[len(name) + 1 :]: values.float() for entry, values in tensors.items() if entry.startswith(f"{name}.")}
    missing, unexpected = network.load_state_dict(state, strict=False)
    lost = [entry for entry in missing if not entry.endswith("num_batches_tracked")]
    if lost or unexpected:
        raise ValueError(f"the weights of {name} do not fit: {[*lost, *unexpected][:3]}")
    return network.eval()


def _names(arrays: Mapping[str, Any], start: str, end: str = "") -> list[str]:
    return [name[len(start) : len(name) - len(end)] for name in arrays if name.startswith(start) and name.endswith(end)]


def _line(line: Ridge) -> NDArray[np.float32]:
    """Mean, spread and weight as rows; the intercept is a column of its own."""
    rows = np.stack([line.mean, line.spread, line.weight])
    return np.asarray(np.concatenate([rows, [[line.intercept], [0.0], [0.0]]], 1), np.float32)


def _ridge(rows: NDArray[np.float32]) -> Ridge:
    values = rows.astype(np.float64)
    return Ridge(values[0, :-1], values[1, :-1], values[2, :-1], float(values[0, -1]))


def _half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    return values.astype(np.float16)
