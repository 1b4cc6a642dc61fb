from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import spleen_toys

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import choose_device
from DeepVolumetryLib.errors import InputError
from SpleenVolumeLib.pipeline import SpleenPipeline
from SpleenVolumeLib.segmenter import Segmenter
from SpleenVolumeLib.volume import VolumeModel


class ToyPipeline(SpleenPipeline):
    def run(self, images, parameters, progress):
        self._accident(images["coronal"].name, progress)
        return super().run(images, parameters, progress)

    def _accident(self, name, progress):
        if name.startswith("slow"):
            with progress.phase("Waiting", share=0.5):
                for step in range(600):
                    progress.update(step / 600)
                    time.sleep(0.1)
        if name.startswith("dies"):
            with progress.phase("Outlining the spleen (coronal)", share=0.5):
                print("the graphics driver is gone", file=sys.stderr, flush=True)
                os._exit(7)
        if name.startswith("refused"):
            raise InputError("No ultrasound fan was found in this picture. Choose a B-mode picture of the spleen.")


def create(bundle, device):
    where = choose_device("cpu")
    bundle = bundle or Path(__file__).parents[1] / "Resources" / "Models" / "toy_spleen"
    return ToyPipeline(Bundle.open(bundle), Segmenter(spleen_toys.Bright(), where), VolumeModel.simple(), where)
