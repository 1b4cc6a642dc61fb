"""Report: what one study says, in one object, ready for every format.

A report names no patient. Inputs are named by what the user called them, their file and their DICOM UID.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..measure.measurement import Measurement
from ..result import Provenance, part_target
from ..uncertainty.regions import ReviewRegion

if TYPE_CHECKING:
    from ..result import Result

SCHEMA = 1
PHASES = ("import", "load", "preprocess", "inference", "postprocess", "write", "total")
_SAID_ELSEWHERE = ("notes", "edited_segments", "response")  # extras that the report has under their own names
RESEARCH_ONLY = "For research. Not for diagnosis."


@dataclass(frozen=True)
class InputRecord:
    """One input of the run.

    Attributes:
        name: as on the command line ("volume").
        path: as the user gave it, "" for a node of a scene.
        sha256: of the file, "" if there is none.
        uid: DICOM series instance UID, or "".
        size: voxels along (I, J, K).
        spacing_mm: along (I, J, K).
        patient: a hash of the patient's ID, which tells two patients apart and names none; "" if the file has no ID.
    """

    name: str
    path: str = ""
    sha256: str = ""
    uid: str = ""
    size: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    patient: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON; ``patient`` only where it is known."""
        values = {**asdict(self), "size": list(self.size), "spacing_mm": list(self.spacing_mm)}
        return values if self.patient else {name: value for name, value in values.items() if name != "patient"}


@dataclass(frozen=True)
class Report:
    """Measurements with everything that is needed to trace and to trust them.

    Attributes:
        provenance: module, model, device, parameters, seconds.
        inputs: what was measured.
        measurements: numbers with intervals and verdicts.
        review: places worth reviewing and what became of them.
        warnings: sentences about this study.
        notes: sentences that belong below the table: caveats, references, coverage of the intervals.
        edited_segments: keys of the segments that were corrected by hand.
        response: how the target of a treatment changed since a prior study, as the module puts it; None without one.
        details: facts that are needed to measure the saved masks again, as the module put them into the extras of its result.
    """

    provenance: Provenance
    inputs: tuple[InputRecord, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    review: tuple[ReviewRegion, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    edited_segments: tuple[str, ...] = field(default=())
    response: Mapping[str, Any] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_result(cls, result: Result, inputs: Sequence[InputRecord] = ()) -> Report:
        """Report of a result. Notes, edited segments and response are taken from its extras of these names.

        Without ``inputs`` the images of the result stand for them.
        """
        images = [(part.image.name or name or "volume", part.image) for name, part in result.parts.items()]
        own = (InputRecord(name, uid=image.uid, size=image.size, spacing_mm=image.spacing, patient=image.patient) for name, image in images)
        return cls(
            provenance=result.provenance,
            inputs=tuple(inputs or own),
            measurements=tuple(result.measurements),
            review=tuple(result.review_list()),
            warnings=tuple(result.warnings),
            notes=tuple(result.extras.get("notes", ())),
            edited_segments=tuple(
                part_target(name, key) for name, part in result.parts.items() for key in part.extras.get("edited_segments", ())
            ),
            response=result.extras.get("response"),
            details={name: value for name, value in result.extras.items() if name not in _SAID_ELSEWHERE},
        )

    @property
    def reviewed(self) -> int:
        """Number of regions that somebody has looked at."""
        return sum(1 for region in self.review if region.reviewed)

    @property
    def review_sentence(self) -> str:
        """How much of the review was done, e.g. "3 of 12 places were reviewed; 1.4 of 3.0 mL at stake remain"."""
        if not self.review:
            return "No place was uncertain enough to be listed for review."
        total = sum(region.at_stake_ml for region in self.review)
        remaining = sum(region.at_stake_ml for region in self.review if not region.reviewed)
        return f"{self.reviewed} of {len(self.review)} places were reviewed; {remaining:.1f} of {total:.1f} mL at stake remain."

    def to_dict(self) -> dict[str, Any]:
        """``report.json``, schema 1 (see docs/cli.md). No NaN: what was not measured is null."""
        made = self.provenance
        return {
            "schema": SCHEMA,
            "module": made.module,
            "version": made.version,
            "model": {"name": made.model_name, "version": made.model_version, "sha256": made.model_sha256, "license": made.model_license},
            "device": made.device,
            "parameters": dict(made.parameters),
            "seconds": {phase: round(made.seconds.get(phase, 0.0), 3) for phase in PHASES},
            "inputs": [record.to_dict() for record in self.inputs],
            "measurements": [measurement.to_dict() for measurement in self.measurements],
            "review": [
                {**asdict(region), "center_ras_mm": list(region.center_ras_mm), "box_kji": [list(corner) for corner in region.box_kji]}
                for region in self.review
            ],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "edited_segments": list(self.edited_segments),
            **({} if self.response is None else {"response": dict(self.response)}),
            "details": _plain(self.details),
            "peak_memory_mb": round(made.peak_memory_mb, 1),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Report:
        """Reads what ``to_dict`` wrote; what schema 1 does not require may be missing.

        Raises:
            ValueError: if the schema is another one.
            KeyError, TypeError: if something required is missing or of the wrong kind.
        """
        if values.get("schema") != SCHEMA:
            raise ValueError(f"schema {values.get('schema')} is not {SCHEMA}")
        model = values["model"]
        return cls(
            provenance=Provenance(
                module=values["module"],
                version=values["version"],
                model_name=model["name"],
                model_version=model["version"],
                model_sha256=model["sha256"],
                model_license=model["license"],
                device=values["device"],
                parameters=dict(values.get("parameters", {})),
                seconds=dict(values["seconds"]),
                peak_memory_mb=values["peak_memory_mb"],
            ),
            inputs=tuple(
                InputRecord(**{**record, "size": tuple(record["size"]), "spacing_mm": tuple(record["spacing_mm"])})
                for record in values["inputs"]
            ),
            measurements=tuple(Measurement.from_dict(measurement) for measurement in values["measurements"]),
            review=tuple(_region_from_dict(region) for region in values["review"]),
            warnings=tuple(values["warnings"]),
            notes=tuple(values.get("notes", ())),
            edited_segments=tuple(values.get("edited_segments", ())),
            response=values.get("response"),
            details=dict(values.get("details", {})),
        )


def _plain(value: Any) -> Any:
    """What JSON can hold of a module's facts: tuples as lists, numbers of numpy as numbers, None for what is no number."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _region_from_dict(values: Mapping[str, Any]) -> ReviewRegion:
    x, y, z = values["center_ras_mm"]
    low, high = values.get("box_kji", ((0, 0, 0), (0, 0, 0)))
    return ReviewRegion(
        rank=values["rank"],
        target=values["target"],
        at_stake_ml=values["at_stake_ml"],
        center_ras_mm=(x, y, z),
        volume_ml=values["volume_ml"],
        box_kji=(tuple(low), tuple(high)),
        reviewed=values.get("reviewed", ""),
        kind=values.get("kind", ""),
    )
