"""The study that is looked at: read from a result folder, or segmented from images. The logic is that of the panels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DeepVolumetryError, InputError
from ...image_io import sha256_file
from ...modules import find
from ...mrml.results import show_result
from ...mrml.volumes import node_from_image
from ...report.saved import has_image, read_result
from ...study.segmentationLogic import SegmentationLogic
from ..inputs import INPUTS, PixelSizes, assign, guess_of, read

if TYPE_CHECKING:
    from ...image import Image
    from ...report.report import InputRecord, Report
    from ..inputs import InputFile
    from .folder import OpenedFolder

_NEEDS_VOXELS = ("femur",)  # measures densities: without the image there is nothing to measure


class Study(SegmentationLogic):
    """One study in the scene.

    Args:
        module: key of the module.

    Attributes:
        records: the inputs, for the report.
        name: what the user calls the study.
        hint: a sentence about what is missing, "" if nothing is.
    """

    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = self.entry = find(module)
        self.records: tuple[InputRecord, ...] = ()
        self.name = self.hint = ""
        self._images: dict[str, Image] = {}
        self._notes: list[str] = []
        self._reference = ""

    # ---- from a result folder

    def load(self, folder: Path, name: str, images: Mapping[str, Image]) -> None:
        """Show a saved result.

        Args:
            folder: of the result.
            name: of the study.
            images: its inputs, by their names in the report, as far as they are at hand.

        Raises:
            InputError: if it cannot be read.
        """
        live = self._live()
        result, report = read_result(folder, self.entry.submodule("segments").SPECS, images, getattr(live, "MAPS", ()))
        if not has_image(result) and self.entry.key in _NEEDS_VOXELS:
            raise InputError(f"The image of {name} is needed to measure it. Open it with: --input {result.image.name}=PATH.")
        self.records, self.name = report.inputs, name
        self.hint = "" if has_image(result) else f"The image is not in the opened folder. To see it: --input {result.image.name}=PATH."
        sources = {part or result.image.name: node_from_image(each.image, each.image.name) for part, each in result.parts.items()}
        grids = {id(each.image) for each in result.parts.values()}
        sources |= {each: node_from_image(image, each) for each, image in images.items() if id(image) not in grids}
        companions = {part: sources[part] for part in result.companions}
        nodes = show_result(result, sources[result.image.name], self.names(), False, companions)
        self.take(result, nodes, sources)

    def segment_at(self, index: int) -> str:
        """The segment to correct at a place to review, by its position in the list; "" if its structure has none."""
        from ...study.cutOff import specAt

        part, number = self.result.places()[index]
        spec = specAt(self.result.parts[part], self.result.parts[part].regions[number])
        return spec.key if spec else ""

    # ---- from images

    def open_images(self, texts: list[str], sizes: PixelSizes | None = None) -> dict[str, Any]:
        """Read images and put them into the scene; returns name of the input -> volume node.

        Args:
            texts: as on the command line, ``[NAME=]PATH``.
            sizes: what is known about the pixels of pictures.

        Raises:
            InputError: if one cannot be used.
        """
        specs = INPUTS[self.entry.key]
        paths, guessed = assign(texts, specs, guess_of(self.entry))
        files = read(paths, specs, sizes)
        self.records = tuple(file.record() for file in files)
        self._notes = [*guessed, *(note for file in files for note in file.notes)]
        return {file.name: self._node(file) for file in files}

    def imageOf(self, node: Any) -> Image:
        """As it was read: its header knows more than the scene does."""
        return self._images[node.GetID()]

    def inputProblems(self, nodes: Mapping[str, Any]) -> dict[str, str]:
        """None: what cannot be used was refused when it was read."""
        return {}

    def referenceInput(self, inputs: Mapping[str, Any]) -> str:
        """The one that the pipeline says; else the first."""
        wanted = self._reference if self._reference in inputs else ""
        return wanted or next(iter(inputs))

    def take(self, result: Any, nodes: Any, sources: Mapping[str, Any]) -> None:
        result.warnings[:0] = self._notes
        self._notes = []
        super().take(result, nodes, sources)
        self._images.clear()

    def _toScene(self, event: Any) -> Any:
        self._reference = event.result.extras.get("reference", event.result.image.name)
        return super()._toScene(event)

    def _node(self, file: InputFile) -> Any:
        image = file.image
        shown = image if image.voxels.ndim == 3 else replace(image, voxels=image.voxels[:3].mean(axis=0).astype(image.voxels.dtype))
        node = node_from_image(shown, file.name)
        self._images[node.GetID()] = image
        return node


def images_of(report: Report, folder: OpenedFolder, given: Mapping[str, Path], may_leave: bool) -> tuple[dict[str, Image], list[str]]:
    """The inputs of a saved result, as far as they can be found.

    Args:
        report: of the result; says where the images were.
        folder: what was opened.
        given: input -> file, from the command line.
        may_leave: whether an image may be read that lies outside of the folder where the report says, its SHA-256 being the one in the
            report. For the folder of the command line only: what is opened from the page never leads out.

    Returns:
        input -> image, and a sentence for each that was read from outside of the folder.
    """
    found: dict[str, Image] = {}
    notes: list[str] = []
    for record in report.inputs:
        path, note = _place(record, folder, given, may_leave)
        if path is None:
            continue
        try:
            sizes = PixelSizes({record.name: (record.spacing_mm[0], record.spacing_mm[1])}) if _is_flat(report, record) else None
            (file,) = read({record.name: path}, INPUTS[find(report.provenance.module).key], sizes)
        except DeepVolumetryError:
            if record.name in given:
                raise
            continue
        image = file.image
        found[record.name] = image if image.voxels.ndim == 3 else replace(image, voxels=image.voxels[:3].mean(axis=0))
        notes += [note] if note else []
    return found, notes


def _is_flat(report: Report, record: InputRecord) -> bool:
    return any(spec.flat for spec in INPUTS[find(report.provenance.module).key] if spec.name == record.name)


def _place(record: InputRecord, folder: OpenedFolder, given: Mapping[str, Path], may_leave: bool) -> tuple[Path | None, str]:
    """Where an input lies, and a sentence if that is outside of the folder."""
    if record.name in given:
        return given[record.name], ""
    if record.path:
        path = Path(record.path).absolute().resolve()
        if path.exists() and (path == folder.root or folder.root in path.parents):
            return folder.path(path.relative_to(folder.root).as_posix()), ""
    for name in folder.images():  # the folder may have been moved
        if Path(name).name == Path(record.path).name and sha256_file(path := folder.path(name)) == record.sha256:
            return path, ""
    if may_leave and record.path and (path := Path(record.path)).exists() and record.sha256 and sha256_file(path) == record.sha256:
        return path, f"Reading {record.name} from {path}, where the report says that it was."
    return None, ""
