from __future__ import annotations

import spleen_toys

from DeepVolumetryLib.image import Image


def study(seed: int = 0) -> dict[str, Image]:
    """A coronal and a transverse picture of a bright ellipse in a fan."""
    return {view: spleen_toys.picture(view) for view in ("coronal", "transverse")}
