"""From what stands on the command line to images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine.pipeline import InputSpec, lacking
from ..errors import InputError
from ..image import Image
from ..image_io import check_usable, read_image, sha256_file
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


def assign(texts: Sequence[str], specs: Sequence[InputSpec]) -> dict[str, Path]:
    """Input name -> path from ``NAME=PATH`` or, for a module's only input, ``PATH``.

    Raises:
        InputError: if a name is unknown or given twice, a required input is missing, or there is no such file.
    """
    names = [spec.name for spec in specs]
    paths: dict[str, Path] = {}
    for text in texts:
        name, separator, rest = text.partition("=")
        if not separator or (name not in names and Path(text).exists()):
            name, rest = names[0], text
            if len(names) > 1:
                raise InputError(f"Say which input {text} is: --input NAME={text}, with NAME one of {', '.join(names)}.")
        if name not in names:
            raise InputError(f"There is no input “{name}”; this module takes {', '.join(names)}.")
        if name in paths:
            raise InputError(f"The input {name} was given twice. Give it once.")
        paths[name] = Path(rest)
    missing = lacking(specs, paths)
    if missing:
        options = " or ".join(f"--input {name}=PATH" for name in missing)
        raise InputError(f"The input {' or '.join(missing)} is missing. Add {options}.")
    for name, path in paths.items():
        if not path.exists():
            raise InputError(f"{name}: {path} was not found. Check the path.")
    return paths


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
