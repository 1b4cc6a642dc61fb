"""A report without anything that says whose it is: paths, UIDs and the mark of the patient."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath

from .dicom.deidentify import mapped
from .report import Report

_GIVEN = "given"


def without_identity(report: Report) -> Report:
    """The same numbers; folders and files are often named after patients, so their paths go, also out of sentences.

    UIDs are replaced as in de-identified DICOM objects. The checksum of a file stays: it tells nothing to those who do not have the file.
    """
    made = report.provenance
    parameters = {name: _GIVEN if name == "prior" and value else value for name, value in made.parameters.items()}
    paths = {record.path: f"the input {record.name}" for record in report.inputs if record.path}

    def plain(sentence: str) -> str:
        for path, name in sorted(paths.items(), key=lambda pair: -len(pair[0])):
            sentence = sentence.replace(path, name)
            sentence = re.sub(rf"(?<!\w){re.escape(PurePath(path).name)}(?!\w)", name, sentence)
        return sentence

    return replace(
        report,
        provenance=replace(made, parameters=parameters),
        inputs=tuple(replace(record, path="", patient="", uid=mapped(record.uid) if record.uid else "") for record in report.inputs),
        warnings=tuple(map(plain, report.warnings)),
        notes=tuple(map(plain, report.notes)),
    )
