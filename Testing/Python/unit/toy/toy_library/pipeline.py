from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from DeepVolumetryLib.engine.pipeline import InputSpec
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.result import Code, Provenance, Result, SegmentSpec
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

_ORGAN = Code("SCT", "113343008", "Organ")
_SPECS = (SegmentSpec("bright", "Bright", (255, 200, 0), Code("SCT", "123037004", "Anatomical Structure"), _ORGAN),)


class ToyPipeline:
    """What is brighter than a threshold."""

    name = "toy"
    inputs = (InputSpec("volume", ("CT", "MR")), InputSpec("second", (), required=False))
    specs = _SPECS
    made = 0

    def __init__(self):
        ToyPipeline.made += 1

    def run(self, images, parameters, progress):
        image = images["volume"]
        with progress.phase("Thresholding", share=0.5):
            _accident("Thresholding", parameters)
            for step in range(5):
                progress.update(step / 5)
            mask = image.voxels > parameters.threshold
        with progress.phase("Measuring", share=0.5):
            _accident("Measuring", parameters)
            value = float(mask.sum() * image.voxel_ml)
        return Result(
            image=image,
            specs=_SPECS,
            segments={"bright": mask},
            probability={"bright": np.clip(image.voxels, 0, 1).astype(np.float32)},
            uncertainty={"bright": np.zeros(image.shape, np.float32)},
            measurements=[Measurement("bright", "Volume", value, "mL", None, float("nan"), 0.95, Code("SCT", "118565006", "Volume"))],
            regions=[ReviewRegion(1, "bright", 0.25, (1.0, 2.0, 3.0), 0.5, ((0, 0, 0), (1, 1, 1)))],
            provenance=Provenance("toy", "1", parameters={"threshold": parameters.threshold}, seconds={"inference": 0.125}),
            warnings=[f"made {ToyPipeline.made} time(s) in process {os.getpid()}"],
        )


def _accident(phase, parameters):
    if phase != parameters.phase:
        return
    if parameters.accident == "sleep":
        time.sleep(60)
    if parameters.accident == "child":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        time.sleep(60)
    if parameters.accident == "raise":
        raise ValueError("a bug")
    if parameters.accident == "refuse":
        raise InputError("The image is too dark. Choose a brighter one.")
    if parameters.accident == "memory":
        np.ones(1 << 46)
    if parameters.accident == "die":
        print("about to die", file=sys.stderr, flush=True)
        os._exit(1)
    if parameters.accident == "print":
        print("a library prints")
        os.system("echo a program prints")
        os.write(1, b"C code prints\n")
    if parameters.accident == "garbage":
        # What nothing should be able to do: write between the messages themselves.
        for file in list(Path("/proc/self/fd").iterdir()):
            with suppress(OSError):
                if int(file.name) > 2 and str(file.readlink()).startswith("pipe:"):
                    os.write(int(file.name), b'{"type": \xff\n[1]\n')


def create(bundle: Path | None, device: str):
    if device == "slow":
        time.sleep(60)
    return ToyPipeline()
