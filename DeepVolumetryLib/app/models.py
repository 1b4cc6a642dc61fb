"""``deepvolumetry models``: what is installed, whether it is what it should be, adding and removing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from ..bundle import Bundle, find_bundle, import_bundle, list_bundles, remove_bundle
from ..errors import InputError, ModelError
from ..modules import MODULES, find
from .console import Terminal

app = typer.Typer(help="Models: list, verify, import, remove.")

_MODULE = typer.Option("", "--module", help="renal or glioma; needed to import, else only where a name is not enough.")
_JSON = typer.Option(False, "--json", help="Print JSON to stdout.")


@app.command("list")
def list_(as_json: bool = _JSON) -> None:
    """Show every installed model and whether its weights are the ones that were listed."""
    terminal = Terminal(as_json=as_json)
    rows = [_row(key, path) for key in MODULES for path in list_bundles(key)]
    if not rows:
        terminal.note("No model is installed. Install the extension again, or use: deepvolumetry models import PATH")
    else:
        columns = ("module", "name", "version", "license", "state", "MB")
        cells = [(*(str(row[column]) for column in columns[:-1]), f"{row['bytes'] / 1e6:.1f}") for row in rows]
        terminal.table("Models", columns, cells, words=5)
    terminal.report({"models": rows})


@app.command()
def verify(name: str = typer.Argument("", help="All if left out."), module: str = _MODULE, as_json: bool = _JSON) -> None:
    """Check the SHA-256 of every weight file; exit code 3 if one differs."""
    terminal = Terminal(as_json=as_json)
    keys = [find(module).key] if module else list(MODULES)
    if name:
        paths = [_owner(name, keys)]
    else:
        paths = [(key, path) for key in keys for path in list_bundles(key)]
        if not paths:
            raise ModelError("No model is installed. Install the extension again, or use: deepvolumetry models import PATH")
    rows = [_row(key, path) for key, path in paths]
    terminal.report({"models": rows})
    for row in rows:
        if row["problem"]:
            raise ModelError(row["problem"])
        terminal.note(f"{row['name']} {row['version']}: {row['state']}, SHA-256 {row['sha256']}")


@app.command("import")
def import_(
    path: Path = typer.Argument(..., help="Folder or zip file of a MONAI bundle.", show_default=False),
    module: str = _MODULE,
    replace: bool = typer.Option(False, "--replace", help="Replace an imported model of the same name."),
) -> None:
    """Check a model and copy it to the user's models. Nothing in it is executed."""
    bundle = import_bundle(path, _only_module(module), replace)
    Terminal().note(
        f"Imported {bundle.name} {bundle.version} ({bundle.license or 'no license stated'}). Use it with --bundle {bundle.name}."
    )


@app.command()
def remove(name: str = typer.Argument(..., show_default=False), module: str = _MODULE) -> None:
    """Delete an imported model. Models that ship with the extension stay."""
    owners = [find(module).key] if module else [key for key in MODULES if name in {path.name for path in list_bundles(key)}]
    remove_bundle(name, owners[0] if owners else next(iter(MODULES)))
    Terminal().note(f"Removed {name}.")


def _only_module(module: str) -> str:
    if module:
        return find(module).key
    if len(MODULES) > 1:
        raise InputError(f"Say which module it is for: --module {'|'.join(MODULES)}.")
    return next(iter(MODULES))


def _owner(name: str, keys: list[str]) -> tuple[str, Path]:
    """The module that has a model of this name."""
    for key in keys:
        for path in list_bundles(key):
            if path.name == name:
                return key, path
    return keys[0], find_bundle(keys[0], name)


def _row(key: str, path: Path) -> dict[str, Any]:
    """What is known about a model, for the table and for JSON."""
    entry = find(key)
    shipped = path.parent == entry.models_folder
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    facts = {"module": key, "name": path.name, "path": str(path), "origin": "shipped" if shipped else "imported", "bytes": size}
    try:
        bundle = Bundle.open(path, manifest=entry.manifest_path if shipped else None)
    except ModelError as error:
        return {**facts, "version": "", "license": "", "sha256": "", "state": "refused", "problem": str(error)}
    state = "verified" if bundle.verified else "not listed"
    license_ = bundle.license + (" (non-commercial)" if bundle.requires_consent and "NC" not in bundle.license else "")
    return {**facts, "version": bundle.version, "license": license_, "sha256": bundle.sha256, "state": state, "problem": ""}
