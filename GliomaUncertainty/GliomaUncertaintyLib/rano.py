"""Response category of RANO 2.0 between two studies, and how likely the true change is to cross its thresholds.

Thresholds (Wen et al. 2023, JCO, doi 10.1200/JCO.23.01059): volume down by 65 % or more is a partial response, up by 40 % or more
progression; sum of bidimensional products down by 50 %, up by 25 %. A measurable lesion where there was none is progression.

Only what two reports say is compared. Clinical state, steroids, T2/FLAIR lesions beside the target, confirmation scans and which
earlier scan is the baseline or nadir are for people; nothing here is a clinical decision.

How the probabilities follow from the intervals: ``DeepVolumetryLib.measure.crossing``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.change import SINCE_PRIOR, change
from DeepVolumetryLib.measure.crossing import has_interval, probability_above
from DeepVolumetryLib.measure.measurement import Measurement

from .table import MEASURABLE, NAMES, SUM_OF_PRODUCTS

if TYPE_CHECKING:
    import os

CR, PR, SD, PD = "CR", "PR", "SD", "PD"
WORDS = {CR: "complete response", PR: "partial response", SD: "stable disease", PD: "progressive disease"}
VOLUME_DOWN, VOLUME_UP = 0.35, 1.40
"""Ratios current / prior of a volume from which on it is a partial response (and below) or progression (and above)."""
PRODUCT_DOWN, PRODUCT_UP = 0.50, 1.25
"""The same for the sum of bidimensional products."""
RESEARCH = "Categories follow the size thresholds of RANO 2.0 only, for research; they are no response assessment of a patient."


@dataclass(frozen=True)
class Response:
    """How the target changed between two studies.

    Attributes:
        target: "ET" or "WT".
        volume_category: by volume: "CR", "PR", "SD", "PD", or "" where it cannot be said.
        product_category: by the sum of bidimensional products, likewise.
        prior_ml, current_ml: volumes.
        percent: change of the volume, NaN if it was 0.
        prior_mm2, current_mm2: sums of products, NaN where no lesion was measurable.
        progression, response: probability (0-1) that the true volume rose or fell past its threshold; None without intervals.
        probability: probability that the true change is that of ``volume_category`` (of a complete response: at least of a
            partial one, since no interval tells nothing from very little); None without intervals.
        why: a sentence about the category.
        warnings: what speaks against comparing the two.
    """

    target: str
    volume_category: str
    product_category: str
    prior_ml: float
    current_ml: float
    percent: float
    prior_mm2: float
    current_mm2: float
    progression: float | None
    response: float | None
    probability: float | None
    why: str
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON, as in ``Result.extras["response"]``; what is not known is None."""
        values = {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in asdict(self).items()}
        return {**values, "warnings": list(self.warnings), "note": RESEARCH}

    @property
    def measurements(self) -> list[Measurement]:
        """Rows for the table and the report: change of the volume in percent, and the two probabilities."""
        rows = [Measurement(self.target, f"Volume change {SINCE_PRIOR}", self.percent, "%", verdict=self.why)]
        chances = {"progression": self.progression, "response": self.response}
        return [
            *rows,
            *(
                Measurement(self.target, f"Probability of {name} {SINCE_PRIOR}", 100 * p, "%")
                for name, p in chances.items()
                if p is not None
            ),
        ]


def against_prior(
    report_path: str | os.PathLike[str], measurements: Iterable[Measurement], target: str = "auto", inputs: Sequence[Mapping[str, Any]] = ()
) -> Response:
    """Compare a study with the ``report.json`` of an earlier one.

    Args:
        report_path: report of the earlier study.
        measurements: of the current study.
        target: "ET", "WT", or "auto": ET, and WT where neither study has a measurable enhancing lesion.
        inputs: records of the current inputs ("uid", "sha256", "patient"), to notice that both studies are the same images or of
            different patients.

    Raises:
        InputError: if the report cannot be read, is of another module or another patient, or holds no volume of the target.
    """
    report = read_prior(report_path, inputs)
    prior = [Measurement.from_dict(entry) for entry in report["measurements"]]
    found = response(prior, measurements, target)
    if _identities(inputs) & _identities(report["inputs"]):
        same = "The prior report was made from the same images. Choose the report of an earlier scan."
        return replace(found, warnings=(*found.warnings, same))
    return found


def read_prior(report_path: str | os.PathLike[str], inputs: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The report of an earlier study, after the checks that need no current measurements; ``inputs`` as for ``against_prior``.

    Raises:
        InputError: if it cannot be read, is of another module or of another patient.
    """
    report = _read(Path(report_path))
    patients = [{str(entry["patient"]) for entry in records if entry.get("patient")} for records in (inputs, report["inputs"])]
    if all(patients) and not patients[0] & patients[1]:
        raise InputError(f"{report_path} is a report of another patient. Choose one of the same patient.")
    return report


def response(prior: Iterable[Measurement], current: Iterable[Measurement], target: str = "auto") -> Response:
    """Category of the change between two tables of ``measure_glioma``; see ``Response``.

    Raises:
        InputError: if one of them has no volume of the target, or the target is not known.
    """
    before, after = ({(m.segment, m.name): m for m in measurements} for measurements in (prior, current))
    if target == "auto":
        target = _target(before, after)
    elif target not in ("ET", "WT"):
        raise InputError(f"The response of “{target}” cannot be told. Choose ET (enhancing) or WT (non-enhancing tumor).")
    volumes = [table.get((target, "Volume")) for table in (before, after)]
    for found, which in zip(volumes, ("prior", "current"), strict=True):
        if found is None or not math.isfinite(found.value):
            raise InputError(f"The {which} report holds no volume of the {NAMES[target]}. Segment that study again.")
    old, new = (volume for volume in volumes if volume is not None)
    lesions = [table.get((target, MEASURABLE)) for table in (before, after)]
    counts = [None if m is None else int(m.value) for m in lesions]
    up, down = _probabilities(old, new)
    by_volume, why = _volume_category(old.value, new.value, counts, NAMES[target])
    sums = [_value(table.get((target, SUM_OF_PRODUCTS))) for table in (before, after)]
    chances = {PD: up, PR: down, CR: down, SD: None if up is None or down is None else max(0.0, 1 - up - down)}
    appeared = by_volume == PD and counts[0] == 0
    return Response(
        target=target,
        volume_category=by_volume,
        product_category=_product_category(sums[0], sums[1], new.value, counts),
        prior_ml=old.value,
        current_ml=new.value,
        percent=change(old, new).percent,
        prior_mm2=sums[0],
        current_mm2=sums[1],
        progression=up,
        response=down,
        probability=None if appeared else chances.get(by_volume),
        why=why,
        warnings=tuple(_warnings(counts, old, new, NAMES[target])),
    )


def _probabilities(before: Measurement, after: Measurement) -> tuple[float | None, float | None]:
    """Of progression, and of at least a partial response. Both are 0 where nothing changed for certain."""
    above_up, above_down = (probability_above(ratio, before, after) for ratio in (VOLUME_UP, VOLUME_DOWN))
    if above_up is None or above_down is None:
        return None, None
    return above_up, 1 - above_down


def _target(before: Mapping[tuple[str, str], Measurement], after: Mapping[tuple[str, str], Measurement]) -> str:
    enhancing = any(_value(table.get(("ET", MEASURABLE))) > 0 for table in (before, after))
    return "ET" if enhancing else "WT"


def _volume_category(old: float, new: float, counts: Sequence[int | None], name: str) -> tuple[str, str]:
    if counts[0] == 0:
        if counts[1]:
            return PD, f"A measurable lesion of the {name} where there was none: {WORDS[PD]} ({PD})."
        return "", f"No lesion of the {name} was measurable in either study, so a change in percent means little."
    if old <= 0:
        return "", f"The prior study had no {name}, so no change in percent can be given."
    percent = 100 * (new - old) / old
    category = _category(new / old, VOLUME_DOWN, VOLUME_UP)
    return category, f"Volume of the {name} {percent:+.0f} %: {WORDS[category]} ({category}) by the volume thresholds of RANO 2.0."


def _product_category(old: float, new: float, volume: float, counts: Sequence[int | None]) -> str:
    if counts[0] == 0:
        return PD if counts[1] else ""
    if not old > 0:
        return ""
    if math.isnan(new):  # lesions shrank below what is measurable; only nothing at all is a complete response
        return CR if volume == 0 else PR
    return _category(new / old, PRODUCT_DOWN, PRODUCT_UP)


def _category(ratio: float, down: float, up: float) -> str:
    if ratio <= 0:
        return CR
    if ratio <= down + 1e-12:
        return PR
    return PD if ratio >= up - 1e-12 else SD


def _warnings(counts: Sequence[int | None], old: Measurement, new: Measurement, name: str) -> list[str]:
    sentences = []
    if None in counts:
        sentences.append("One of the reports does not count measurable lesions, so new lesions cannot be noticed.")
    elif counts[0] and counts[1] and counts[1] > counts[0]:
        sentences.append(
            f"There are {counts[1]} measurable lesions of the {name}, {counts[0]} before. If one of them is new that alone is progression; "
            "one that fell apart is not."
        )
    if not (has_interval(old) and has_interval(new)):
        sentences.append("No probability of crossing the thresholds is given: one of the volumes has no interval.")
    return sentences


def _value(m: Measurement | None) -> float:
    return math.nan if m is None else m.value


def _identities(inputs: Iterable[Mapping[str, Any]]) -> set[str]:
    """UIDs and checksums of input records."""
    return {str(entry[key]) for entry in inputs for key in ("uid", "sha256") if entry.get(key)}


def _read(path: Path) -> dict[str, Any]:
    """A report of this module, as ``docs/cli.md`` describes it."""
    if path.is_dir():
        path = path / "report.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        module, measurements = document["module"], document["measurements"]
        document["inputs"] = list(document.get("inputs", ()))
        for entry in measurements:
            Measurement.from_dict(entry)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Choose the report.json of a result folder.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a report of this version. Choose the report.json of a result folder.") from error
    if module != "glioma":
        raise InputError(f"{path} is a report of the module {module}, not of glioma. Choose a report of the same module.")
    return dict(document)
