"""A real, tiny stand-in for RenalParenchyma's model: labels by gray value, everything else as the real one.

What a volume is called decides what happens to it: "slow" takes a minute, "dies" ends the worker, "refused" is refused.
"""

import sys
from pathlib import Path

import DeepVolumetryLib

# The worker is told where the toy lies, not where the library is that the toy borrows from.
sys.path.append(str(Path(DeepVolumetryLib.__file__).parents[1] / "RenalParenchyma"))
