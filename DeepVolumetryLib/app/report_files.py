"""``--pdf``, ``--dicom`` and ``--deidentify``: what they need before a run, and what they write after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..modules import ModuleEntry
    from ..report.dicom import Source
    from ..report.report import Report
    from ..result import Result
    from .inputs import InputFile


@dataclass(frozen=True)
class Extras:
    """What was asked for besides the files that are always written.

    Attributes:
        pdf, dicom: write ``report.pdf``, ``dicom/*.dcm``.
        deidentify: leave out what says whose the study is, in these and in ``report.json``.
        label: printed on the PDF.
    """

    pdf: bool = False
    dicom: bool = False
    deidentify: bool = False
    label: str = ""

    def sources(self, files: Sequence[InputFile], frames: Mapping[str, int]) -> dict[str, Source]:
        """The DICOM images behind the inputs; {} if no DICOM is asked for. Asked before a run, which may take minutes.

        Args:
            files: the inputs.
            frames: input -> number of the frame that was chosen of a file with several.

        Raises:
            InputError: if an input is no DICOM image.
        """
        if not self.dicom:
            return {}
        from ..report.dicom import read_source

        return {file.name: read_source(file.path, file.name, file.image.uid, frames.get(file.name)) for file in files}

    def reported(self, report: Report) -> Report:
        """The report as it may be written."""
        if not self.deidentify:
            return report
        from ..report.anonymous import without_identity

        return without_identity(report)

    def write(self, folder: Path, result: Result, report: Report, sources: Mapping[str, Source], entry: ModuleEntry) -> None:
        """Write what was asked for.

        Args:
            folder: of the results.
            result: of the run.
            report: as it may be written.
            sources: from `sources`, by the names of the inputs.
            entry: knows what its sums are called.
        """
        names = names_of(entry, result)
        if self.pdf:
            from ..report.pdf import write_pdf
            from .views import plates_of

            write_pdf(report, folder / "report.pdf", *plates_of(result), result.specs, names, label=self.label)
        if self.dicom:
            from ..report.dicom import write_dicom

            write_dicom(result, by_part(result, sources), folder / "dicom", names, self.deidentify)


def by_part(result: Result, sources: Mapping[str, Source]) -> dict[str, Source]:
    """Images by the name of the part of the result that lies on them ("" is the first), then the other inputs by their own names."""
    first = result.image.name if result.image.name in sources else next(iter(sources), "")
    return {"": sources[first], **{name: source for name, source in sources.items() if name != first}} if sources else {}


def names_of(entry: ModuleEntry, result: Result) -> dict[str, str]:
    """What the module calls sums and other keys without a segment; {} where it has no words for them."""
    if not entry.offers("segments"):
        return {}
    display = getattr(entry.submodule("segments"), "display_name", None)
    known = {spec.key for spec in result.specs}
    found = {m.segment: display(m.segment) for m in result.measurements if m.segment not in known} if display else {}
    return {key: name for key, name in found.items() if name != key}
