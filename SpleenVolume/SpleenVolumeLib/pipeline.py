"""SpleenVolume's method: outline the spleen in each picture, then estimate what volume casts such outlines (DeepSPV)."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib import __version__
from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import Device, choose_device
from DeepVolumetryLib.engine.memory import peak_memory_mb
from DeepVolumetryLib.engine.pipeline import Images, InputSpec, Progress
from DeepVolumetryLib.result import Provenance, Result

from .depth import implausible_depth
from .measurements import SpleenMeasurements, measure_spleen
from .model import shipped
from .picture import Picture
from .review import places_to_review
from .segmentation_network import build
from .segmenter import Segmented, Segmenter
from .segments import KEY, SPECS, VIEWS
from .volume import VolumeModel

if TYPE_CHECKING:
    from torch.nn import Module

    from .parameters import Parameters

NETWORK = "unet"


class SpleenPipeline:
    """One outline a view, then one volume for all of them."""

    name = "spleen"
    inputs = (
        InputSpec("coronal", modalities=("US",), flat=True),
        InputSpec("transverse", modalities=("US",), required=False, flat=True),
        InputSpec("sagittal", modalities=("US",), required=False, flat=True),
    )
    specs = SPECS

    def __init__(self, bundle: Bundle, segmenter: Segmenter, model: VolumeModel, device: Device) -> None:
        self.bundle, self.segmenter, self.model, self.device = bundle, segmenter, model, device

    def run(self, images: Images, parameters: Parameters, progress: Progress) -> Result:
        """Outline the spleen in every view that is given, and estimate its volume."""
        started = time.monotonic()
        seconds: dict[str, float] = {}
        views = [view for view in VIEWS if view in images]
        pictures = {view: Picture.of(images[view]) for view in views}
        seconds["preprocess"] = time.monotonic() - started
        outlined = {}
        for view in views:
            with progress.phase(f"Outlining the spleen ({view})", share=0.7 / len(views)):
                outlined[view] = self.segmenter.segment(pictures[view].gray, pictures[view].pixel_mm, parameters.members, progress.update)
        seconds["inference"] = time.monotonic() - started - seconds["preprocess"]
        with progress.phase("Estimating the volume", share=0.3):
            result = self._result(pictures, outlined, parameters)
            measured = measure_spleen(result, parameters, self.model)
            progress.update(0.7)
            self._fill(result, measured, outlined)
        seconds["postprocess"] = time.monotonic() - started - seconds["preprocess"] - seconds["inference"]
        seconds["total"] = time.monotonic() - started
        result.provenance.seconds.update(seconds)
        return result

    def _result(self, pictures: dict[str, Picture], outlined: dict[str, Segmented], parameters: Parameters) -> Result:
        """Masks and maps of every view, not measured yet."""
        parts = {view: self._part(pictures[view], outlined[view], parameters) for view in pictures}
        result = parts.pop(VIEWS[0])
        result.companions = parts
        result.extras["member_areas_mm2"] = {
            view: [float(np.count_nonzero(mask)) * float(np.prod(pictures[view].pixel_mm)) for mask in found.member_masks]
            for view, found in outlined.items()
        }
        return result

    def _part(self, picture: Picture, found: Segmented, parameters: Parameters) -> Result:
        image = picture.image
        if image.voxels.ndim == 4:  # in color; what is shown and written of it is what the network saw
            image = replace(image, voxels=picture.stored(picture.gray))
        return Result(
            image,
            SPECS,
            {KEY: picture.stored(found.mask)},
            {KEY: picture.stored(found.probability)},
            {KEY: picture.stored(found.uncertainty)},
            [],
            [],
            self._provenance(parameters),
        )

    def _fill(self, result: Result, measured: SpleenMeasurements, outlined: dict[str, Segmented]) -> None:
        volume = measured.estimate.volume_ml if measured.estimate else 0.0
        places_to_review(result, measured.pictures, volume)
        result.measurements = measured.measurements
        depths = [implausible_depth(view, found.fan, measured.pictures[view].pixel_mm) for view, found in outlined.items()]
        result.warnings = [*filter(None, depths), *measured.warnings]
        result.extras["notes"] = measured.notes
        if measured.estimate:
            result.extras["method"] = measured.estimate.method

    def _provenance(self, parameters: Parameters) -> Provenance:
        return Provenance(
            module=self.name,
            version=__version__,
            model_name=self.bundle.name,
            model_version=self.bundle.version,
            model_sha256=self.bundle.sha256,
            model_license=self.bundle.license,
            device=self.device.label,
            parameters=parameters.to_dict(),
            peak_memory_mb=peak_memory_mb(),
        )


def create(bundle: Path | None = None, device: str = "auto") -> SpleenPipeline:
    """The pipeline with its networks loaded; None takes the bundle that ships.

    Raises:
        ModelError: if the bundle is missing or fails its check.
        InputError: if the device is not there.
    """
    opened, where = Bundle.open(bundle or shipped()), choose_device(device)
    return SpleenPipeline(opened, Segmenter(_load(opened), where), VolumeModel.from_bundle(opened, where.name), where)


def _load(bundle: Bundle) -> Module:
    arguments: dict[str, Any] = bundle.inference.get("networks", {}).get(NETWORK) or {}
    network = build(arguments or None)
    state = bundle.state_dict(NETWORK)
    network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    return network
