"""Label values that the two networks predict and that training data are packed with."""

from __future__ import annotations

# The refiner, and packed kidneys.
BACKGROUND, PARENCHYMA, TUMOR, CYST, SINUS = range(5)
REFINER_CLASSES = ("background", "parenchyma", "tumor", "cyst", "sinus")

# The localizer also names what kidneys are confused with, and the spine, which tells left from right.
LOCALIZER_CLASSES = ("background", "kidney", "liver", "spleen", "spine")
KIDNEY, LIVER, SPLEEN, SPINE = range(1, 5)
