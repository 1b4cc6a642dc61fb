"""One model bundle: a folder of weights, metadata, card and license in MONAI's layout."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .manifest import read_manifest, sha256_of_file, weight_files
from .schema import NetworkFormat, read_formats, says_non_commercial

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bundle:
    """A bundle whose weights have been hashed and whose metadata has been checked. Made by `open`.

    Attributes:
        path: the folder.
        metadata: ``configs/metadata.json``.
        inference: ``configs/inference.json`` as plain data, {} if there is none. Expressions in it are never evaluated.
        formats: network name -> channels and labels.
        checksums: weight file -> SHA-256 ("models/model.safetensors" -> "…").
        verified: True if the checksums were compared with a manifest.
    """

    path: Path
    metadata: dict[str, Any]
    inference: dict[str, Any]
    formats: dict[str, NetworkFormat]
    checksums: dict[str, str]
    verified: bool

    @classmethod
    def open(cls, path: str | Path, manifest: Path | None = None) -> Bundle:
        """Read and verify a bundle; weights are hashed, not loaded.

        Args:
            path: the bundle folder.
            manifest: where its checksums are listed. If None it is looked for where shipped and imported bundles have
                theirs; a folder of one's own elsewhere may be without.

        Raises:
            ModelError: if something is missing or malformed, or a weight file is not the one that was listed.
        """
        path = Path(path)
        if not path.is_dir():
            raise ModelError(f"There is no model at {path}. Choose another one, or install the extension again.")
        metadata = _read_json(path, "metadata.json")
        inference = _read_json(path, "inference.json") if (path / "configs" / "inference.json").exists() else {}
        formats = read_formats(metadata)
        weights = weight_files(path)
        if not weights:
            raise ModelError(f"The model {path.name} has no weights in its models folder. Install or import it again.")
        checksums = {name: sha256_of_file(file) for name, file in weights.items()}
        manifest = manifest or _find_manifest(path)
        if manifest is not None:
            _compare(path.name, checksums, read_manifest(manifest))
        return cls(path, metadata, inference, formats, checksums, verified=manifest is not None)

    @property
    def name(self) -> str:
        """Name of the folder, which is how bundles are chosen."""
        return self.path.name

    @property
    def version(self) -> str:
        """Version that the metadata states."""
        return str(self.metadata["version"])

    @property
    def license(self) -> str:
        """License that the metadata names, else the first line of the LICENSE file."""
        stated = self.metadata.get("license")
        return str(stated) if stated else next(iter(self._text("LICENSE").strip().splitlines()), "").strip()

    @property
    def sha256(self) -> str:
        """One checksum for the whole bundle: that of its only weight file, or of the list of all."""
        if len(self.checksums) == 1:
            return next(iter(self.checksums.values()))
        listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.checksums.items()))
        return hashlib.sha256(listing.encode()).hexdigest()

    @property
    def labels(self) -> tuple[str, ...]:
        """Meaning of the output channels of the network that gives the result."""
        return self.formats["network"].labels

    @property
    def card(self) -> str:
        """Model card, Markdown; "" if there is none."""
        return self._text("docs/README.md")

    @cached_property
    def requires_consent(self) -> bool:
        """True if the card, license or metadata says that the weights came from non-commercial data."""
        return says_non_commercial(self.metadata, [self.card, self._text("LICENSE"), self._text("docs/data_license.txt")])

    def state_dict(self, network: str = "model") -> dict[str, torch.Tensor]:
        """Weights of one network, on the CPU in the precision that they are stored in. No code in the file is executed.

        Args:
            network: name of the weight file without suffix ("localizer").

        Raises:
            ModelError: if there is no such file, it changed since it was verified, or it cannot be read as weights.
        """
        for name, digest in self.checksums.items():
            if Path(name).stem == network:
                return _load_weights(self.path / name, digest)
        have = ", ".join(Path(name).stem for name in self.checksums)
        raise ModelError(f"The model {self.name} has no network “{network}”; it has {have}. Import a model that was made for this module.")

    def _text(self, name: str) -> str:
        file = self.path / name
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _read_json(bundle: Path, name: str) -> dict[str, Any]:
    try:
        document = json.loads((bundle / "configs" / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"The model {bundle.name} has no configs/{name}. Use a folder in the layout of a MONAI bundle.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"The model's configs/{name} cannot be read as JSON. Get the model again.") from error
    if not isinstance(document, dict):
        raise ModelError(f"The model's configs/{name} is not a JSON object. Get the model again.")
    return document


def _find_manifest(bundle: Path) -> Path | None:
    """The manifest of a shipped bundle (Resources/<Module>/manifest.json) or of an imported one (beside it)."""
    bundle = bundle.resolve()
    beside = bundle.parent / "manifest.json"
    if beside.is_file():
        return beside
    if bundle.parent.name != "Models" or bundle.parent.parent.name != "Resources":
        return None
    listing = [path for path in sorted(bundle.parent.parent.glob("*/manifest.json")) if bundle.name in read_manifest(path)]
    if not listing:
        raise ModelError(f"The model {bundle.name} is in no list of checksums, so it cannot be verified. Install the extension again.")
    return listing[0]


def _compare(name: str, checksums: dict[str, str], manifest: dict[str, dict[str, str]]) -> None:
    if name not in manifest:
        raise ModelError(f"The model {name} is not in the list of checksums, so it cannot be verified. Install or import it again.")
    expected = manifest[name]
    for file in sorted(expected.keys() | checksums.keys()):
        if file not in checksums:
            raise ModelError(f"The file {file} of the model {name} is missing. Install or import the model again.")
        if expected.get(file) != checksums[file]:
            raise ModelError(
                f"The file {file} of the model {name} is not the one that was checked (SHA-256 differs). Install or import it again."
            )


def _load_weights(path: Path, digest: str) -> dict[str, torch.Tensor]:
    """Hash and parse the same bytes, so that a file swapped after the check is not loaded."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"The weights {path.name} cannot be read. Install or import the model again.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"The weights {path.name} changed while they were in use. Install or import the model again.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            return load(content)
        return _load_pickle(content)
    except ImportError:
        raise
    except Exception as error:
        raise ModelError(f"The weights {path.name} cannot be read as plain tensors. Get the model again.") from error


def _load_pickle(content: bytes) -> dict[str, torch.Tensor]:
    import io

    import torch

    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # Training checkpoints nest the weights; every framework has its own key for it.
    for key in ("state_dict", "model", "network_weights"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError("not a dictionary of tensors")
    return state
