"""A real, tiny stand-in for GliomaUncertainty's model: labels by gray value, everything else as the real one.

What FLAIR (or T1 with contrast) is called decides what happens: "slow" takes a minute, "dies" ends the worker, "refused" is refused.
A sequence that is called "moved" is said to have been moved.
"""

import sys
from pathlib import Path

import DeepVolumetryLib

# The worker is told where the toy lies, not where the library is that the toy borrows from.
sys.path.append(str(Path(DeepVolumetryLib.__file__).parents[1] / "GliomaUncertainty"))
