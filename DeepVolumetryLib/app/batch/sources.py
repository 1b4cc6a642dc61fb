"""Where the images of a case are, and how they come to the process that reads them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_FOLDER = "images"


@dataclass(frozen=True)
class Source:
    """One of three: a file or folder; some files of a folder; a series on a DICOMweb server.

    Attributes:
        path: file or folder; the folder that `files` lie in.
        files: relative to `path`, where it holds other series too.
        url: ``…/studies/UID/series/UID``.
        mark: changes with the content of the series at `url`.
    """

    path: str = ""
    files: tuple[str, ...] = ()
    url: str = ""
    mark: str = ""

    @property
    def shown(self) -> str:
        """What stands for it in reports."""
        return self.url or self.path

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Source:
        """Reads what `to_dict` wrote."""
        return cls(values["path"], tuple(values["files"]), values["url"], values["mark"])

    def stamps(self) -> list[tuple[str, int, int]]:
        """Name, size in bytes and time of each file: what changes with its content. [] if nothing is there."""
        if self.url:
            return [(self.mark, 0, 0)]
        root = Path(self.path)
        if self.files:
            files = [root / name for name in self.files]
        elif root.is_dir():
            files = sorted(each for each in root.rglob("*") if each.is_file())
        else:
            files = [root]
        return [(file.name, status.st_size, status.st_mtime_ns) for file in files if (status := _status(file))]


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


@contextmanager
def at_hand(sources: Mapping[str, Source]) -> Iterator[dict[str, Path]]:
    """Input -> path that can be read; what was fetched is gone afterwards.

    Raises:
        InputError: if a series cannot be fetched.
        ResourceError: if the disk is full.
    """
    with ExitStack() as stack:
        paths = {}
        for name, source in sources.items():
            if not source.url and not source.files:
                paths[name] = Path(source.path)
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deepvolumetry-"))) / _FOLDER
            folder.mkdir()
            if source.url:
                from .dicomweb import fetch_series

                fetch_series(source.url, folder)
            else:
                _gather(source, folder)
            paths[name] = folder
        yield paths


def _gather(source: Source, folder: Path) -> None:
    """The files of one series in a folder of their own; links where the system has them."""
    for number, name in enumerate(source.files):
        original, place = Path(source.path) / name, folder / f"{number:06d}{Path(name).suffix}"
        try:
            place.symlink_to(original)
        except OSError:
            shutil.copyfile(original, place)
