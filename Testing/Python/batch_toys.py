"""Cohorts of phantoms for `deepvolumetry batch`, with cases that go wrong in eight ways, and what is to be compared of results."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from dicom_series import write_series

sys.path.insert(0, str(Path(__file__).parent / "end_to_end"))

from toy_kidney import demo
from toy_trouble import pipeline as trouble

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import write_volume

ROOT = Path(__file__).resolve().parents[2]
PYTHONPATH = os.pathsep.join(
    map(str, (ROOT, ROOT / "RenalParenchyma", ROOT / "Testing" / "Python" / "end_to_end", ROOT / "Testing" / "Python"))
)
START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from DeepVolumetryLib import modules; from DeepVolumetryLib.app.main import main;"
    "modules.MODULES['renal'] = modules.ModuleEntry('renal', 'RenalParenchyma', 'toy_trouble'); sys.exit(main())"
)
"""What ``python -c`` runs as the command line with the toy."""

BAD = {
    "bad-truncated": "volume: its file cannot be read",
    "bad-modality": "PT",
    "bad-nan": "NaN",
    "bad-missing": "was not found",
    "bad-kills-itself": "ended unexpectedly",
    "bad-kills-worker": "worker",
    "bad-memory": "GB of memory were needed",
    "bad-hangs": "the limit for one case",
}
"""Case -> words that its sentence must have."""


def write_good(folder: Path, count: int, first: int = 0) -> list[dict[str, str]]:
    """Phantoms that differ by their noise; rows of cohort.csv."""
    rows = []
    for number in range(first, first + count):
        write_volume(folder / f"ct{number:03d}.nrrd", demo.study(number)["volume"])
        rows.append({"case": f"case{number:03d}", "module": "renal", "volume": f"ct{number:03d}.nrrd", "age": "40", "volume_ml": "214"})
    return rows


def write_bad(folder: Path) -> list[dict[str, str]]:
    """One case for each entry of `BAD`."""
    image = demo.study(99)["volume"]
    good = folder / "good.nrrd"
    write_volume(good, image)
    (folder / "bad-truncated.nrrd").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    good.unlink()
    small = Image(image.voxels[:12, :20, :20].copy(), image.ijk_to_ras, modality="CT")
    write_series(folder / "bad-modality", replace(small, modality="CT"), Modality="PT")
    noise = image.voxels.astype(np.float32)
    noise[3, 3, 3] = np.nan
    write_volume(folder / "bad-nan.nrrd", image.with_voxels(noise))
    for name, mark in (
        ("bad-kills-itself", trouble.KILLS_ITSELF),
        ("bad-kills-worker", trouble.KILLS_ITS_WORKER),
        ("bad-memory", trouble.TAKES_MEMORY),
        ("bad-hangs", trouble.HANGS),
    ):
        voxels = image.voxels.copy()
        voxels.flat[0] = mark
        write_volume(folder / f"{name}.nrrd", image.with_voxels(voxels))
    return [
        {"case": name, "module": "renal", "volume": name if name == "bad-modality" else f"{name}.nrrd", "age": "40", "volume_ml": ""}
        for name in BAD
    ]


def write_list(path: Path, rows: list[dict[str, str]]) -> Path:
    """``cohort.csv``."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def contents(folder: Path) -> dict[str, str]:
    """File -> SHA-256 of its bytes; of report.json without how long it took and how much memory."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        content = path.read_bytes()
        if path.name == "report.json":
            report = json.loads(content)
            del report["seconds"], report["peak_memory_mb"]
            content = json.dumps(report).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def table(out: Path) -> dict[str, dict[str, str]]:
    """Case -> row of cohort.csv."""
    with (out / "cohort.csv").open(newline="", encoding="utf-8") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def states(out: Path) -> dict[str, str]:
    """Case -> state, of the cases that have a record; read while a batch runs."""
    found = {}
    for path in (out / ".batch").glob("*.json"):
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))["state"]
        except (OSError, ValueError):
            continue
    return found


def changed(before: dict[str, int], out: Path) -> set[str]:
    """Cases whose results were written anew."""
    return {name for name, written in written_at(out).items() if before.get(name) != written}


def written_at(out: Path) -> dict[str, int]:
    """Case -> time at which its report was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in out.glob("*/report.json")}
