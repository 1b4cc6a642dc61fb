"""Result: what one run of a module gives, before it goes into a scene, a file or a report."""

from __future__ import annotations

from dataclasses import dataclass, field
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
