"""Rod densities of FemurQCT on a numerical phantom: noise, tilt, blur and partial volume; and wrong phantoms that must be caught.

    python Testing/Benchmarks/femur_rods.py --results docs/results-femur.md

The phantom (Testing/Python/femur_toys.py) is a row of rods under a patient-sized ellipse, drawn from formulas. What is compared is the
density that the fitted line gives for each rod with its certificate, and the line itself with that of the scanner at the HU of the rods.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Python"))

from femur_text import put_section, table
from femur_toys import INTERCEPT, SLOPE, rod_scan

from FemurQCTLib.calibration import PRESETS, CalibrationError, calibrate

GOAL_MG = 1.0
SCANS: dict[str, dict[str, Any]] = {
    "quiet": {"noise": 5.0},
    "usual": {"noise": 15.0, "tilt_deg": (2.0, 1.0), "blur_mm": 1.8},
    "tilted 5° and 3°, turned 3°": {"noise": 15.0, "tilt_deg": (5.0, 3.0), "blur_mm": 1.8, "turn_deg": 3.0},
    "5 mm slices": {"noise": 15.0, "tilt_deg": (3.0, 2.0), "spacing": (0.9, 0.9, 5.0), "slices": 24},
    "blur of 3 mm, rods of 14 mm": {"noise": 15.0, "blur_mm": 3.0, "radius_mm": 7.0, "pitch_mm": 28.0},
    "noise of 35 HU": {"noise": 35.0, "tilt_deg": (2.0, 1.0)},
    "other way round": {"noise": 15.0, "reverse": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, help="put the tables into this file")
    parser.add_argument("--phantoms", nargs="+", choices=PRESETS, default=list(PRESETS))
    options = parser.parse_args()
    rows = list(_recovered(options.phantoms))
    text = ["## Calibration: rods of a numerical phantom", "", *_sentences(rows), ""]
    head = ["scan", "phantom", "largest rod error, mg/cm³", "largest line error, mg/cm³", "R²", "seconds"]
    text += [table(head, [list(row[:6]) for row in rows])]
    caught = list(_caught(options.phantoms))
    named = sum(row[3] for row in caught)
    text += ["", f"Wrong phantom chosen: {sum(row[2] for row in caught)} of {len(caught)} refused, the right one named in {named}.", ""]
    text += [table(["in the scan", "chosen", "refused", "named"], [[a, b, _yes(c), _yes(d)] for a, b, c, d in caught])]
    print("\n".join(text))
    if options.results:
        put_section(options.results, "rods", "\n".join(text))


def _recovered(phantoms: list[str]) -> Iterator[tuple[Any, ...]]:
    for name, settings in SCANS.items():
        for number, key in enumerate(phantoms):
            scan = rod_scan(key, body_hu=60.0, seed=number, **({"slices": 40} | settings))
            begin = time.perf_counter()
            try:
                found = calibrate(scan.image, key)
            except CalibrationError as error:
                yield name, key, "not found", str(error), "", "", np.inf
                continue
            seconds = time.perf_counter() - begin
            error = max(abs(rod.fitted - rod.density) for rod in found.rods)
            line = max(abs(float(found.density(hu)) - (SLOPE * hu + INTERCEPT)) for hu in scan.hu)
            yield name, key, f"{error:.2f}", f"{line:.2f}", f"{found.r_squared:.5f}", f"{seconds:.1f}", error
            print(name, key, f"{error:.2f} {line:.2f}", flush=True)


def _caught(phantoms: list[str]) -> Iterator[tuple[str, str, bool, bool]]:
    for true in phantoms:
        image = rod_scan(true, noise=12.0, body_hu=60.0, slices=16).image
        for chosen in phantoms:
            if chosen != true:
                try:
                    calibrate(image, chosen)
                except CalibrationError as error:
                    yield true, chosen, True, PRESETS[true].name in str(error)
                else:
                    yield true, chosen, False, False


def _sentences(rows: list[tuple[Any, ...]]) -> list[str]:
    within = sum(row[6] <= GOAL_MG for row in rows)
    missed = sorted({f"{row[0]} ({row[1]})" for row in rows if row[6] > GOAL_MG})
    text = [
        f"Goal: every rod within {GOAL_MG:g} mg/cm³ of its certificate. {within} of {len(rows)} scans reach it; "
        f"the largest error is {max(row[6] for row in rows):.2f} mg/cm³. 40 slices of 2.5 mm "
        "where not said otherwise, 0.9 mm pixels; numerical phantom, written by `femur_rods.py`."
    ]
    if missed:
        text += ["", f"Missed: {', '.join(missed)}."]
    return text


def _yes(value: bool) -> str:
    return "yes" if value else "**no**"


if __name__ == "__main__":
    main()
