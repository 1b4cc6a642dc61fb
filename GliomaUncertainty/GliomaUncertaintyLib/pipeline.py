"""GliomaUncertainty's method: the same slices on many spheres; what all say is the segmentation, where they differ is the doubt.

SPU-Net (Yang et al., Med Phys 2024), with its comparators as other lists of members (``methods``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from DeepVolumetryLib import __version__
from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import Device, choose_device
from DeepVolumetryLib.engine.memory import peak_memory_mb
from DeepVolumetryLib.engine.pipeline import Images, InputSpec, Progress
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import check_usable
from DeepVolumetryLib.result import Provenance, Result
from DeepVolumetryLib.uncertainty.calibrate import Calibration
from DeepVolumetryLib.uncertainty.conformal import ConformalTable
from DeepVolumetryLib.uncertainty.maps import deviation_map, entropy_map, error_map

from .alignment import REFERENCES, TITLES, Aligned, aligned
from .brain import brain_mask
from .islands import without_unsure_islands
from .labels import SEQUENCES, TARGETS, sub_regions
from .measurements import measure_glioma
from .methods import members
from .networks import build, fused
from .parameters import Parameters
from .predict import Prediction, Predictor
from .review import places
from .segments import SPECS
from .stack import Stack
from .working import brought_back, working_images

if TYPE_CHECKING:
    from torch.nn import Module

BUNDLE, BRAIN_BUNDLE = "glioma_spu", "glioma_brain"
_MODELS = Path(__file__).resolve().parent.parent / "Resources" / "Models"


class GliomaPipeline:
    """Whole tumor, tumor core and enhancing tumor from up to four sequences, with the doubt about each voxel."""

    name = "glioma"
    inputs = tuple(
        InputSpec(name, modalities=("MR",), required=False, one_of="reference" if name in REFERENCES else "") for name in SEQUENCES
    )
    specs = SPECS

    def __init__(self, bundle: Bundle, device: Device, brain_bundle: Path) -> None:
        started = time.monotonic()
        self.bundle, self.device, self.brain_bundle = bundle, device, brain_bundle
        self.predictor = Predictor({name: _load(bundle, name, device) for name in bundle.inference["networks"]}, device)
        # One temperature for all targets: different ones could lift the core's probability above the whole tumor's.
        self.calibration = Calibration.from_dict(bundle.inference.get("calibration", {"temperature": 1.0}))
        self.load_seconds = time.monotonic() - started

    def run(self, images: Images, parameters: Parameters, progress: Progress) -> Result:
        """Segment and measure a glioma. T1ce or FLAIR must be given; the result is on the grid of T1ce if it is."""
        clock = _Clock(self.load_seconds)
        given = {name: images[name] for name in SEQUENCES if name in images}
        for spec in self.inputs:
            if spec.name in given:
                check_usable(given[spec.name], spec.modalities)
        with progress.phase("Aligning the sequences", share=0.08), clock.timed("align"):
            together = aligned(given)
            worked = working_images(together.images)
        reference = worked[together.reference]
        with progress.phase("Finding the brain", share=0.07), clock.timed("brain"):
            brain, warnings = brain_mask(reference, worked, self.brain_bundle, parameters, self.device)
            if not brain.any():
                raise InputError("No brain was found in these images. Choose images of a head, or turn skull stripping off.")
            stack = Stack(worked, brain)
        with progress.phase("Looking from many centers", share=0.75), clock.timed("predict"):
            ways = members(parameters, stack.points, tuple(self.predictor.networks))
            prediction = self.predictor.predict(stack, ways, progress.update)
        with progress.phase("Measuring", share=0.1), clock.timed("postprocess"):
            result = self._result(together, stack, prediction, parameters)
        result.warnings[:0] = [*together.warnings, *warnings, *prediction.warnings, *_missing(together.images)]
        result.provenance.seconds.update(clock.seconds, inference=clock.seconds["predict"], total=clock.total)
        return result

    def _result(self, together: Aligned, stack: Stack, prediction: Prediction, parameters: Parameters) -> Result:
        image = together.images[together.reference]
        mean = self.calibration.apply(prediction.statistics.mean)
        shown = _uncertainty(parameters.uncertainty, mean, prediction)
        probability, uncertainty = (
            {target: brought_back(values, stack.grid, image) for target, values in zip(TARGETS, stack.volume(maps), strict=True)}
            for maps in (mean, shown)
        )
        masks = without_unsure_islands(probability)
        masks |= sub_regions(masks)
        regions = places(probability, image, masks)
        volumes = {target: prediction.member_ml[:, channel].tolist() for channel, target in enumerate(TARGETS)}
        conformal = _conformal(self.bundle.inference, together.images)
        measured = measure_glioma(masks, image, parameters, probability, volumes, conformal)
        provenance = Provenance(
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
        extras = {
            "notes": measured.notes,
            "member_volumes_ml": volumes,
            "conformal": conformal.to_dict(),
            "reference": together.reference,
            "sequences": list(together.images),
            "motions": {name: motion.matrix.tolist() for name, motion in together.motions.items() if motion.moved},
        }
        segments = {name: mask for name, mask in masks.items() if mask.any()}
        return Result(
            image, SPECS, segments, probability, uncertainty, measured.measurements, regions, provenance, list(measured.warnings), extras
        )


def create(bundle: Path | None = None, device: str = "auto") -> GliomaPipeline:
    """The pipeline with its networks loaded; None takes the bundle that ships.

    The brain is found by the bundle "glioma_brain" beside the given one, or by the one that ships.

    Raises:
        ModelError: if the bundle is missing or fails its check.
        InputError: if the device is not there.
    """
    path = Path(bundle) if bundle else _MODELS / BUNDLE
    beside = path.parent / BRAIN_BUNDLE
    return GliomaPipeline(Bundle.open(path), choose_device(device), beside if beside.is_dir() else _MODELS / BRAIN_BUNDLE)


def _load(bundle: Bundle, name: str, device: Device) -> Module:
    import torch

    network = build(bundle.inference["networks"][name])
    network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in bundle.state_dict(name).items()})
    return fused(network).to(device=device.name, memory_format=torch.channels_last)


def _uncertainty(kind: str, mean: NDArray[np.float32], prediction: Prediction) -> NDArray[np.float32]:
    """The map that is shown, 0-100, in the shape of the calibrated mean probability."""
    if kind == "spread":
        return deviation_map(prediction.statistics.variance)
    return error_map(mean) if kind == "error" else entropy_map(mean)


def _conformal(inference: Mapping[str, Any], given: Mapping[str, Image]) -> ConformalTable:
    """Calibration of the intervals; one of its own where sequences are missing, if the bundle was calibrated so.

    "any" is what scans without T1 or T2 are calibrated by. Where T1ce or FLAIR is missing it would be false: an enhancing tumor that
    cannot be seen would get an interval of 0 to 0 mL. So there is none.
    """
    missing = [name for name in SEQUENCES if name not in given]
    if not missing:
        return ConformalTable.from_dict(inference.get("conformal", {}))
    without = inference.get("conformal_without", {})
    fallback = {} if set(missing) & set(_WHAT_GOES) else without.get("any") or inference.get("conformal", {})
    return ConformalTable.from_dict(without.get("+".join(missing)) or fallback)


def _missing(given: Mapping[str, Image]) -> list[str]:
    """Sentences about sequences that were not given."""
    lost = [f"Without {TITLES[name]} {what}" for name, what in _WHAT_GOES.items() if name not in given]
    if lost:
        return [f"{sentence} No interval is stated." for sentence in lost]
    names = [TITLES[name] for name in SEQUENCES if name not in given]
    if not names:
        return []
    listed = " and ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names)
    verb, them = ("is", "it") if len(names) == 1 else ("are", "them")
    return [f"{listed} {verb} missing. The segmentation is less certain without {them}, and the intervals are wider."]


_WHAT_GOES = {
    "t1ce": "enhancing tumor and tumor core cannot be told from the rest: do not use their volumes.",
    "flair": "whole tumor and edema are unreliable: check every slice.",
}
"""What a scan cannot show without a sequence."""


class _Clock:
    """Seconds of each step."""

    def __init__(self, load_seconds: float) -> None:
        self._started = time.monotonic()
        self.seconds = {"load": load_seconds}

    @property
    def total(self) -> float:
        return time.monotonic() - self._started

    def timed(self, name: str) -> _Step:
        return _Step(self.seconds, name)


class _Step:
    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.started = time.monotonic()

    def __exit__(self, *_: Any) -> None:
        self.seconds[self.name] = self.seconds.get(self.name, 0.0) + time.monotonic() - self.started
