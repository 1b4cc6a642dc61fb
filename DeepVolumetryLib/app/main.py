"""Entry point: runs a command and turns every problem into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence

import typer

from .. import __version__
from ..errors import Cancelled
from . import compare, demo, evaluate, models, segment, synthesize, train, view
from .batch import command as batch
from .console import explain

app = typer.Typer(
    name="deepvolumetry",
    help="Organ volumes with intervals from medical images. Nothing leaves this computer.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("segment")(segment.segment)
app.command("demo")(demo.demo)
app.command("evaluate")(evaluate.evaluate)
app.command("batch")(batch.batch)
app.command("compare")(compare.compare)
app.command("synthesize")(synthesize.synthesize)
app.command("train")(train.train)
app.command("view")(view.view)
app.add_typer(models.app, name="models")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deepvolumetry {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version and leave."),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks and warnings of libraries; may stand anywhere on the line."),
) -> None:
    del version, debug  # --debug is taken off the line in `main`, before any command sees it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: arguments without the name of the program; those of the process if None.

    Returns:
        exit code: 0 done, 2 input or options are wrong, 3 model, 4 memory or disk, 130 cancelled, 1 a defect of the program.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if not debug:
        warnings.simplefilter("ignore")
        _silence_itk()
    if not arguments:
        arguments = ["--help"]
    try:
        code = int(typer.main.get_command(app).main(arguments, prog_name="deepvolumetry", standalone_mode=False) or 0)
        if code == Cancelled.exit_code:  # typer keeps Ctrl-C to itself
            raise Cancelled
        return code
    except (KeyboardInterrupt, Exception) as error:
        if debug:
            traceback.print_exc()
        message, code = explain(error)
        print(" ".join(message.split()), file=sys.stderr)
        return code


def _silence_itk() -> None:
    """ITK prints its warnings past Python; the variable is read by ITK when it is loaded, which happens only where it is needed."""
    os.environ.setdefault("ITK_GLOBAL_WARNING_DISPLAY", "OFF")
