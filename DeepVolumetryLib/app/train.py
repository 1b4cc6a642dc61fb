"""``deepvolumetry train``: train a network of a module, in slices of any length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from ..errors import InputError
from ..modules import find
from .console import Terminal
from .segment import MODULE


def train(
    module: str = MODULE,
    config: Path = typer.Option(..., "--config", help="Settings as JSON; see docs/cli.md.", show_default=False),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for checkpoint and log.", show_default=False),
    resume: bool = typer.Option(False, "--resume", help="Go on from the checkpoint in --out."),
    minutes: float = typer.Option(10.0, min=0.0, help="How long this slice may take."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Say nothing."),
) -> None:
    """Train on images synthesized from label maps."""
    entry = find(module)
    settings = read_config(config)
    state = entry.submodule("training").train(settings, out, resume, minutes)
    Terminal(quiet).note(f"Checkpoint and log are in {out}.{_summary(state)}")


def read_config(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: if the file is missing or is no JSON object; the sentence names the line.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"The configuration {path} was not found. Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The configuration {path} cannot be read. Give a JSON file.") from error
    except json.JSONDecodeError as error:
        raise InputError(f"The configuration {path.name} is not JSON: {error.msg} in line {error.lineno}. Correct it.") from error
    if not isinstance(document, dict):
        raise InputError(f"The configuration {path.name} must be a JSON object, like {{“network”: “refiner”}}.")
    return document


def _summary(state: Any) -> str:
    """Numbers at the top level of what the training gives back."""
    if not isinstance(state, dict):
        return ""
    facts = [f"{key} {value:.4g}" for key, value in state.items() if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return f" Now: {', '.join(facts)}." if facts else ""
