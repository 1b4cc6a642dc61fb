"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np

from ..errors import InputError, ResourceError
from ..image import LPS_FROM_RAS, Image

_SPARE_BYTES = 64 * 2**20


@contextmanager
def write_atomically(directory: str | os.PathLike, needed_bytes: int = 0) -> Iterator[Path]:
    """A folder to write into that becomes ``directory`` when the block ends well.

    Everything is written beside it first and renamed last. If ``directory`` exists, what was written replaces the entries
    of the same name and leaves the others alone. If the block raises, nothing is left behind.

    Raises:
        ResourceError: if less than ``needed_bytes`` are free, or the disk fills up on the way.
        InputError: if the place cannot be written to.
    """
    target = Path(directory).absolute()
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file. Choose a folder for the results.")
    existing = next(parent for parent in (target, *target.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes + _SPARE_BYTES:
        needed = needed_bytes + _SPARE_BYTES
        raise ResourceError(
            f"Not enough disk space in {existing}: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free. "
            "Free some, or choose another folder."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.parent / f".{target.name}.{uuid4().hex[:8]}.part"
        beside.mkdir()
    except OSError as error:
        raise InputError(f"Nothing can be written to {target} ({error.strerror}). Choose another folder.") from error
    try:
        yield beside
        _move_into_place(beside, target)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ResourceError(f"Writing to {target} failed ({error.strerror}). Check the disk, or choose another folder.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _move_into_place(beside: Path, target: Path) -> None:
    if not target.exists():
        beside.replace(target)
        return
    for entry in sorted(beside.iterdir()):
        place = target / entry.name
        if place.is_dir():
            place.replace(beside / f"{entry.name}.old")
        entry.replace(place)


def sha256_file(path: str | os.PathLike) -> str:
    """SHA-256 of a file as hex digits; of a folder, that of its files' names and contents in order."""
    path = Path(path)
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as content:
            while block := content.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def write_volume(path: str | os.PathLike, image: Image) -> None:
    """A scalar volume as NRRD, float32 if it holds fractions; the matrix is kept whole, shear too."""
    voxels = image.voxels.astype(np.float32) if image.voxels.dtype.kind == "f" else image.voxels
    write_nrrd(path, image.with_voxels(voxels.astype(np.uint8) if voxels.dtype == bool else voxels))


_NRRD_TYPES = {
    "u1": "uint8",
    "i1": "int8",
    "u2": "uint16",
    "i2": "int16",
    "u4": "uint32",
    "i4": "int32",
    "u8": "uint64",
    "i8": "int64",
    "f4": "float",
    "f8": "double",
}


def write_nrrd(path: str | os.PathLike, image: Image, fields: Mapping[str, str] | None = None) -> None:
    """NRRD with gzip; (C, K, J, I) as a list axis, the fastest one, as Slicer stores layers.

    SimpleITK writes neither list axes nor custom fields with an empty value, hence this short writer.
    """
    layered = image.voxels.ndim == 4
    voxels = np.moveaxis(image.voxels, 0, -1) if layered else image.voxels
    lps = LPS_FROM_RAS @ image.ijk_to_ras
    sizes: tuple[int, ...] = image.size
    directions, kinds = [_vector(lps[:3, axis]) for axis in range(3)], ["domain"] * 3
    if layered:
        sizes, directions, kinds = (voxels.shape[-1], *sizes), ["none", *directions], ["list", *kinds]
    header = [
        "NRRD0004",
        f"type: {_NRRD_TYPES[voxels.dtype.str[1:]]}",
        f"dimension: {len(sizes)}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, sizes))}",
        f"space directions: {' '.join(directions)}",
        f"kinds: {' '.join(kinds)}",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(lps[:3, 3])}",
        *(f"{key}:={value}" for key, value in (fields or {}).items()),
    ]
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: with gzip header; level 1 is five times as fast and a tenth larger
    with Path(path).open("wb") as file:
        file.write(("\n".join(header) + "\n\n").encode())
        for slab in voxels.astype(voxels.dtype.newbyteorder("<"), copy=False):
            file.write(packer.compress(np.ascontiguousarray(slab).data))
        file.write(packer.flush())


def _vector(numbers: np.ndarray) -> str:
    return "(" + ",".join(repr(float(number)) for number in numbers) + ")"
