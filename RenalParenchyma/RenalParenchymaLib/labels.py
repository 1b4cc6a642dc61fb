"""Label values that the two networks predict and that training data are packed with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The refiner, and packed kidneys.
BACKGROUND, PARENCHYMA, TUMOR, CYST, SINUS = range(5)
REFINER_CLASSES = ("background", "parenchyma", "tumor", "cyst", "sinus")

# The localizer also names what kidneys are confused with, and the spine, which tells left from right.
LOCALIZER_CLASSES = ("background", "kidney", "liver", "spleen", "spine")
KIDNEY, LIVER, SPLEEN, SPINE = range(1, 5)


def most_likely(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The label with the largest of the probabilities (classes, ...), the lowest of several; uint8, shape (...).

    With so few classes this is many times as quick as ``argmax`` over the first axis.
    """
    largest = probability[0].copy()
    labels = np.zeros(largest.shape, np.uint8)
    for label, channel in enumerate(probability[1:], 1):
        # Labels grow from turn to turn, so the larger one is the later one.
        np.maximum(labels, (channel > largest) * np.uint8(label), out=labels)
        np.maximum(largest, channel, out=largest)
    return labels
