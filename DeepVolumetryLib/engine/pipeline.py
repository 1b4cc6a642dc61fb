"""What a module must offer so that the worker, the panel and the command line can run it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ..image import Image
    from ..result import Result, SegmentSpec

Images = Mapping[str, "Image"]


@dataclass(frozen=True)
class InputSpec:
    """One input of a pipeline: its name on the command line, modalities it takes, whether it may be left out."""

    name: str
    modalities: tuple[str, ...]
    required: bool = True


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
