"""FemurQCT's method: find the hips, draw each femur (V-Net, Zhao et al. 2020), calibrate, divide, measure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from DeepVolumetryLib import __version__
from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import Device, choose_device
from DeepVolumetryLib.engine.memory import peak_memory_mb
from DeepVolumetryLib.engine.pipeline import Images, InputSpec, Progress
from DeepVolumetryLib.engine.statistics import normalize_by_instance
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import check_usable
from DeepVolumetryLib.result import Provenance, Result
from DeepVolumetryLib.uncertainty.conformal import ConformalTable
from DeepVolumetryLib.uncertainty.maps import entropy_map
from DeepVolumetryLib.uncertainty.rank import rank_regions, review_regions
from DeepVolumetryLib.uncertainty.regions import ReviewRegion
from DeepVolumetryLib.zeros import lazy_zeros

from .assemble import Side, masks_of, place, probability_of
from .checks import warnings_of
from .hips import Found, HipFinder
from .measurements import TARGET, FemurMeasurements, measure_femora
from .networks import build
from .parameters import Parameters
from .products import DENSITY_MAP, density_map, extras_of, region_masks
from .regions import planes_from_dict
from .scaling import calibration_of
from .segmenter import Segmenter, members
from .segments import FEMUR, SPECS, key

if TYPE_CHECKING:
    from torch.nn import Module

BUNDLE = "femur_vnet"
_MEMBERS = {"fast": 1, "standard": None, "thorough": 8}
_LEAST_HU = -150.0


class FemurPipeline:
    """Both proximal femora of a hip CT: masks with uncertainty, density by region, strength where it is asked for."""

    name = "femur"
    inputs = (InputSpec("volume", modalities=("CT",)),)
    specs = SPECS

    def __init__(self, bundle: Bundle, device: Device) -> None:
        started = time.monotonic()
        self.bundle, self.device = bundle, device
        self.finder = HipFinder(_load(bundle, "finder", device), device)
        self.segmenter = Segmenter(_load(bundle, "vnet", device), device, float(bundle.inference.get("temperature", 1.0)))
        self.conformal = ConformalTable.from_dict(bundle.inference.get("conformal", {}))
        self.load_seconds = time.monotonic() - started

    def run(self, images: Images, parameters: Parameters, progress: Progress) -> Result:
        """Segment and measure the femora of one CT."""
        started = time.monotonic()
        image = _hounsfield(images["volume"])
        seconds = {"load": self.load_seconds, "preprocess": time.monotonic() - started}
        with progress.phase("Finding the hips", share=0.15), _timed(seconds, "localize"):
            found = self.finder.find(image)
        with progress.phase("Drawing the femora", share=0.45), _timed(seconds, "draw"):
            sides = self._draw(image, found, parameters, progress)
        with progress.phase("Calibrating", share=0.1), _timed(seconds, "calibrate"):
            whole = {key(side.side, FEMUR): _whole(image, side) for side in sides}
            bone = np.any(list(whole.values()), axis=0) if whole else np.zeros(image.shape, bool)
            calibration, why_none = calibration_of(image, bone, parameters)
        with progress.phase("Measuring", share=0.2), _timed(seconds, "measure"):
            masks, probability = masks_of(image, sides), probability_of(image, sides)
            volumes = {key(side.side, FEMUR): side.drawn.member_ml for side in sides}
            planes = {side: planes_from_dict(values) for side, values in (parameters.planes or {}).items()}
            measured = measure_femora(
                masks, image, parameters, calibration, why_none, probability, volumes, self.conformal, planes=planes, whole=whole
            )
        with progress.phase("Estimating strength", share=0.1), _timed(seconds, "strength"):
            measured = self._with_strength(measured, image, parameters)
        result = self._result(image, sides, masks, probability, measured, parameters)
        short = [*found.warnings, *(text for side in sides for text in side.drawn.warnings)]
        checks = warnings_of(image, sides, parameters, calibration is not None)
        result.warnings = list(dict.fromkeys([*checks, *(measured.warnings if sides else ()), *short]))
        seconds["inference"] = seconds["localize"] + seconds["draw"]
        seconds["postprocess"] = seconds["calibrate"] + seconds["measure"] + seconds["strength"]
        seconds["total"] = time.monotonic() - started
        result.provenance.seconds.update(seconds)
        return result

    def _draw(self, image: Image, found: Found, parameters: Parameters, progress: Progress) -> list[Side]:
        hips = [hip for side, hip in found.hips.items() if parameters.side in ("both", side)]
        ways = members(_MEMBERS[parameters.speed] or parameters.members, parameters.seed)
        total, done = len(ways) * max(1, len(hips)), 0

        def step() -> None:
            nonlocal done
            done += 1
            progress.update(done / total)

        sides = [place(image, self.segmenter.draw(image, hip, ways, step)) for hip in hips]
        return [side for side in sorted(sides, key=lambda side: side.side) if side.mask.any()]

    def _with_strength(self, measured: FemurMeasurements, image: Image, parameters: Parameters) -> FemurMeasurements:
        if parameters.strength == "off" or measured.calibration is None:
            return measured
        from .estimates import strength_rows

        loads = ("fall", "stance") if parameters.strength == "both" else (parameters.strength,)
        rows, warnings = strength_rows(measured, image, parameters, loads)
        return replace(
            measured,
            measurements=[*(row for row in measured.measurements if not row.segment.startswith("both")), *rows,
                          *(row for row in measured.measurements if row.segment.startswith("both"))],
            warnings=[*measured.warnings, *warnings],
            further=tuple(rows),
        )  # fmt: skip

    def _result(
        self,
        image: Image,
        sides: list[Side],
        masks: dict[str, np.ndarray],
        probability: np.ndarray,
        measured: FemurMeasurements,
        parameters: Parameters,
    ) -> Result:
        uncertainty = lazy_zeros(image.shape, np.float32)
        regions: list[ReviewRegion] = []
        for side in sides:
            doubt = entropy_map(side.probability)
            np.maximum(uncertainty[side.box], doubt, out=uncertainty[side.box])
            regions += _regions(side, doubt)
        density = density_map(image, measured.sides)
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
        return Result(
            image,
            SPECS,
            {**masks, **region_masks(image, measured.sides)},
            {TARGET: probability},
            {TARGET: uncertainty},
            measured.measurements,
            rank_regions(regions),
            provenance,
            extras=extras_of(measured),
            maps={} if density is None else {DENSITY_MAP: density},
        )


def create(bundle: Path | None = None, device: str = "auto") -> FemurPipeline:
    """The pipeline with its networks loaded; None takes the bundle that ships.

    Raises:
        ModelError: if the bundle is missing or fails its check.
        InputError: if the device is not there.
    """
    path = bundle or Path(__file__).resolve().parent.parent / "Resources" / "Models" / BUNDLE
    return FemurPipeline(Bundle.open(path), choose_device(device))


def _hounsfield(image: Image) -> Image:
    """The input, checked.

    Raises:
        InputError: if it is no CT in Hounsfield units.
    """
    check_usable(image, ("CT",))
    if float(image.voxels.min()) > _LEAST_HU:
        raise InputError(
            f"{image.name or 'The image'} has no value below {_LEAST_HU:g}, so it is not a CT in Hounsfield units "
            "(fat is about -100, air -1000). Choose the CT as the scanner exported it."
        )
    return image if image.modality else replace(image, modality="CT")


def _whole(image: Image, side: Side) -> np.ndarray:
    whole = lazy_zeros(image.shape, bool)
    whole[side.box] = side.whole
    return whole


def _regions(side: Side, doubt: np.ndarray) -> list[ReviewRegion]:
    """Uncertain places of one femur; their boxes are on the grid of the scan."""
    regions = []
    for region in review_regions(side.probability, doubt, side.image, TARGET):
        (k0, j0, i0), (k1, j1, i1) = (np.add(corner, side.low).tolist() for corner in region.box_kji)
        regions.append(replace(region, box_kji=((k0, j0, i0), (k1, j1, i1))))
    return regions


def _load(bundle: Bundle, name: str, device: Device) -> Module:
    import torch

    network = build(bundle.inference["networks"][name])
    network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in bundle.state_dict(name).items()})
    normalize_by_instance(network)
    return network.eval().to(device=device.name, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Adds the seconds spent inside to a dictionary."""
    started = time.monotonic()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.monotonic() - started
