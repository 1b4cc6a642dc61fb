"""Progress of a run: phases with shares, a fraction that never falls, the time left, and the place to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import Cancelled

Report = Callable[[str, float, "float | None"], None]

_MIN_INTERVAL_S = 0.1
_MIN_ELAPSED_S = 1.0
_MIN_FRACTION = 0.02


@dataclass
class _Phase:
    name: str
    start: float
    end: float
    reached: float


class RunProgress:
    """The `Progress` that pipelines are given.

    Phases may be nested: the share of an inner one is a share of the outer one, and its name is the one shown.

    Args:
        report: called with phase, fraction (0-1) and seconds left or None; at most ten times a second within a phase.
        cancelled: asked at each call; True makes the call raise `Cancelled`.
        clock: seconds that only grow.

    Attributes:
        phase_name: what is being done, "" before the first phase.
        fraction: how much of the whole is done, 0-1.
        seconds: time spent in each phase, without that of its inner phases.
    """

    def __init__(
        self, report: Report | None = None, cancelled: Callable[[], bool] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.phase_name = ""
        self.fraction = 0.0
        self.seconds: dict[str, float] = {}
        self._report = report
        self._cancelled = cancelled
        self._clock = clock
        self._began = clock()
        self._unsteady = 0
        self._skipped_fraction = 0.0
        self._reported = float("-inf")
        self._stack = [_Phase("", 0.0, 1.0, 0.0)]

    @contextmanager
    def phase(self, name: str, share: float, steady: bool = True) -> Iterator[None]:
        """A named part of the run that takes the given share (0-1) of the enclosing one, or of the whole.

        Args:
            name: shown to the user; an empty one groups the phases inside without being shown itself.
            share: clipped to what is left.
            steady: False for a phase whose pace says nothing about the rest, such as loading a model: the time left is
                unknown during it, and is estimated without it afterwards.

        Raises:
            Cancelled: if the user has cancelled.
        """
        outer = self._stack[-1]
        end = min(outer.reached + max(share, 0.0) * (outer.end - outer.start), outer.end)
        inner = _Phase(name or outer.name, outer.reached, end, outer.reached)
        self._stack.append(inner)
        self.phase_name = inner.name or self.phase_name
        began, inner_before = self._clock(), sum(self.seconds.values())
        self._unsteady += not steady
        try:
            if name:
                self._tell(inner.start, force=True)
            yield
            self._tell(inner.end)
            outer.reached = inner.end
        finally:
            self._unsteady -= not steady
            if not steady:
                self._began += self._clock() - began
                self._skipped_fraction += inner.end - inner.start
            if name:
                spent = self._clock() - began - (sum(self.seconds.values()) - inner_before)
                self.seconds[name] = self.seconds.get(name, 0.0) + spent
            self._stack.pop()
        self.phase_name = outer.name or self.phase_name

    def update(self, fraction: float) -> None:
        """How much of the current phase is done, 0-1.

        Raises:
            Cancelled: if the user has cancelled.
        """
        phase = self._stack[-1]
        phase.reached = max(phase.reached, phase.start + (phase.end - phase.start) * min(max(fraction, 0.0), 1.0))
        self._tell(phase.reached)

    @property
    def remaining_s(self) -> float | None:
        """Seconds left if the rest goes as the run went so far; None while that would be a guess."""
        elapsed = self._clock() - self._began
        done = self.fraction - self._skipped_fraction
        if self._unsteady or elapsed < _MIN_ELAPSED_S or done < _MIN_FRACTION:
            return None
        return elapsed * (1 - self.fraction) / done

    def _tell(self, reached: float, force: bool = False) -> None:
        if self._cancelled is not None and self._cancelled():
            raise Cancelled
        self.fraction = max(self.fraction, reached)
        now = self._clock()
        if self._report is not None and (force or now - self._reported >= _MIN_INTERVAL_S):
            self._reported = now
            self._report(self.phase_name, self.fraction, self.remaining_s)
