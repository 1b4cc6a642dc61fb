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
from GliomaUncertaintyLib.labels import TARGETS, sub_regions
from GliomaUncertaintyLib.measurements import measure_glioma
from GliomaUncertaintyLib.segments import SPECS

from .demo import VALUES

CONFORMAL = ConformalTable({t: ConformalEntry.from_residuals([0.05 * n for n in range(1, 41)]) for t in (*TARGETS, "edema", "necrosis")})

MOTION = [[1.0, 0.0, 0.0, 7.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -3.0], [0.0, 0.0, 0.0, 1.0]]


class ToyPipeline:
    name = "toy"
    inputs = tuple(
        InputSpec(name, ("MR",), required=False, one_of="anatomy" if name in ("t1ce", "flair") else "")
        for name in ("t1", "t1ce", "t2", "flair")
    )
    specs = SPECS

    def run(self, images, parameters, progress):
        image = images.get("t1ce") or images["flair"]
        with progress.phase("Segmenting", share=0.5):
            for name in ("t1ce", "flair"):
                if name in images:
                    self._accident(images[name].name, progress)
        with progress.phase("Measuring", share=0.5):
            missing = [name for name in ("t1", "t1ce", "t2", "flair") if name not in images]
            return self._result(image, parameters, missing, {name: MOTION for name in images if images[name].name.startswith("moved")})

    def _accident(self, name, progress):
        if name.startswith("slow"):
            for step in range(600):
                progress.update(step / 600)
                time.sleep(0.1)
        if name.startswith("dies"):
            print("the graphics driver is gone", file=sys.stderr, flush=True)
            os._exit(7)
        if name.startswith("refused"):
            raise InputError("The images are of different patients. Choose the sequences of one study.")

    def _result(self, image, parameters, missing, motions):
        values = {"ET": (VALUES["ET"],), "TC": (VALUES["ET"], VALUES["necrosis"])}
        values["WT"] = (*values["TC"], VALUES["edema"])
        probability = {}
        gray, blur = _gray_values(image)
        for target in TARGETS:
            inside = np.isin(gray, values[target]).astype(np.float32)
            inside[gray == VALUES["faint"]] = 0.45 if target == "WT" else 0.0
            probability[target] = ndimage.gaussian_filter(inside, blur).clip(0, 1)
        uncertainty = {target: entropy_map(p) for target, p in probability.items()}
        masks = {target: p > 0.5 for target, p in probability.items()}
        masks |= sub_regions(masks)
        regions = [region for t in TARGETS for region in review_regions(probability[t], uncertainty[t], image, t)]
        members = {t: [masks[t].sum() * image.voxel_ml * f for f in (0.98, 1.0, 1.02)] for t in TARGETS}
        measured = measure_glioma(masks, image, parameters, probability, members, CONFORMAL)
        return Result(
            image=image,
            specs=SPECS,
            segments=masks,
            probability=probability,
            uncertainty=uncertainty,
            measurements=measured.measurements,
            regions=rank_regions(regions),
            provenance=Provenance("glioma", "0.1", "toy", "1.0", parameters=parameters.to_dict(), seconds={"total": 0.5}),
            warnings=[f"{name} is missing: the intervals are wider." for name in missing],
            extras={"member_volumes_ml": members, "conformal": CONFORMAL.to_dict(), "notes": measured.notes, "motions": motions},
        )


def _gray_values(image):
    """The gray values that the toy understands; for the real phantom those of its true labels. Also how much to blur, in voxels."""
    if not image.name.startswith("GliomaPhantom"):
        return image.voxels, 0.6
    from GliomaUncertaintyLib import demo

    labels, names = demo.reference()
    gray = np.zeros(labels.shape, np.int16)
    for value, name in names.items():
        gray[labels.voxels == value] = VALUES[name]
    return gray, 1.5


def create(bundle, device):
    return ToyPipeline()
