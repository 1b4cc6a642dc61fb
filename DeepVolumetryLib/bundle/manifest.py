"""The manifest: which weights a bundle has and what they must hash to.

``{"schema": 1, "bundles": {"<bundle name>": {"version": "1.0.0", "files": {"models/model.safetensors": "<sha256>"}}}}``
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..errors import ModelError

SCHEMA = 1
WEIGHT_SUFFIXES = (".safetensors", ".pt")


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def weight_files(bundle: Path) -> dict[str, Path]:
    """Weight files of a bundle folder by the path that the manifest uses ("models/model.safetensors")."""
    models = bundle / "models"
    found = sorted(path for path in models.glob("*") if path.suffix in WEIGHT_SUFFIXES and path.is_file()) if models.is_dir() else []
    return {path.relative_to(bundle).as_posix(): path for path in found}


def read_manifest(path: Path) -> dict[str, dict[str, str]]:
    """Bundle name -> weight file -> SHA-256.

    Raises:
        ModelError: if the file cannot be read or is not a manifest.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): dict(entry["files"]) for name, entry in document["bundles"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"The checksums in {path.name} cannot be read, so no model is verified. Install the extension again.") from error


def write_manifest(path: Path, bundles: list[Path]) -> Path:
    """Write the manifest of the given bundle folders, over any earlier one.

    Args:
        path: where to write, e.g. ``RenalParenchyma/Resources/RenalParenchyma/manifest.json``.
        bundles: bundle folders with ``configs/metadata.json`` and ``models/``.

    Raises:
        ModelError: if a bundle has no weights.
    """
    return _write(path, {bundle.name: _entry(bundle) for bundle in sorted(bundles)})


def add_to_manifest(path: Path, bundle: Path) -> Path:
    """List a bundle, or list it anew, in a manifest whose other entries stay; the manifest is made if there is none.

    Raises:
        ModelError: if the bundle has no weights, or the file is no manifest.
    """
    if not path.exists():
        return write_manifest(path, [bundle])
    read_manifest(path)
    entries = json.loads(path.read_text(encoding="utf-8"))["bundles"]
    return _write(path, dict(sorted({**entries, bundle.name: _entry(bundle)}.items())))


def _entry(bundle: Path) -> dict[str, Any]:
    weights = weight_files(bundle)
    if not weights:
        raise ModelError(f"The bundle {bundle.name} has no weights: put a .safetensors or .pt file into its models folder.")
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    return {"version": str(metadata.get("version", "")), "files": {name: sha256_of_file(file) for name, file in weights.items()}}


def _write(path: Path, entries: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps({"schema": SCHEMA, "bundles": entries}, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)
    return path
