"""The change since an earlier study, added to a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from .rano import against_prior, read_prior

if TYPE_CHECKING:
    from DeepVolumetryLib.report.report import InputRecord
    from DeepVolumetryLib.result import Result


def check(report_path: str, inputs: Sequence[InputRecord]) -> None:
    """Refuse, before anything takes time, what ``add_change`` could not use.

    Raises:
        InputError: see ``rano.read_prior``.
    """
    read_prior(report_path, [asdict(record) for record in inputs])


def add_change(result: Result, report_path: str, inputs: Sequence[InputRecord]) -> None:
    """Compare with a ``report.json`` of an earlier study: rows for the table, warnings, and ``extras["response"]``.

    Raises:
        InputError: see ``rano.against_prior``.
    """
    found = against_prior(report_path, result.measurements, inputs=[asdict(record) for record in inputs])
    result.measurements.extend(found.measurements)
    result.warnings.extend(found.warnings)
    result.extras["response"] = found.to_dict()
