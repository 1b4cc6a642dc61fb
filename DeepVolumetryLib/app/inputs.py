"""From what stands on the command line to images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine.pipeline import InputSpec, lacking
from ..errors import InputError
from ..image import Image
from ..image_io import check_usable, read_image, read_tags, sha256_file
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
}


Guess = Callable[[Sequence[str], Sequence[Mapping[str, str]], Sequence[str]], dict[str, int]]


@dataclass(frozen=True)
class InputFile:
    """One input: its name in the pipeline, where it is and what was read."""

    name: str
    path: Path
    image: Image

    def record(self) -> InputRecord:
        """For the report. The path is the one that the user gave."""
        spacing = tuple(round(step, 6) for step in self.image.spacing)
        image = self.image
        return InputRecord(self.name, str(self.path), sha256_file(self.path), image.uid, image.size, spacing, image.patient)


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


def read(paths: dict[str, Path], specs: Sequence[InputSpec]) -> list[InputFile]:
    """Read every input and check that it can be measured.

    Raises:
        InputError: if a file cannot be read as an image, or the image is not one that the module takes.
    """
    modalities = {spec.name: spec.modalities for spec in specs}
    files = []
    for name, path in paths.items():
        image = read_image(path, name)
        check_usable(image, modalities[name])
        files.append(InputFile(name, path, image))
    return files
