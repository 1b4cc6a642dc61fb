"""What a run tells whoever started it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..result import Result


@dataclass(frozen=True)
class ProgressEvent:
    """How far the run is: phase in words, fraction 0-1 that never falls, seconds left or None while nobody can know."""

    phase: str
    fraction: float
    remaining_s: float | None = None


@dataclass(frozen=True)
class LogEvent:
    """A line that the worker or a library in it printed."""

    text: str


@dataclass(frozen=True)
class ResultEvent:
    """The run is done. The arrays live in shared memory that is freed with them."""

    result: Result


@dataclass(frozen=True)
class ErrorEvent:
    """The run ended without a result.

    Attributes:
        message: one sentence for the user.
        exit_code: what the command line answers with; 130 if the user cancelled.
        phase: what was being done, "" before the first phase.
        log_tail: last lines of the worker's log.
    """

    message: str
    exit_code: int
    phase: str = ""
    log_tail: tuple[str, ...] = ()


Event = ProgressEvent | LogEvent | ResultEvent | ErrorEvent
