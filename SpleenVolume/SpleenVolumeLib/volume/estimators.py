"""The methods behind one interface: from descriptors to the logarithm of the volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..methods import TITLES as TITLES
from .descriptors import Descriptors, key
from .features import ELLIPSOID, ellipsoid_width_mm
from .regression import Codes, Kernel, Neighbors, Ridge
from .views import CALIPERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PAPER = ("nn", "plr", "rvae", "rvae-ci")
FORMULAS = ("prassopoulos", "ellipsoid")


class Estimator(Protocol):
    """One method."""

    def allows(self, planes: Sequence[str]) -> bool:
        """Whether it can be used with these planes."""

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        """Logarithm of the volume in mL, (N,). Planes and calipers that a method has no use for are ignored."""


@dataclass(frozen=True)
class Formula:
    """Prassopoulos 1997, or the ellipsoid; see ``features``."""

    name: str

    def allows(self, planes: Sequence[str]) -> bool:
        return self.name == "ellipsoid" or "transverse" in planes

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        sizes = np.exp(found.shape[:, :, :5] + found.log_scale[:, :, None])  # plane; height, width, longest, thickness, across
        if self.name == "prassopoulos":
            used = [0, 2] if "sagittal" in planes else [0]
            length = sizes[:, used, 0].max(1)
            if "length_mm" in calipers:
                length = np.exp(found.log_calipers[:, list(CALIPERS).index("length_mm")])
            return np.asarray(np.log(30 + 0.58 * length * sizes[:, 1, 2] * sizes[:, 1, 3] / 1000))
        both = "transverse" in planes
        width = sizes[:, 1, 2] if both else ellipsoid_width_mm(sizes[:, 0, 2])
        return np.asarray(np.log(ELLIPSOID * sizes[:, 0, 2] * width * sizes[:, 1 if both else 0, 3] / 1000))


@dataclass(frozen=True)
class LogLinear:
    """Ridge regression on the logarithms of areas and lengths, one for each combination of planes and calipers."""

    lines: Mapping[str, Ridge]

    def allows(self, planes: Sequence[str]) -> bool:
        return key(planes) in self.lines

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        return found.base(planes) + self.lines[key(planes, calipers)].predict(found.numbers(planes, calipers))


@dataclass(frozen=True)
class Stacked:
    """Log-linear on the integrals that stack two outlines along their common axis; calipers are ignored."""

    lines: Mapping[str, Ridge]

    def allows(self, planes: Sequence[str]) -> bool:
        return key(planes) in self.lines

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        return found.base(planes) + self.lines[key(planes)].predict(found.stacked(planes))


@dataclass(frozen=True)
class KernelRegression:
    """Kernel ridge regression, one for each combination of planes and calipers."""

    codes: Codes
    kernels: Mapping[str, Kernel]

    def allows(self, planes: Sequence[str]) -> bool:
        return key(planes) in self.kernels

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        numbers, codes = found.numbers(planes, calipers), self.codes.encode(found.pictures, planes)
        return found.base(planes) + self.kernels[key(planes, calipers)].predict(numbers, codes)


@dataclass(frozen=True)
class NearestShapes:
    """Mean volume of the training shapes whose outlines overlap most."""

    neighbors: Neighbors

    def allows(self, planes: Sequence[str]) -> bool:
        return True

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        return found.base(planes) + self.neighbors.predict(found, planes, calipers)[0]


@dataclass(frozen=True)
class Ensemble:
    """Mean of the logarithms of its members. A member that cannot see the third plane or the calipers is left out where they are there."""

    members: Mapping[str, Estimator]
    blind: frozenset[str] = frozenset({"rvae"})

    def allows(self, planes: Sequence[str]) -> bool:
        return True

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str]) -> Floats:
        more = "sagittal" in planes or bool(calipers)
        used = [member for name, member in self.members.items() if not (more and name in self.blind)]
        return np.asarray(np.mean([member.predict(found, planes, calipers) for member in used], axis=0))
