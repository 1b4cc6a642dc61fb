"""What a person at the terminal sees: results on stdout (stderr with --json), progress, warnings and problems on stderr."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..engine.progress import RunProgress
from ..errors import Cancelled, DeepVolumetryError, InputError, ResourceError

_WIDTH = 120


class Terminal:
    """Tables, notes and progress bars; silent if quiet."""

    def __init__(self, quiet: bool = False, as_json: bool = False) -> None:
        self.as_json = as_json
        self._errors = Console(stderr=True, quiet=quiet, highlight=False)
        self._console = self._errors if as_json else Console(quiet=quiet, highlight=False, width=None if sys.stdout.isatty() else _WIDTH)

    @property
    def progress_console(self) -> Console:
        """Where progress is shown."""
        return self._console

    def note(self, text: str) -> None:
        """A line for the user."""
        self._console.print(text, soft_wrap=True, markup=False)

    def warn(self, texts: Sequence[str]) -> None:
        """Warnings, each on its line."""
        for text in texts:
            self._errors.print(f"Note: {text}", style="yellow", soft_wrap=True, markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> None:
        """A table whose first `words` columns hold words and the others numbers."""
        table = Table(title=title, title_justify="left")
        for number, column in enumerate(columns):
            table.add_column(column, justify="left" if number < words else "right")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def report(self, document: Any) -> None:
        """The machine-readable report: stdout, if it was asked for, and nothing else ever goes there."""
        if self.as_json:
            json.dump(document, sys.stdout, indent=2, allow_nan=False)
            sys.stdout.write("\n")

    @contextmanager
    def progress(self, title: str = "") -> Iterator[RunProgress]:
        """A progress bar with phase and time left, fed by the run."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        with Progress(
            *columns, TextColumn("{task.fields[left]}"), console=self._console, transient=True, disable=not self._console.is_terminal
        ) as bars:
            task = bars.add_task(title or "Starting", total=1.0, left="")

            def show(phase: str, fraction: float, remaining_s: float | None) -> None:
                left = "" if remaining_s is None else f"about {_duration(remaining_s)} left"
                bars.update(task, description=f"{title}: {phase}" if title and phase else phase or title, completed=fraction, left=left)

            yield RunProgress(show)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def number(value: float | None, digits: int = 1) -> str:
    """A number for a table; a dash if there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def explain(error: BaseException) -> tuple[str, int]:
    """One sentence for the user and the exit code."""
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        error = Cancelled()
    if isinstance(error, MemoryError):
        error = ResourceError("The memory was not enough. Close other programs, or crop the image.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        error = ResourceError("The disk is full. Free some space, or choose another folder with --out.")
    if isinstance(error, (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError)):
        error = InputError(f"{error.filename} cannot be read or written ({error.strerror}). Choose another file or folder.")
    if isinstance(error, DeepVolumetryError):
        return str(error), error.exit_code
    # Typer's own errors (an unknown option, a missing argument); older versions take them from click.
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        return f"{error.format_message()} See: {context.command_path if context else 'deepvolumetry'} --help", 2
    return f"This should not have happened ({type(error).__name__}: {error}). Run again with --debug and report what it prints.", 1
