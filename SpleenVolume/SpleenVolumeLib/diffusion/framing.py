"""Between pictures with pixels in millimeters and the small squares that USDM works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .network import SIZE


@dataclass(frozen=True)
class Frame:
    """A square that holds a fan.

    Attributes:
        top, left: of the square, in pixels of the picture; it may reach beyond.
        side: in pixels.
    """

    top: float
    left: float
    side: float

    @classmethod
    def of(cls, fan: NDArray[np.bool_]) -> Frame:
        rows, columns = (np.flatnonzero(fan.any(axis=axis)) for axis in (1, 0))
        tall, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        side = max(tall, wide) * 1.03
        return cls(float(rows[0] + tall / 2 - side / 2), float(columns[0] + wide / 2 - side / 2), float(side))

    def cut(self, field: NDArray) -> NDArray[np.float32]:
        """A field (J, I) in the square, (64, 64), averaged over what falls into a pixel; 0 beyond."""
        pad = int(self.side) + 2
        padded = np.pad(field.astype(np.float32), pad)
        top, left, side = (round(value) for value in (self.top + pad, self.left + pad, self.side))
        part = torch.from_numpy(np.ascontiguousarray(padded[top : top + side, left : left + side]))[None, None]
        mode = "area" if side >= SIZE else "bilinear"
        return np.asarray(torch.nn.functional.interpolate(part, (SIZE, SIZE), mode=mode)[0, 0].numpy(), np.float32)

    def pixel_mm(self, pixel_mm: float) -> float:
        """Size of the square's pixels, from that of the picture's."""
        return round(self.side) * pixel_mm / SIZE


def one_hot(fan: NDArray, spleen: NDArray) -> NDArray[np.float32]:
    """Layout (3, J, I) from shares of fan and spleen."""
    organ = np.clip(np.minimum(spleen, fan), 0, 1)
    return np.stack([1 - fan, fan - organ, organ]).astype(np.float32)
