"""Threshold at 100 HU; left is where x is negative."""

import os
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from DeepVolumetryLib.engine.pipeline import InputSpec
from DeepVolumetryLib.image_io import check_usable
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.measure.volumes import VOLUME
from DeepVolumetryLib.result import Provenance, Result
from DeepVolumetryLib.uncertainty.rank import review_regions
from RenalParenchymaLib.segments import SPECS


class ToyPipeline:
    name = "renal"
    inputs = (InputSpec("volume", modalities=("CT", "MR")),)
    specs = SPECS

    def run(self, images, parameters, progress):
        image = images["volume"]
        check_usable(image, ("CT", "MR"))
        if os.environ.get("TOY_CANCELS"):
            raise KeyboardInterrupt
        if os.environ.get("TOY_BREAKS"):
            raise RuntimeError("a defect")
        if os.environ.get("TOY_SLEEPS"):
            Path(os.environ["TOY_SLEEPS"]).touch()
            time.sleep(60)
        while os.environ.get("TOY_WAITS") and Path(os.environ["TOY_WAITS"]).exists():
            time.sleep(0.05)
        with progress.phase("Thresholding", share=0.9):
            probability = (1 / (1 + np.exp(-np.clip((image.voxels - 100.0) / 15, -40, 40)))).astype(np.float32)
            found = probability > 0.5
            k, j, i = np.indices(image.shape)
            row = image.ijk_to_ras[0]
            right = row[0] * i + row[1] * j + row[2] * k + row[3] > 0
        segments, measurements = {}, []
        for side, where in (("left", ~right), ("right", right)):
            for target in ("kidney", "parenchyma"):
                segments[f"{side}_{target}"] = found & where
        for target in ("kidney", "parenchyma"):
            both = [float(segments[f"{side}_{target}"].sum() * image.voxel_ml) for side in ("left", "right")]
            for name, ml in zip((f"left_{target}", f"right_{target}", f"total_{target}"), (*both, sum(both)), strict=True):
                measurements.append(Measurement(name, "Volume", ml, "mL", 0.9 * ml, 1.1 * ml, 0.95, VOLUME))
        uncertainty = (100 * (1 - np.abs(2 * probability - 1))).astype(np.float32)
        regions = review_regions(probability, uncertainty, image, "parenchyma")
        provenance = Provenance(
            "renal",
            "0.0",
            "toy",
            "1",
            "0" * 64,
            "none",
            "cpu",
            asdict(parameters),
            {"preprocess": 0.0, "inference": 0.1, "postprocess": 0.0},
        )
        maps = [dict.fromkeys(("kidney", "parenchyma"), values) for values in (probability, uncertainty)]
        return Result(image, SPECS, segments, *maps, measurements, regions, provenance, ["A toy."])


def create(bundle, device):
    return ToyPipeline()
