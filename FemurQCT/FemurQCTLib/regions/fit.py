"""Fit the frame of a proximal femur to its mask."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

from .frame import Frame


def fit_frame(mask: NDArray[Any], image: Image, side: str) -> Frame:
    """Frame of one femur.

    Args:
        mask: of the femur, (K, J, I) on the grid of the image; may end below the lesser trochanter.
        image: geometry only, any affine.
        side: "left" or "right".

    Raises:
        InputError: if the mask is empty or shows no head of a femur.
    """
    raise NotImplementedError
