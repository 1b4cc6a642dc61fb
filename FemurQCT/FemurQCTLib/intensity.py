"""The intensity scale of the networks: Hounsfield units, which mean the same in every CT."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW = (-250.0, 1250.0)
_CENTER, _WIDTH = 150.0, 250.0


def normalized(hu: NDArray, covered: NDArray | None = None) -> NDArray[np.float32]:
    """HU clipped to the window of fat to dense cortex, about zero; where the scan has no data the lowest value. (K, J, I)."""
    result = (np.clip(hu, *WINDOW).astype(np.float32) - np.float32(_CENTER)) / np.float32(_WIDTH)
    if covered is not None:
        result[~covered] = np.float32((WINDOW[0] - _CENTER) / _WIDTH)
    return result
