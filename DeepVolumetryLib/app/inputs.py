"""From what stands on the command line to images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.pipeline import InputSpec, lacking
from ..errors import InputError
from ..image import Image
from ..image_io import check_usable, read_image, read_tags, sha256_file
from ..image_io.flat import read_flat
from ..modules import ModuleEntry
from ..report.report import InputRecord

# As in docs/cli.md. The pipelines say the same (a test compares them), but importing them takes seconds, and a wrong path
# should be told at once.
INPUTS: dict[str, tuple[InputSpec, ...]] = {
    "renal": (InputSpec("volume", modalities=("CT", "MR")),),
    "glioma": (
        InputSpec("t1", modalities=("MR",), required=False),
        InputSpec("t1ce", modalities=("MR",), required=False, one_of="reference"),
        InputSpec("t2", modalities=("MR",), required=False),
        InputSpec("flair", modalities=("MR",), required=False, one_of="reference"),
    ),
    "spleen": (
        InputSpec("coronal", modalities=("US",), flat=True),
        InputSpec("transverse", modalities=("US",), required=False, flat=True),
        InputSpec("sagittal", modalities=("US",), required=False, flat=True),
    ),
    "femur": (InputSpec("volume", modalities=("CT",)),),
}


_HOW_TO_SAY = (
    "Give it, in mm: --spacing {name}=DX,DY (width, height). It is never guessed: the volume goes with its third power, so 10 % too much "
    "make it a third too large."
)

Guess = Callable[[Sequence[str], Sequence[Mapping[str, str]], Sequence[str]], dict[str, int]]


@dataclass(frozen=True)
class InputFile:
    """One input: its name in the pipeline, where it is, what was read, and what the user should know about it."""

    name: str
    path: Path
    image: Image
    notes: tuple[str, ...] = ()

    def record(self) -> InputRecord:
        """For the report. The path is the one that the user gave."""
        spacing = tuple(round(step, 6) for step in self.image.spacing)
        image = self.image
        return InputRecord(self.name, str(self.path), sha256_file(self.path), image.uid, image.size, spacing, image.patient)


@dataclass(frozen=True)
class PixelSizes:
    """What the command line says about pictures: input name -> width and height of a pixel in mm; input name -> number of the frame."""

    spacing: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    frame: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, spacings: Sequence[str], frames: Sequence[str] = (), first: str = "") -> PixelSizes:
        """From ``NAME=DX,DY`` and ``NAME=N``; a text without a name belongs to the first input.

        Raises:
            InputError: if a text is written differently, or an input is named twice.
        """
        spacing: dict[str, tuple[float, float]] = {}
        for name, value in _named(spacings, "--spacing", first):
            try:
                width, height = (float(part) for part in value.split(","))
            except ValueError:
                raise InputError(f"--spacing must look like {name or 'coronal'}=0.31,0.31 (width,height in mm), not “{value}”.") from None
            spacing[name] = (width, height)
        frame: dict[str, int] = {}
        for name, value in _named(frames, "--frame", first):
            if not value.isdigit():
                raise InputError(f"--frame must look like {name or 'coronal'}=12, counted from 0, not “{value}”.")
            frame[name] = int(value)
        return cls(spacing, frame)

    def check(self, given: Collection[str], flat: Sequence[str]) -> None:
        """Refuse what belongs to no picture.

        Raises:
            InputError: if an input is named that is not given, or is no picture.
        """
        for name in (*self.spacing, *self.frame):
            if name not in flat:
                use = f"Use {', '.join(flat)}" if flat else "Leave them out"
                raise InputError(f"--spacing and --frame are for single pictures; there is no picture “{name}” here. {use}.")
            if name not in given:
                raise InputError(f"--spacing or --frame names {name}, but no --input {name}=PATH is given. Add it.")


def _named(texts: Sequence[str], option: str, first: str) -> Iterator[tuple[str, str]]:
    seen = set()
    for text in texts:
        name, separator, value = text.partition("=")
        name, value = (name, value) if separator else (first, text)
        if name in seen:
            raise InputError(f"{option} was given twice for {name}. Give it once.")
        seen.add(name)
        yield name, value


def assign(texts: Sequence[str], specs: Sequence[InputSpec], guess: Guess | None = None) -> tuple[dict[str, Path], list[str]]:
    """Input name -> path from ``NAME=PATH``, or from ``PATH`` where there is one input or its name says which it is.

    Args:
        texts: as on the command line.
        specs: inputs of the module.
        guess: names of files, their DICOM headers and the inputs that are taken -> input -> position of its file.

    Returns:
        The paths, and a sentence for each that was guessed.

    Raises:
        InputError: if a name is unknown or given twice, a required input is missing, it cannot be said which input a file is,
            or there is no such file.
    """
    names = [spec.name for spec in specs]
    paths: dict[str, Path] = {}
    unnamed: list[str] = []
    for text in texts:
        name, separator, rest = text.partition("=")
        if not separator or (name not in names and Path(text).exists()):
            name, rest = names[0], text
            if len(names) > 1:
                unnamed.append(text)
                continue
        if name not in names:
            raise InputError(f"There is no input “{name}”; this module takes {', '.join(names)}.")
        if name in paths:
            raise InputError(f"The input {name} was given twice. Give it once.")
        paths[name] = Path(rest)
    guessed = _guessed(unnamed, paths, names, guess) if unnamed else {}
    paths.update(guessed)
    missing = lacking(specs, paths)
    if missing:
        options = " or ".join(f"--input {name}=PATH" for name in missing)
        raise InputError(f"The input {' or '.join(missing)} is missing. Add {options}.")
    for name, path in paths.items():
        if not path.exists():
            raise InputError(f"{name}: {path} was not found. Check the path.")
    notes = [f"{path} was taken for {name}; if it is not, say which it is: --input NAME={path}." for name, path in guessed.items()]
    return {name: paths[name] for name in names if name in paths}, notes


def guess_of(entry: ModuleEntry) -> Guess | None:
    """How the module tells its inputs apart by name; None if it takes one only."""
    return entry.submodule("guess").assign if len(INPUTS[entry.key]) > 1 else None


def _guessed(texts: Sequence[str], taken: dict[str, Path], names: Sequence[str], guess: Guess | None) -> dict[str, Path]:
    paths = [Path(text) for text in texts]
    lost = next((path for path in paths if not path.exists()), None)
    if lost is not None:
        raise InputError(f"{lost} was not found. Check the path.")
    found = guess([path.name for path in paths], [read_tags(path) for path in paths], list(taken)) if guess else {}
    unclear = [text for number, text in enumerate(texts) if number not in found.values()]
    if unclear:
        raise InputError(f"Say which input {unclear[0]} is: --input NAME={unclear[0]}, with NAME one of {', '.join(names)}.")
    return {name: paths[number] for name, number in found.items()}


def read(paths: dict[str, Path], specs: Sequence[InputSpec], sizes: PixelSizes | None = None) -> list[InputFile]:
    """Read every input and check that it can be measured.

    Args:
        paths: input name -> file.
        specs: inputs of the module.
        sizes: what the command line says about pictures.

    Raises:
        InputError: if a file cannot be read as an image, the image is not one that the module takes, or the size of a picture's pixels is
            not known.
    """
    known = {spec.name: spec for spec in specs}
    sizes = sizes or PixelSizes()
    sizes.check(paths, [spec.name for spec in specs if spec.flat])
    files = []
    for name, path in paths.items():
        notes: list[str] = []
        if known[name].flat:
            image, notes = read_flat(path, name, sizes.spacing.get(name), sizes.frame.get(name))
        else:
            image = read_image(path, name)
        check_usable(image, known[name].modalities, known[name].flat)
        if known[name].flat and not image.spacing_source:
            raise InputError(f"{' '.join([f'{name}: the size of a pixel is not known.', *notes])} {_HOW_TO_SAY.format(name=name)}")
        files.append(InputFile(name, path, image, tuple(f"{name}: {note}" for note in notes)))
    return files
