"""Result: what one run of a module gives, before it goes into a scene, a file or a report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .image import Image
    from .measure.measurement import Measurement
    from .uncertainty.regions import ReviewRegion


@dataclass(frozen=True)
class Code:
    """A coded concept, e.g. Code("SCT", "64033007", "Kidney")."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True)
class SegmentSpec:
    """How a segment is called, colored and coded. ``key`` is stable ("left_kidney"); ``parent`` is the key that contains it."""

    key: str
    name: str
    color: tuple[int, int, int]
    category: Code
    type: Code
    modifier: Code | None = None
    region: Code | None = None
    region_modifier: Code | None = None
    parent: str = ""


@dataclass(frozen=True)
class Provenance:
    """What was run: enough to run it again and to trace a number back."""

    module: str
    version: str
    model_name: str = ""
    model_version: str = ""
    model_sha256: str = ""
    model_license: str = ""
    device: str = "cpu"
    parameters: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_mb: float = 0.0


@dataclass
class Result:
    """Everything that a pipeline gives back.

    Attributes:
        image: the input image (geometry of all arrays below).
        specs: the segments, in display order; segments may overlap (kidney contains parenchyma).
        segments: segment key -> bool mask (K, J, I) on the grid of ``image``.
        probability: target -> float32 in [0, 1], (K, J, I).
        uncertainty: target -> float32 on a 0-100 scale, (K, J, I).
        measurements: numbers with intervals.
        regions: places worth reviewing, the largest expected error first.
        provenance: model, device, parameters, seconds.
        warnings: sentences for the user.
        extras: small JSON-able facts of the module (e.g. conformal table) that later steps need.
        maps: further quantities on the grid of ``image``, float32 (K, J, I), by name with the unit in brackets ("density [mg/cm3]");
            each becomes a volume in the scene and a file of the name without the unit. Zero where there is nothing.
        companions: results on further images of the study that lie on grids of their own, by the name of their input
            ("transverse"); their measurements are among those of this result.
    """

    image: Image
    specs: tuple[SegmentSpec, ...]
    segments: dict[str, NDArray]
    probability: dict[str, NDArray]
    uncertainty: dict[str, NDArray]
    measurements: list[Measurement]
    regions: list[ReviewRegion]
    provenance: Provenance
    warnings: list[str] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)
    companions: dict[str, Result] = field(default_factory=dict)
    maps: dict[str, NDArray] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, Result]:
        """This result under "", then its companions by their names."""
        return {"": self, **self.companions}

    def places(self) -> list[tuple[str, int]]:
        """Regions of all parts, the most urgent first: name of the part and position in its list of regions."""
        found = [(part, n) for part, result in self.parts.items() for n in range(len(result.regions))]
        return sorted(found, key=lambda place: self.parts[place[0]].regions[place[1]].rank)

    def review_list(self) -> list[ReviewRegion]:
        """Regions in the order of `places`; targets of companions are called as `part_target` says."""
        regions = ((part, self.parts[part].regions[n]) for part, n in self.places())
        return [replace(region, target=part_target(part, region.target)) for part, region in regions]


def part_target(part: str, target: str) -> str:
    """What a target of a part is called among those of the whole result: "transverse spleen"; its own name for the part ""."""
    return f"{part} {target}".strip()
