"""Fit all methods to all shapes, and write them into the bundle with what cross-validation says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from torch import nn

from DeepVolumetryLib.bundle import add_to_manifest
from DeepVolumetryLib.errors import InputError

from ..volume.descriptors import Descriptors, joined, key
from ..volume.latent_methods import encode
from ..volume.state import Cases, networks_to_tensors, regressions_to_tensors
from .described import described, load_described
from .shapes import ShapePack, real_pack
from .volume import ALL
from .volume_fit import fit, library_rows, load_networks

_LARGEST = 10_000_000
SHOWN = (("coronal",), ("coronal", "transverse"))


def export(packs: Sequence[Path], networks: Path, validation: Path, bundle: Path, manifest: Path) -> dict[str, int]:
    """Write ``models/volume.safetensors`` and ``models/volume_networks.safetensors``, and "volume" in ``configs/inference.json``.

    What else is in the bundle (the U-Net, its metadata) stays.

    Args:
        packs: shapes to fit to.
        networks: folder that ``deepvolumetry train spleen`` filled.
        validation: JSON that the command ``validate`` wrote.
        manifest: JSON with the SHA-256 of the weights.

    Returns:
        Sizes of the files in bytes.

    Raises:
        InputError: if something is missing, or a file would be larger than 10 MB.
    """
    measured = json.loads(validation.read_text(encoding="utf-8"))
    pack, found = load_described(packs)
    rows = library_rows(pack, np.ones(len(pack), bool))
    trained = load_networks(networks, ALL)
    if "rvae" not in trained:
        raise InputError(f"There is no trained RVAE in {networks}. Train it first.")
    methods = fit(pack, found, np.ones(len(pack), bool), trained, rows)
    cases, limits = training_cases(trained["rvae"], pack, found, rows)
    (bundle / "models").mkdir(parents=True, exist_ok=True)
    sizes = {}
    for name, tensors in (("volume", regressions_to_tensors(methods, cases)), ("volume_networks", networks_to_tensors(trained))):
        path = bundle / "models" / f"{name}.safetensors"
        save_file(tensors, path)
        path.chmod(0o644)
        sizes[name] = path.stat().st_size
        if sizes[name] > _LARGEST:
            raise InputError(f"{path.name} would have {sizes[name] / 1e6:.1f} MB, more than 10 MB. Keep fewer rows.")
    settings = {
        "templates": list(pack.names),
        "generated_shapes": len(np.unique(pack.shape)),
        "range_ml": [60.0, 3100.0],
        "latent_limit": limits,
        "default": measured["default"],
        "calibration": measured["calibration"],
    }
    _write(bundle / "configs" / "inference.json", "volume", settings)
    path = bundle / "configs" / "metadata.json"
    known = json.loads(path.read_text(encoding="utf-8")).get("training", {}) if path.exists() else {}
    facts = {"shapes": settings["generated_shapes"], "rows": len(pack), "library": len(rows), "networks": sorted(trained)}
    _write(path, "training", {**known, "volume": facts})
    add_to_manifest(manifest, bundle)
    return sizes


def training_cases(rvae: nn.Module, pack: ShapePack, found: Descriptors, rows: np.ndarray) -> tuple[Cases, dict[str, float]]:
    """The library and the real spleens as the RVAE sees them, and the distance within which 99 % of the cases have another."""
    real = real_pack(0, 0)
    together = joined([found[rows], described(real)])
    volume = np.log(np.concatenate([pack.volume_ml[rows], real.volume_ml]))
    sources = np.concatenate([pack.sources[rows].argmax(1), real.sources.argmax(1)])
    is_real = np.concatenate([np.zeros(len(rows), bool), np.ones(len(real), bool)])
    shape = np.concatenate([pack.shape[rows], pack.shape.max() + 1 + real.shape])
    means, limits = {}, {}
    for planes in SHOWN:
        latent = encode(rvae, together, "transverse" in planes)[0]
        means[key(planes)] = np.asarray(latent, np.float32)
        limits[key(planes)] = round(float(np.quantile(_nearest_other(latent, shape), 0.99)), 3)
    return Cases(means, volume, sources, is_real), limits


def _nearest_other(latent: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Distance of each to the nearest of another shape."""
    squares = (latent**2).sum(1)
    found = np.empty(len(latent))
    for start in range(0, len(latent), 500):
        part = slice(start, start + 500)
        squared = squares[part, None] + squares[None] - 2 * latent[part] @ latent.T
        squared[shape[part, None] == shape[None]] = np.inf
        found[part] = np.sqrt(np.maximum(squared.min(1), 0))
    return found


def _write(path: Path, entry: str, values: Mapping[str, Any]) -> None:
    """Replace one entry of a JSON file, leaving the others."""
    document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    document[entry] = values
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)
