"""What a person sees while a cohort runs: how many are done, how fast it goes, how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..console import Terminal
from .plan import FAILED, Outcome

_LINE_EVERY_S = 60.0


def rate_text(finished: int, remaining: int, elapsed_s: float) -> str:
    """ "84 per hour, about 12 min left"; "" before the first one."""
    if not finished or elapsed_s <= 0:
        return ""
    left = remaining * elapsed_s / finished
    duration = f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min" if left < 5400 else f"{left / 3600:.1f} h"
    return f"{finished / elapsed_s * 3600:.0f} per hour" + (f", about {duration} left" if remaining else "")


@contextmanager
def shown(terminal: Terminal, total: int, kept: int, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[Outcome], None]]:
    """A bar in a terminal, a line a minute elsewhere; failures are told as they come.

    Args:
        terminal: where.
        total: cases to run now.
        kept: cases that were done before.
        clock: seconds.

    Yields:
        what is told each outcome.
    """
    console = terminal.progress_console
    began, finished, failed, spoke = clock(), 0, 0, clock()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"))
    with Progress(
        *columns, TimeElapsedColumn(), TextColumn("{task.fields[rate]}"), console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        title = f"Cases ({kept} were done)" if kept else "Cases"
        task = bars.add_task(title, total=total, rate="")

        def tell(outcome: Outcome) -> None:
            nonlocal finished, failed, spoke
            finished += 1
            if outcome.state == FAILED:
                failed += 1
                terminal.warn([f"{outcome.case}: {outcome.message}"])
            rate = rate_text(finished, total - finished, clock() - began)
            words = f"{title}, {failed} failed" if failed else title
            bars.update(task, completed=finished, description=words, rate=rate)
            if not console.is_terminal and clock() - spoke >= _LINE_EVERY_S:
                spoke = clock()
                console.print(f"{finished}/{total} cases, {failed} failed, {rate}", soft_wrap=True)

        yield tell
