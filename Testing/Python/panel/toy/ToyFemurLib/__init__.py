"""A stand-in for FemurQCT's networks: the true femora of a coarse phantom patient; everything else is the real one."""

import sys
from pathlib import Path

import DeepVolumetryLib

# The worker is told where the toy lies, not where the library is that the toy borrows from.
_ROOT = Path(DeepVolumetryLib.__file__).parents[1]
sys.path += [str(_ROOT / "FemurQCT"), str(_ROOT / "Testing" / "Python")]
