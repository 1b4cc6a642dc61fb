"""The whole way from synthetic ultrasound to a volume: outlines against the truth, volumes against the truth (the paper's Tables 4 and 5).

    python Testing/Benchmarks/spleen_ultrasound.py --source simulator --count 149 --out ultrasound
    python Testing/Benchmarks/spleen_ultrasound.py --source usdm --count 149 --out ultrasound
    python Testing/Benchmarks/spleen_ultrasound_results.py --measured ultrasound --out docs/results-spleen-ultrasound.md

Shapes are warped from real spleens that the U-Net and USDM have not seen (``--unseen``), in the planes of their largest slices, as the
paper took them. Every case is written when it is done, so a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.measure.overlap import overlap
from SpleenVolumeLib.diffusion import Diffusion
from SpleenVolumeLib.picture import to_ct, turned_pixel
from SpleenVolumeLib.pipeline import create
from SpleenVolumeLib.shapes import Shape, ShapeGenerator, load_templates
from SpleenVolumeLib.synthesis import MODALITIES, USDM_BUNDLE, VIEWS, synthesize
from SpleenVolumeLib.volume import Views, on_grid

UNSEEN = ("ts_example", "vh_female")
SETS = {"single": ("coronal",), "dual": ("coronal", "transverse")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=MODALITIES, required=True)
    parser.add_argument("--count", type=int, default=149)
    parser.add_argument("--unseen", nargs="*", default=list(UNSEEN), help="real spleens that the networks have not seen")
    parser.add_argument("--bundle", type=Path, help="of the pipeline; the one that ships if left out")
    parser.add_argument("--usdm", type=Path, default=USDM_BUNDLE)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    measured = Measured(options)
    folder = options.out / options.source
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + options.minutes * 60
    for number in range(options.count):
        path = folder / f"case_{number:04d}.json"
        if not path.exists():
            if time.monotonic() > end:
                print(f"{number} of {options.count} cases are done; run again to go on.")
                return
            path.write_text(json.dumps(measured.case(number)), encoding="utf-8")
    print(f"{options.count} cases are in {folder}")


class Measured:
    """Makes and measures cases."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.pipeline = create(options.bundle, "cpu")
        self.usdm = Diffusion.from_bundle(Bundle.open(options.usdm)) if options.source == "usdm" else None
        templates = load_templates()
        self.real = [template for template in templates if template.name in options.unseen]
        self.generator = ShapeGenerator(self.real, implicit=0.0)

    def case(self, number: int) -> dict[str, Any]:
        """The first cases are the unseen real spleens as they are, the others are warped from them."""
        rng = np.random.default_rng([number, 1618])
        shape = Shape.of_template(self.real[number]) if number < len(self.real) else self.generator.draw(rng)
        images, references, volume = synthesize(shape, self.options.source, rng, VIEWS, usdm=self.usdm)
        result: dict[str, Any] = {"volume_ml": volume, "real_shape": number < len(self.real), "views": {}, "estimates": {}}
        outlines: dict[str, dict[str, Any]] = {"found": {}, "true": {}}
        for view in VIEWS:
            image, truth = images[view], references[view].voxels[0] > 0
            pixel_mm = (image.spacing[1], image.spacing[0])
            started = time.process_time()
            found = self.pipeline.segmenter.segment(image.voxels[0], pixel_mm, self.options.members)
            agreement = overlap(found.mask[None], truth[None], image)
            members = [overlap(mask[None], truth[None], image).dice for mask in found.member_masks[:1]]
            result["views"][view] = {
                **agreement.to_dict(),
                "one_member_dice": members[0],
                "touches_edge": found.touches_edge,
                "seconds": time.process_time() - started,
            }
            for kind, mask in (("found", found.mask), ("true", truth)):
                outlines[kind][view] = mask, pixel_mm
        for kind, masks in outlines.items():
            for name, views in SETS.items():
                result["estimates"][f"{kind} {name}"] = self._estimates({view: masks[view] for view in views})
        return result

    def _estimates(self, masks: dict[str, Any]) -> dict[str, Any]:
        """Method -> volume and interval; "default" is what the panel would take."""
        try:
            views = Views(
                {view: on_grid(to_ct(mask, view, False, 0), turned_pixel(pixel_mm, view, 0)) for view, (mask, pixel_mm) in masks.items()}
            )
            estimate = self.pipeline.model.estimate(views)
        except InputError as error:
            return {"failed": str(error)}
        return {
            "default": [estimate.volume_ml, estimate.low_ml, estimate.high_ml],
            estimate.method: [estimate.volume_ml, estimate.low_ml, estimate.high_ml],
            **{method: list(bounds) for method, bounds in estimate.others.items()},
        }


if __name__ == "__main__":
    main()
