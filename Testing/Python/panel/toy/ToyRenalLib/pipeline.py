from __future__ import annotations

import os
import sys
import time

import numpy as np
from scipy import ndimage

from DeepVolumetryLib.engine.pipeline import InputSpec
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.result import Provenance, Result
from DeepVolumetryLib.uncertainty.conformal import ConformalEntry, ConformalTable
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import rank_regions, review_regions
from RenalParenchymaLib.measurements import measure_kidneys
from RenalParenchymaLib.segments import SPECS, TISSUES, key

from .demo import VALUES

CONFORMAL = ConformalTable({t: ConformalEntry.from_residuals([0.05 * n for n in range(1, 41)]) for t in ("kidney", *TISSUES)})


class ToyPipeline:
    name = "toy"
    inputs = (InputSpec("volume", ("CT", "MR")),)
    specs = SPECS

    def run(self, images, parameters, progress):
        image = images["volume"]
        with progress.phase("Finding the kidneys", share=0.5):
            self._accident(image.name, progress)
            labels = {target: np.isin(image.voxels, value) for target, value in VALUES.items()}
            organ = np.any(list(labels.values()), axis=0)
        with progress.phase("Measuring", share=0.5):
            return self._result(image, labels, organ, parameters)

    def _accident(self, name, progress):
        if name.startswith("slow"):
            for step in range(600):
                progress.update(step / 600)
                time.sleep(0.1)
        if name.startswith("dies"):
            print("the graphics driver is gone", file=sys.stderr, flush=True)
            os._exit(7)
        if name.startswith("refused"):
            raise InputError("The kidneys are not in the image. Choose a volume of the abdomen.")

    def _result(self, image, labels, organ, parameters):
        r_mm = image.ijk_to_ras[0, 0] * np.arange(image.shape[2]) + image.ijk_to_ras[0, 3]
        on_side = {"left": (r_mm < 0)[None, None, :], "right": (r_mm > 0)[None, None, :]}
        masks = {key(side, "kidney"): organ & there for side, there in on_side.items()}
        masks |= {key(side, tissue): labels[tissue] & there for side, there in on_side.items() for tissue in TISSUES}
        probability = {"kidney": _blurred(organ)} | {tissue: _blurred(labels[tissue]) for tissue in TISSUES}
        uncertainty = {target: entropy_map(p) for target, p in probability.items()}
        regions = [region for t in TISSUES for region in review_regions(probability[t], uncertainty[t], image, t)]
        members = {segment: [m.sum() * image.voxel_ml * f for f in (0.98, 1.0, 1.02)] for segment, m in masks.items()}
        measured = measure_kidneys(masks, image, parameters, probability, members, CONFORMAL)
        return Result(
            image=image,
            specs=SPECS,
            segments={segment: mask for segment, mask in masks.items() if mask.any()},
            probability=probability,
            uncertainty=uncertainty,
            measurements=measured.measurements,
            regions=rank_regions(regions),
            provenance=Provenance("renal", "0.1", "toy", "1.0", parameters=parameters.to_dict(), seconds={"total": 0.5}),
            warnings=measured.warnings,
            extras={"member_volumes_ml": members, "conformal": CONFORMAL.to_dict(), "notes": measured.notes},
        )


def _blurred(mask):
    return ndimage.gaussian_filter(mask.astype(np.float32), 0.6).clip(0, 1)


def create(bundle, device):
    return ToyPipeline()
