"""What a module must offer so that the worker, the panel and the command line can run it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ..image import Image
    from ..result import Result, SegmentSpec

Images = Mapping[str, "Image"]


@dataclass(frozen=True)
class InputSpec:
    """One input of a pipeline.

    Attributes:
        name: on the command line ("t1ce").
        modalities: DICOM modalities that it takes.
        required: False if it may be left out.
        one_of: inputs that share this word stand in for each other: at least one of them must be given.
        flat: True for a single picture (2D ultrasound), gray or in color, instead of a volume.
    """

    name: str
    modalities: tuple[str, ...]
    required: bool = True
    one_of: str = ""
    flat: bool = False


def lacking(specs: Sequence[InputSpec], given: Collection[str]) -> tuple[str, ...]:
    """Names of the inputs of which one must still be given, the first such choice; () if the given ones suffice."""
    for spec in specs:
        names = tuple(other.name for other in specs if spec.one_of and other.one_of == spec.one_of) or (spec.name,)
        if (spec.required or spec.one_of) and not any(name in given for name in names):
            return names
    return ()


class Progress(Protocol):
    """Where a pipeline tells how far it is. Both calls raise ``errors.Cancelled`` once the user has cancelled."""

    def phase(self, name: str, share: float) -> AbstractContextManager[None]:
        """A named part of the run that takes the given share (0-1) of the whole."""
        ...

    def update(self, fraction: float) -> None:
        """How much of the current phase is done, 0-1."""
        ...


@runtime_checkable
class Pipeline(Protocol):
    """One module's method. Plain Python, no Slicer, no Qt; made once and kept warm by the worker.

    Made by ``create(bundle, device)`` of the module named in ``MODULES``; `run` may be called many times.
    """

    name: str
    inputs: tuple[InputSpec, ...]
    specs: tuple[SegmentSpec, ...]

    def run(self, images: Images, parameters: Any, progress: Progress) -> Result:
        """Segment and measure.

        Raises:
            errors.InputError: if an image cannot be used; the sentence is shown to the user.
            errors.Cancelled: if the user cancelled.
        """
        ...
