"""Rows of the table that the finite element models add: stiffness and estimated failure load of each femur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.measurement import Measurement

from .segments import FEMUR, key

if TYPE_CHECKING:
    from DeepVolumetryLib.image import Image

    from .measurements import FemurMeasurements
    from .parameters import Parameters
    from .side import SideMeasured
    from .strength import Model

TITLES = {"fall": "fall on the side", "stance": "one-legged stance"}


def strength_rows(
    measured: FemurMeasurements, image: Image, parameters: Parameters, loads: Sequence[str]
) -> tuple[list[Measurement], list[str]]:
    """Rows by side and load, and sentences for the user. No interval: what a model of this kind is off by is not known.

    Raises:
        InputError: without a calibration, or if no femur has a frame.
    """
    if measured.calibration is None:
        raise InputError("Strength needs densities, so it needs a calibration: choose the phantom, or enter slope and intercept.")
    rows: list[Measurement] = []
    warnings: list[str] = []
    for side, entry in measured.sides.items():
        if entry.frame is None or entry.density is None:
            warnings.append(f"Strength of the {side} femur is left out: its axes could not be found.")
            continue
        for load in loads:
            found = _model(measured, entry, image, parameters, load).solve()
            name = TITLES[load]
            verdict = f"{found.elements} elements of {found.edge_mm:g} mm; {found.equation}"
            rows.append(Measurement(key(side, FEMUR), f"Stiffness, {name}", found.stiffness_n_mm, "N/mm", verdict=verdict))
            rows.append(
                Measurement(key(side, FEMUR), f"Estimated failure load, {name}", found.failure_load_n, "N", verdict=found.criterion)
            )
            warnings += [sentence for sentence in found.warnings if sentence not in warnings]
    if not rows:
        raise InputError("Strength cannot be estimated: the axes of no femur could be found.")
    return rows, warnings


def models_of(measured: FemurMeasurements, image: Image, parameters: Parameters, load: str) -> dict[str, Model]:
    """Side -> model, to write for another program (``Model.write``: .inp, .vtu, .msh)."""
    return {
        side: _model(measured, entry, image, parameters, load)
        for side, entry in measured.sides.items()
        if entry.frame is not None and entry.density is not None
    }


def _model(measured: FemurMeasurements, entry: SideMeasured, image: Image, parameters: Parameters, load: str) -> Model:
    from .strength import build

    assert entry.density is not None and entry.frame is not None and measured.calibration is not None
    part = image.cropped(entry.low, np.add(entry.low, entry.shape))
    return build(entry.density, entry.mask, part, measured.calibration, entry.frame, parameters.edge_mm, load)
