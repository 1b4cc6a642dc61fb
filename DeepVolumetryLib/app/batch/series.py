"""From series, found in a folder or on a server, to cases; no name of a patient is read, nor used."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...engine.pipeline import InputSpec, lacking
from ...modules import find
from ..inputs import INPUTS
from .cohort import Case
from .sources import Source

FEWEST_IMAGES = 10
TAGS = (
    "SeriesDescription",
    "ProtocolName",
    "ContrastBolusAgent",
    "InversionTime",
    "EchoTime",
    "RepetitionTime",
    "ScanningSequence",
    "ImageType",
)
"""What a module tells its inputs apart by."""


@dataclass(frozen=True)
class Series:
    """A series, or one picture of a series where a module takes single pictures.

    Attributes:
        study, uid: DICOM UIDs; that of the instance for a single picture.
        modality: "CT".
        images: slices or frames.
        source: where it is.
        tags: what its header says about how it was acquired.
        localizer: True if it says that it is one.
    """

    study: str
    uid: str
    modality: str
    images: int
    source: Source
    tags: Mapping[str, str] = field(default_factory=dict)
    localizer: bool = False


def short(*uids: str) -> str:
    """Ten letters that stand for UIDs and say nothing about the patient."""
    return hashlib.sha256("/".join(uids).encode()).hexdigest()[:10]


def cases_of(found: Sequence[Series], module: str, options: Sequence[str]) -> list[Case]:
    """Cases of a module.

    A module that takes one volume gets every series of a modality that it takes, each as a case; localizers and series of fewer than ten
    images are left out. A module that takes several gets every study, its inputs told apart by their headers; where that is not
    possible, the case has a problem that says so: nothing is guessed that the headers do not say.
    """
    specs = INPUTS[module]
    fitting = [each for each in found if each.modality in specs[0].modalities and _usable(each, specs[0])]
    if len(specs) == 1:
        return [Case(short(each.study, each.uid), module, {specs[0].name: each.source}, tuple(options)) for each in fitting]
    studies: dict[str, list[Series]] = {}
    for each in fitting:
        studies.setdefault(each.study, []).append(each)
    return [_study_case(study, series, module, options) for study, series in studies.items()]


def _usable(series: Series, spec: InputSpec) -> bool:
    return spec.flat or (series.images >= FEWEST_IMAGES and not series.localizer)


def _study_case(study: str, series: Sequence[Series], module: str, options: Sequence[str]) -> Case:
    guess = find(module).submodule("guess").assign
    positions = guess([each.tags.get("SeriesDescription", "") for each in series], [each.tags for each in series], [])
    sources = {name: series[number].source for name, number in positions.items()}
    missing = lacking(INPUTS[module], sources)
    if not missing:
        return Case(short(study), module, sources, tuple(options))
    problem = (
        f"The study has {len(series)} series, but none that its header calls {' or '.join(missing)}. List the study in a cohort.csv, which "
        "says what is what."
    )
    return Case(short(study), module, {}, (), problem=problem, exit_code=2)


def write_studies(path: Path, cases: Sequence[Case], found: Sequence[Series]) -> None:
    """Write ``studies.csv``: which study and series each case is, for those who may know."""
    by_source = {each.source: each for each in found}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("case", "input", "study_uid", "series_uid", "images"))
    for case in cases:
        for name, source in case.sources.items():
            each = by_source[source]
            writer.writerow((case.name, name, each.study, each.uid, each.images))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
