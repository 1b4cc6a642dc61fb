from __future__ import annotations

import time

import femur_patients

from DeepVolumetryLib.errors import InputError
from FemurQCTLib.segments import SPECS


class ToyFemurs:
    """The real method with the truth in place of the networks. A volume called "refused" is refused, "slow" takes a minute."""

    name = "femur"
    specs = SPECS

    def __init__(self):
        self.real = femur_patients.pipeline(femur_patients.person())
        self.inputs = self.real.inputs

    def run(self, images, parameters, progress):
        name = images["volume"].name
        if name == "refused":
            raise InputError("refused is refused. Choose another volume.")
        if name == "slow":
            with progress.phase("Drawing the femora", share=0.5):
                for step in range(600):
                    time.sleep(0.1)
                    progress.update(step / 600)
        return self.real.run(images, parameters, progress)


def create(bundle=None, device="auto"):
    return ToyFemurs()
