"""A toy result on a DICOM series: two kidneys with intervals, a tumor that was corrected by hand, an empty cyst."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import dicom_series
import numpy as np

from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.report.dicom import Source, read_source
from DeepVolumetryLib.result import Code, Provenance, Result, SegmentSpec

STRUCTURE = Code("SCT", "123037004", "Anatomical Structure")
ALTERED = Code("SCT", "49755003", "Morphologically Altered Structure")
KIDNEY = Code("SCT", "64033007", "Kidney")
MASS, CYST = Code("SCT", "4147007", "Mass"), Code("SCT", "367643001", "Cyst")
LEFT, RIGHT = Code("SCT", "7771000", "Left"), Code("SCT", "24028007", "Right")
VOLUME = Code("SCT", "118565006", "Volume")
SPECS = (
    SegmentSpec("left_kidney", "Left kidney", (185, 102, 83), STRUCTURE, KIDNEY, LEFT),
    SegmentSpec("right_kidney", "Right kidney", (185, 102, 83), STRUCTURE, KIDNEY, RIGHT),
    SegmentSpec("left_tumor", "Left renal tumor", (144, 238, 144), ALTERED, MASS, None, KIDNEY, LEFT, "left_kidney"),
    SegmentSpec("left_cyst", "Left renal cyst", (205, 205, 100), ALTERED, CYST, None, KIDNEY, LEFT, "left_kidney"),
)  # fmt: skip
PROVENANCE = Provenance("renal", "0.1.0", "renal_toy", "2.0", "ab" * 32, "Apache-2.0", "cpu", {"members": 5, "seed": 0})


@dataclass(frozen=True)
class Study:
    """A result, the images that it lies on and the folder of their files."""

    result: Result
    sources: dict[str, Source]
    folder: Path


def result_on(image: Image) -> Result:
    """The toy result on the phantom of two balls brighter than 0, or 100 for MR."""
    bright = image.voxels > (0 if image.modality == "CT" else 100)
    i = np.arange(image.size[0])
    left = bright & (i < 18)
    tumor = left & (np.arange(image.shape[0])[:, None, None] >= 10)
    segments = {"left_kidney": left, "right_kidney": bright & (i >= 18), "left_tumor": tumor, "left_cyst": np.zeros_like(left)}
    volumes = {key: float(mask.sum() * image.voxel_ml) for key, mask in segments.items()}
    left_ml = volumes["left_kidney"]
    measurements = [
        Measurement("left_kidney", "Volume", left_ml, "mL", left_ml - 1.5, left_ml + 2.5, 0.95, VOLUME, "below the reference range"),
        Measurement("left_kidney", "Length", 26.5, "mm"),
        Measurement("right_kidney", "Volume", volumes["right_kidney"], "mL", 6.0, 9.0, 0.9, VOLUME),
        Measurement("left_tumor", "Volume", volumes["left_tumor"], "mL", None, None, None, VOLUME),
        Measurement("left_cyst", "Volume", 0.0, "mL", 0.0, 0.4, 0.95, VOLUME),
        Measurement("total_kidney", "Volume", volumes["left_kidney"] + volumes["right_kidney"], "mL", 12.0, 20.0, 0.95, VOLUME),
        Measurement("both_kidneys", "eGFR (CKD-EPI 2021)", 77.0, "mL/min/{1.73_m2}"),
        Measurement("both_kidneys", "Not measured", float("nan"), "mL"),
    ]  # fmt: skip
    uncertainty = {"kidney": np.where(bright, np.float32(30.5), np.float32(0))}
    return Result(image, SPECS, segments, {}, uncertainty, measurements, [], PROVENANCE, extras={"edited_segments": ["left_tumor"]})


def study(folder: Path, image: Image, kind: str = "series") -> Study:
    """The toy result on a DICOM series (or one Enhanced MR file) of an image, read back as a user's files are."""
    if kind == "enhanced":
        path = dicom_series.write_enhanced_mr(folder / "enhanced.dcm", replace(image, voxels=image.voxels + 100, modality="MR"))
    else:
        path = folder / "series"
        dicom_series.write_series(path, image)
    read = read_image(path, "volume")
    return Study(result_on(read), {"": read_source(path, "volume", read.uid)}, path)
