"""Take a bundle out of a folder or zip file that may be hostile."""

from __future__ import annotations

import io
import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from ..errors import ModelError, ResourceError
from .manifest import WEIGHT_SUFFIXES

MAX_BYTES = 4 << 30
MAX_FILES = 10_000
_MAX_TEXT_BYTES = 16 << 20
_METADATA = PurePosixPath("configs/metadata.json")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class _Entry:
    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


def bundle_name(path: Path) -> str:
    """Name under which a bundle is kept: that of its folder or zip file.

    Raises:
        ModelError: if the name cannot be a folder name on every system.
    """
    name = path.stem if path.suffix.lower() == ".zip" else path.resolve().name
    if not _NAME.fullmatch(name):
        raise ModelError(f"A model cannot be named “{name}”. Rename it to letters, digits, dots, dashes and underscores.")
    return name


def extract(source: Path, target: Path) -> None:
    """Copy the files that belong to a bundle from a folder or zip file to a new folder.

    Raises:
        ModelError: if an entry would land outside the target, is a link, or the whole is too large or no bundle.
        ResourceError: if the disk has too little room.
    """
    with _entries(source) as entries:
        root = _bundle_root([entry.path for entry in entries])
        wanted = [(entry, entry.path.relative_to(root)) for entry in entries if entry.path.is_relative_to(root)]
        wanted = [(entry, relative) for entry, relative in wanted if _belongs(relative)]
        total = sum(entry.size for entry, _ in wanted)
        if total > MAX_BYTES:
            raise ModelError(f"The model is larger than {MAX_BYTES >> 30} GB, so it was not imported.")
        if shutil.disk_usage(target.parent).free < total * 1.1:
            raise ResourceError(f"The model needs {total / 1e6:.0f} MB in {target.parent}. Free some space and import it again.")
        for entry, relative in wanted:
            _copy(entry, target / relative)


@contextmanager
def _entries(source: Path) -> Iterator[list[_Entry]]:
    if source.is_dir():
        yield _folder_entries(source)
        return
    if not source.is_file():
        raise ModelError(f"There is no file or folder {source}. Choose a bundle folder or a zip file.")
    try:
        with zipfile.ZipFile(source) as zipped:
            yield _zip_entries(zipped)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ModelError(f"{source.name} cannot be read as a zip file: it is damaged or encrypted. Get the model again.") from error


def _folder_entries(folder: Path) -> list[_Entry]:
    entries = []
    for path in folder.rglob("*"):
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_symlink():
            raise ModelError(f"The model contains a link ({relative}), so it was not imported. Replace the link by the file.")
        if path.is_file():
            entries.append(_Entry(relative, path.stat().st_size, partial(io.FileIO, path)))
        if len(entries) > MAX_FILES:
            raise ModelError(f"The folder {folder.name} holds more than {MAX_FILES} files. Choose the folder of one model.")
    return entries


def _zip_entries(zipped: zipfile.ZipFile) -> list[_Entry]:
    infos = zipped.infolist()
    if len(infos) > MAX_FILES:
        raise ModelError(f"The zip file holds more than {MAX_FILES} files, so it was not imported. Zip the folder of one model.")
    entries = []
    for info in infos:
        # Windows separators and drives are as dangerous as "..", whatever system this runs on.
        name = info.filename.replace("\\", "/")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
            raise ModelError(f"The zip file would write outside its folder ({info.filename}), so it was not imported.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise ModelError(f"The zip file contains a link ({info.filename}), so it was not imported. Replace the link by the file.")
        if not info.is_dir():
            entries.append(_Entry(path, info.file_size, partial(zipped.open, info)))
    return entries


def _bundle_root(paths: list[PurePosixPath]) -> PurePosixPath:
    """The folder that holds configs/metadata.json: the top, or the single folder that was zipped."""
    roots = {path.parent.parent for path in paths if path.parts[-2:] == _METADATA.parts}
    if not roots:
        raise ModelError("There is no configs/metadata.json, so this is not a MONAI bundle. Choose its folder or zip file.")
    if len(roots) > 1:
        raise ModelError("More than one model was found. Import them one by one.")
    return roots.pop()


def _belongs(path: PurePosixPath) -> bool:
    folder, name = path.parent.as_posix(), path.name
    return (
        (folder == "configs" and path.suffix == ".json")
        or (folder == "models" and path.suffix in WEIGHT_SUFFIXES)
        or (folder == "docs" and path.suffix.lower() in (".md", ".txt"))
        or (folder == "." and name.upper().startswith("LICENSE"))
    )


def _copy(entry: _Entry, target: Path) -> None:
    """Copy one file; counts real bytes, since the size that a zip file states may be a lie."""
    limit = MAX_BYTES if target.suffix in WEIGHT_SUFFIXES else _MAX_TEXT_BYTES
    target.parent.mkdir(parents=True, exist_ok=True)
    copied = 0
    with entry.open() as source, target.open("xb") as sink:
        while block := source.read(1 << 20):
            copied += len(block)
            if copied > limit:
                raise ModelError(f"The file {entry.path} of the model is larger than {limit >> 20} MB, so it was not imported.")
            sink.write(block)
