"""NIfTI where ITK does not suffice: it refuses sheared grids and fills a truncated file with zeros."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..image import Image
from .itk import image_from_itk, make_image, open_with_itk

_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_SHEAR = 1e-5  # cosine; header fields are float32, and ITK refuses from somewhat above
# Where a header holds what, and as which type.
_VERSION_1 = {"dim": (40, "i2"), "type": (70, "i2"), "offset": (108, "f4"), "scale": (112, "f4"), "code": (254, "i2"), "rows": (280, "f4")}
_VERSION_2 = {"dim": (16, "i8"), "type": (12, "i2"), "offset": (168, "i8"), "scale": (176, "f8"), "code": (348, "i4"), "rows": (400, "f8")}


@dataclass(frozen=True)
class _Header:
    """The fields that are needed, of version 1 or 2."""

    order: str
    shape_ijk: tuple[int, ...]
    type: str
    offset: int
    slope: float
    intercept: float
    sform_code: int
    sform: np.ndarray

    @property
    def data_bytes(self) -> int:
        return int(np.prod(self.shape_ijk, dtype=np.int64)) * np.dtype(self.type).itemsize

    @property
    def is_sheared(self) -> bool:
        """True if the sform holds and its axes are not at right angles."""
        axes = self.sform[:3, :3]
        lengths = np.linalg.norm(axes, axis=0)
        if self.sform_code <= 0 or not np.isfinite(axes).all() or (lengths == 0).any():
            return False
        angles = (axes / lengths).T @ (axes / lengths)
        return bool(np.abs(angles - np.eye(3)).max() > _SHEAR)


def is_nifti(path: Path) -> bool:
    """True for single-file NIfTI, by its name."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read(path: Path, called: str) -> Image:
    """Image from .nii or .nii.gz.

    Raises:
        InputError: if the file is cut short or not NIfTI.
    """
    header = _header(path, called)
    if not header.is_sheared:
        _check_length(path, header, called)
        return image_from_itk(open_with_itk(path, called), called)
    content = _content(path, called)
    if len(content) < header.offset + header.data_bytes:
        raise _cut_short(path, called)
    voxels = np.frombuffer(content, header.order + header.type, int(np.prod(header.shape_ijk)), header.offset)
    voxels = voxels.reshape(header.shape_ijk[::-1]).astype(header.type)
    if header.slope not in (0.0, 1.0) or header.intercept:
        voxels = (voxels * (header.slope or 1.0) + header.intercept).astype(np.float32)
    return make_image(voxels.reshape((-1, *voxels.shape[-3:])) if voxels.ndim > 3 else voxels, header.sform, called)


def _header(path: Path, called: str) -> _Header:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            raw = file.read(544)
    except (EOFError, OSError, zlib.error) as error:
        raise _cut_short(path, called) from error
    for order in "<>":
        version = np.frombuffer(raw, order + "i4", 1)[0] if len(raw) >= 4 else 0
        if version == 348 and len(raw) >= 348:
            return _parsed(raw, order, _VERSION_1)
        if version == 540 and len(raw) >= 540:
            return _parsed(raw, order, _VERSION_2)
    raise InputError(f"{called}: {path.name} is not a NIfTI file although it is called so. Export it again.")


def _parsed(raw: bytes, order: str, fields: dict[str, tuple[int, str]]) -> _Header:
    def values(field: str, count: int) -> np.ndarray:
        place, kind = fields[field]
        return np.frombuffer(raw, order + kind, count, place)

    sizes = values("dim", 8)
    shape = tuple(max(1, int(size)) for size in sizes[1 : 1 + max(3, int(sizes[0]))])
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    slope, intercept = (float(x) if np.isfinite(x) else 0.0 for x in values("scale", 2))
    sform = np.vstack([values("rows", 12).reshape(3, 4).astype(float), (0, 0, 0, 1)])
    kind = _TYPES.get(int(values("type", 1)[0]), "u1")
    return _Header(order, shape, kind, int(values("offset", 1)[0]), slope, intercept, int(values("code", 1)[0]), sform)


def _check_length(path: Path, header: _Header, called: str) -> None:
    """Compare the length with what the header promises; for gzip its own trailer saves unpacking."""
    needed = header.offset + header.data_bytes
    if not path.name.lower().endswith(".gz"):
        if path.stat().st_size < needed:
            raise _cut_short(path, called)
        return
    with path.open("rb") as file:
        file.seek(-4, 2)
        promised = int.from_bytes(file.read(4), "little")
    if promised < needed % 2**32 and len(_content(path, called)) < needed:
        raise _cut_short(path, called)
    if promised - needed % 2**32 > 2**20:  # no file ends in so much padding: the last bytes are no trailer
        _content(path, called)


def _content(path: Path, called: str) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
    except (EOFError, OSError, zlib.error) as error:
        raise _cut_short(path, called) from error


def _cut_short(path: Path, called: str) -> InputError:
    return InputError(f"{called}: {path.name} is damaged or cut short. Copy or export it again.")
