"""Where bundles are kept: those that ship with a module, and those that the user imported.

Imported bundles live in ``<user folder>/models/<module key>/<bundle name>``, with a manifest beside them that was
written when they were checked.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from ..errors import ModelError, ResourceError
from ..modules import ModuleEntry, find
from . import archive
from .bundle import Bundle
from .manifest import read_manifest, write_manifest
from .schema import check_same_use


def user_folder() -> Path:
    """Folder for what the user adds: ``$DEEPVOLUMETRY_HOME``, else ``~/.deepvolumetry``. Not created."""
    return Path(os.environ.get("DEEPVOLUMETRY_HOME") or Path.home() / ".deepvolumetry").expanduser()


def imported_folder(module: str | ModuleEntry) -> Path:
    """Where the bundles lie that the user imported for a module."""
    return user_folder() / "models" / find(module).key


def list_bundles(module: str | ModuleEntry) -> list[Path]:
    """Folders of the bundles of a module that can be chosen, the shipped ones first; `Bundle.open` verifies them."""
    entry = find(module)
    shipped = read_manifest(entry.manifest_path) if entry.manifest_path.is_file() else {}
    folders = [entry.models_folder / name for name in sorted(shipped) if name not in entry.helpers]
    imported = imported_folder(entry)
    if imported.is_dir():
        folders += sorted(path for path in imported.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [path for path in folders if path.is_dir()]


def find_bundle(module: str | ModuleEntry, name: str | Path | None = None) -> Path:
    """Folder of a bundle by its name or path; the one that ships if None.

    Raises:
        ModelError: if there is none.
    """
    entry = find(module)
    bundles = list_bundles(entry)
    if name is None:
        if not bundles:
            raise ModelError(f"No model is installed for {entry.title}. Install the extension again, or import a model.")
        return bundles[0]
    for path in bundles:
        if path.name == str(name):
            return path
    if Path(name).is_dir():
        return Path(name)
    raise ModelError(f"There is no model “{name}” for {entry.title}. Installed: {', '.join(path.name for path in bundles) or 'none'}.")


def open_bundle(module: str | ModuleEntry, name: str | Path | None = None) -> Bundle:
    """`find_bundle`, then `Bundle.open`; a bundle from elsewhere must fit the module too.

    Raises:
        ModelError: if there is none, it fails its check or was made for other channels or labels.
    """
    entry = find(module)
    path = find_bundle(entry, name)
    if path.parent == entry.models_folder:
        return Bundle.open(path, manifest=entry.manifest_path)
    bundle = Bundle.open(path)
    _check_fits(bundle, entry)
    return bundle


def import_bundle(path: str | Path, module: str | ModuleEntry, replace: bool = False) -> Bundle:
    """Check a bundle and copy it into the user's folder. Nothing in it is executed; a refused one leaves no trace.

    Only configurations, weights, card and licenses are taken; scripts that a bundle may carry stay behind.

    Args:
        path: a bundle folder, or a zip file with one.
        module: the module that it is for; channels and labels must be those of the model that ships with it.
        replace: whether an imported bundle of the same name may be replaced.

    Raises:
        ModelError: if it is not a bundle, unsafe, too large, or made for other channels or labels.
        ResourceError: if the disk is full.
    """
    entry, path = find(module), Path(path)
    target = imported_folder(entry) / archive.bundle_name(path)
    shipped = {bundle.name for bundle in list_bundles(entry) if bundle.parent == entry.models_folder}
    if target.name in shipped:
        raise ModelError(f"A model named {target.name} ships with {entry.title}. Rename yours before importing it.")
    if target.exists() and not replace:
        raise ModelError(f"A model named {target.name} is already imported. Remove it first, or allow it to be replaced.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=target.parent) as temporary:
            staged = Path(temporary) / target.name
            archive.extract(path, staged)
            bundle = Bundle.open(staged)
            _check_fits(bundle, entry)
            for name in bundle.checksums:
                bundle.state_dict(Path(name).stem)
            _replace(staged, target)
    except OSError as error:
        reason = f"The model could not be copied to {target.parent} ({error.strerror})."
        raise ResourceError(f"{reason} Free some space, or allow writing there.") from error
    _rewrite_manifest(target.parent)
    return Bundle.open(target)


def remove_bundle(name: str, module: str | ModuleEntry) -> None:
    """Delete an imported bundle.

    Raises:
        ModelError: if the user imported none of that name; what ships cannot be removed.
    """
    entry = find(module)
    folder = imported_folder(entry)
    names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    if name not in names:
        raise ModelError(f"No imported model of {entry.title} is named “{name}”. Imported: {', '.join(names) or 'none'}.")
    shutil.rmtree(folder / name)
    _rewrite_manifest(folder)


def consent_given(bundle: Bundle) -> bool:
    """True if the user need not be asked: the weights are free, or consent to these very weights was given before."""
    return not bundle.requires_consent or bundle.sha256 in _read_consents()


def give_consent(bundle: Bundle) -> None:
    """Remember that the user accepts the terms of these weights."""
    file = user_folder() / "consents.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(file.name + ".part")
    beside.write_text(json.dumps({**_read_consents(), bundle.sha256: bundle.name}, indent=2), encoding="utf-8")
    beside.replace(file)


def _read_consents() -> dict[str, str]:
    try:
        consents = json.loads((user_folder() / "consents.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return consents if isinstance(consents, dict) else {}


def _check_fits(bundle: Bundle, entry: ModuleEntry) -> None:
    shipped = [path for path in list_bundles(entry) if path.parent == entry.models_folder]
    if shipped:
        check_same_use(bundle.formats, Bundle.open(shipped[0], manifest=entry.manifest_path).formats)


def _replace(staged: Path, target: Path) -> None:
    """Move a folder into place; the old one stays until the new one is there."""
    old = target.with_name(f".old-{target.name}")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    try:
        staged.replace(target)
    except OSError:
        if old.exists():
            old.replace(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _rewrite_manifest(folder: Path) -> None:
    bundles = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if bundles:
        write_manifest(folder / "manifest.json", bundles)
    else:
        with suppress(FileNotFoundError):
            (folder / "manifest.json").unlink()
