"""A real, tiny stand-in for SpleenVolume's model: it outlines what is bright; everything else is as the real one.

What the coronal picture is called decides what happens: "slow" takes a minute, "dies" ends the worker, "refused" is refused.
"""

import sys
from pathlib import Path

import DeepVolumetryLib

# The worker is told where the toy lies, not where the libraries are that the toy borrows from.
_ROOT = Path(DeepVolumetryLib.__file__).parents[1]
sys.path += [str(_ROOT / "SpleenVolume"), str(_ROOT / "Testing" / "Python")]
