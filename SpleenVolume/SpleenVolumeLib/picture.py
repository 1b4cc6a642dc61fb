"""An ultrasound picture as somebody sees it on the screen, and the way back to the grid of its volume.

A volume of one slice may lie in any plane and have its axes in any order. What the user judges (where the probe is, on which side the
head) is what slice views show: patient right, or front, on the left of the screen; front, or head, on top. A file without a position (PNG,
JPEG, most DICOM ultrasound) is loaded so that this is the picture as it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import check_usable

from .volume import from_ultrasound_orientation, to_ultrasound_orientation

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_SHEAR = 0.035  # cosine of the angle between rows and columns, 2 degrees


@dataclass(frozen=True, eq=False)
class Picture:
    """One view.

    Attributes:
        gray: as seen on the screen, uint8 (rows, columns).
        pixel_mm: height and width of a pixel.
        image: where it comes from.
    """

    gray: NDArray[np.uint8]
    pixel_mm: tuple[float, float]
    image: Image
    _index: NDArray[np.intp]

    @classmethod
    def of(cls, image: Image) -> Picture:
        """The picture of a volume of one slice, gray or in color.

        Raises:
            InputError: if its pixel size is not known, its pixels are not rectangular, or it is no single picture.
        """
        check_usable(image, ("US",), flat=True)
        called = image.name or "The picture"
        if not image.spacing_source:
            raise InputError(unknown_size(called))
        flat = image.with_voxels(np.arange(np.prod(image.shape)).reshape(image.shape)).canonical()
        axis = next(n for n, count in enumerate(flat.shape) if count == 1)
        directions = np.delete(flat.ijk_to_ras[:3, :3] / np.asarray(flat.spacing), 2 - axis, axis=1)
        if abs(directions[:, 0] @ directions[:, 1]) > _SHEAR:
            raise InputError(f"{called} is sheared: its rows and columns are not at right angles. Remove the shear from its transform.")
        index = np.flip(np.squeeze(flat.voxels, axis))
        width, height = np.delete(flat.spacing, 2 - axis)
        return cls(_gray(image)[index], (float(height), float(width)), image, index)

    def seen(self, values: NDArray[Any]) -> NDArray[Any]:
        """A map on the grid of the volume, (K, J, I), as seen on the screen."""
        return values.reshape(-1)[self._index]

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Inverse of `seen`."""
        found = np.zeros(self._index.size, values.dtype)
        found[self._index] = values
        return found.reshape(self.image.shape)


def to_ct(seen: NDArray[Any], view: str, mirrored: bool, turn: int) -> NDArray[Any]:
    """A view as seen on the screen in CT orientation, see ``SpleenVolumeLib.volume.PLANES``.

    Args:
        seen: (rows, columns).
        mirrored: whether the head, or the front, is on the wrong side.
        turn: degrees clockwise by which it must be turned, after mirroring, to bring the probe to the top; for a sagittal view the head.
    """
    upright = np.rot90(np.fliplr(seen) if mirrored else seen, -(turn // 90))
    # No probe at the side of the patient shows a sagittal plane: such a picture is taken as it is hung in radiology.
    return upright if view == "sagittal" else from_ultrasound_orientation(upright)


def from_ct(mask: NDArray[Any], view: str, mirrored: bool = False, turn: int = 0) -> NDArray[Any]:
    """Inverse of `to_ct`."""
    upright = np.rot90(mask if view == "sagittal" else to_ultrasound_orientation(mask), turn // 90)
    return np.fliplr(upright) if mirrored else upright


def turned_pixel(pixel_mm: tuple[float, float], view: str, turn: int) -> tuple[float, float]:
    """Height and width of a pixel after `to_ct`."""
    quarters = turn // 90 + (view != "sagittal")
    return (pixel_mm[1], pixel_mm[0]) if quarters % 2 else pixel_mm


def unknown_size(called: str) -> str:
    """What to say about a picture whose pixel size nobody stated."""
    return (
        f"{called}: the size of a pixel is not known, and the volume goes with its third power. "
        "Draw a calibration line in the panel, or give it on the command line: --spacing VIEW=DX,DY in mm."
    )


def _gray(image: Image) -> NDArray[np.uint8]:
    """Gray values 0-255 in the order of the volume, flattened."""
    voxels = image.voxels
    if voxels.ndim == 4:
        voxels = np.tensordot(_LUMA, voxels[:3].astype(np.float32), 1)
    flat = voxels.reshape(-1)
    if flat.dtype == np.uint8:
        return flat
    values = flat.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 255 or high <= 1:
        values = (values - low) * (255 / max(high - low, 1e-6))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
