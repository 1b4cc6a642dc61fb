"""``cohort.csv``: one row per case."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import typer

from ...errors import InputError
from ...modules import MODULES, ModuleEntry
from ..console import explain
from ..evaluation.cases import beside, parse_volumes, read_rows
from ..inputs import INPUTS
from ..segment import Order, segment
from .sources import Source

OWN_COLUMNS = ("case", "module", "group", "volume_ml", "options")
# What a row cannot choose: where results lie is up to the batch, and nobody looks at one case's output.
_NOT_IN_A_ROW = ("module", "inputs", "out", "quiet", "as_json", "device")
_NAME = re.compile(r"[\w+][\w.+-]*( [\w.+-]+)*", re.ASCII)
_RESERVED = ("cohort.csv", "cohort.parquet", "cohort.html", "timing.csv", "studies.csv")


@dataclass(frozen=True)
class Case:
    """One study to segment.

    Attributes:
        name: unique; the name of its folder.
        module: key of the module, "" if the row names none that there is.
        sources: input -> where its images are.
        options: as they would stand on the command line of ``segment``, inputs and output left out.
        group: what it is pooled with in figures.
        volumes_ml: true volumes by segment; "" stands for the first one.
        problem: the sentence that says why it cannot be run; "" if it can.
        exit_code: that goes with it.
    """

    name: str
    module: str
    sources: Mapping[str, Source]
    options: tuple[str, ...] = ()
    group: str = "all"
    volumes_ml: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""
    exit_code: int = 0


def read_cohort(path: Path, module: str = "", options: Sequence[str] = ()) -> list[Case]:
    """Rows of the file; relative paths count from its folder.

    Args:
        path: CSV with the columns case, module, a column per input, and optionally group, volume_ml, options (as on the command
            line) and a column for any option of ``segment``.
        module: for rows that name none.
        options: for all rows, as on the command line; those of a row come after them.

    Returns:
        the cases, those too that cannot be run: they have a `problem`. One bad row must not keep the others from their results.

    Raises:
        InputError: if the list as a whole cannot be used: no columns, unknown ones, no rows, or a case listed twice.
    """
    columns, rows = read_rows(path)
    known_inputs = {spec.name for specs in INPUTS.values() for spec in specs}
    flags = option_flags()
    if "case" not in columns:
        raise InputError(f"{path.name} has no column “case”; it needs case, module and a column per input.")
    if "module" not in columns and not module:
        raise InputError(f"{path.name} has no column “module”. Add it, or say --module {'|'.join(MODULES)}.")
    if not known_inputs & set(columns):
        raise InputError(f"{path.name} has no column with images; it needs one per input: {', '.join(sorted(known_inputs))}.")
    unknown = [column for column in columns if column not in {*OWN_COLUMNS, *known_inputs, *flags}]
    if unknown:
        listed = ", ".join((*OWN_COLUMNS, *sorted(known_inputs), *sorted(flags)))
        raise InputError(f"{path.name} has a column “{unknown[0]}” that is not known; use {listed}.")
    if not rows:
        raise InputError(f"{path.name} lists no cases. Add a row per case.")
    cases = [_case(row, f"{path.name}, line {number}", path, module, options) for number, row in enumerate(rows, 2)]
    check_names([case.name for case in cases], path.name)
    return cases


def check_names(names: Sequence[str], where: str) -> None:
    """Names become folders; two that differ in case only are one folder on some systems.

    Raises:
        InputError: if two are the same.
    """
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise InputError(f"{where} lists the case {name} twice. Give each row a name of its own.")
        seen.add(name.lower())


def checked(case: Case) -> Case:
    """The case with what is wrong with its options as its problem."""
    if case.problem:
        return case
    try:
        order_of(case.module, case.options)
    except Exception as error:
        message, code = explain(error)
        return Case(case.name, case.module, case.sources, case.options, case.group, case.volumes_ml, message, code)
    return case


def order_of(module: str | ModuleEntry, options: Sequence[str], inputs: Sequence[str] = ()) -> Order:
    """What a line of options asks ``segment`` for.

    Raises:
        InputError, click.UsageError: if an option is unknown or has a wrong value.
    """
    key = module.key if isinstance(module, ModuleEntry) else module
    line = [key, "--out", ".", *(word for text in inputs or ("volume=.",) for word in ("--input", text)), *options]
    with _command().make_context("deepvolumetry segment", line) as context:
        return Order.of(context.params)


@cache
def option_flags() -> dict[str, str]:
    """Option of ``segment`` that a row may have as a column -> how it is written on the command line."""
    options = {each.name: each.opts[0] for each in _command().params if each.name and each.opts[0].startswith("--")}
    return {flag[2:]: flag for name, flag in options.items() if name not in _NOT_IN_A_ROW}


@cache
def _switches() -> frozenset[str]:
    return frozenset(each.opts[0][2:] for each in _command().params if getattr(each, "is_flag", False))


@cache
def _command() -> Any:
    app = typer.Typer(add_completion=False)
    app.command("segment")(segment)
    return typer.main.get_command(app)


def as_options(name: str, value: str, where: str) -> list[str]:
    """Words of the command line for an option and its value; several values are separated by semicolons.

    Raises:
        InputError: if there is no such option, or a switch is neither on nor off.
    """
    flag = option_flags().get(name)
    if flag is None:
        raise InputError(f"{where}: there is no option “{name}”; use {', '.join(sorted(option_flags()))}.")
    if name in _switches():
        if value.lower() in ("", "yes", "true", "1"):
            return [flag]
        if value.lower() in ("no", "false", "0"):
            return []
        raise InputError(f"{where}: {name} must be yes or no, not “{value}”.")
    values = value.split(";") if name in ("spacing", "frame", "turn") else [value]
    return [word for text in values for word in (flag, text.strip())]


def _case(row: dict[str, str], where: str, path: Path, module: str, common: Sequence[str]) -> Case:
    name, key = row["case"], row.get("module") or module
    if not _NAME.fullmatch(name) or name.lower() in _RESERVED or len(name) > 100:
        raise InputError(f"{where}: “{name}” cannot be the name of a case. Use letters, digits, dashes and dots.")
    group = row.get("group") or "all"
    try:
        if key not in MODULES:
            raise InputError(f"There is no module “{key}”. Choose one of: {', '.join(MODULES)}.")
        names = [spec.name for spec in INPUTS[key]]
        foreign = next((n for specs in INPUTS.values() for n in (s.name for s in specs) if row.get(n) and n not in names), None)
        if foreign:
            raise InputError(f"There is no input “{foreign}”; {key} takes {', '.join(names)}. Leave its cell empty.")
        sources = {name: _source(path, row[name]) for name in names if row.get(name)}
        options = list(common)
        for column in option_flags():
            if row.get(column):
                options += as_options(column, row[column], where)
        options += _split(row.get("options", ""), where)
        return checked(Case(name, key, sources, tuple(options), group, parse_volumes(row.get("volume_ml", ""), where)))
    except InputError as error:
        return Case(name, key if key in MODULES else "", {}, (), group, {}, str(error), error.exit_code)


def _source(listing: Path, text: str) -> Source:
    if text.startswith(("http://", "https://")):
        return Source(url=text)
    return Source(path=str(beside(listing, text).absolute()))


def _split(text: str, where: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise InputError(f"{where}: options must look like --age 43 --sex female, not “{text}”.") from None
