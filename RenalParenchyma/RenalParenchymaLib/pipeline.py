"""RenalParenchyma's method: find the kidneys, then what they are made of (Yu et al., Med Phys 2025)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from DeepVolumetryLib import __version__
from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import Device, choose_device
from DeepVolumetryLib.engine.memory import peak_memory_mb
from DeepVolumetryLib.engine.pipeline import Images, InputSpec, Progress
from DeepVolumetryLib.engine.statistics import normalize_by_instance
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import check_usable
from DeepVolumetryLib.result import Provenance, Result
from DeepVolumetryLib.uncertainty.conformal import ConformalTable

from .assemble import Assembled, assemble
from .findings import measure, places_to_review, uncertainty_maps
from .intensity import likely_modality
from .laterality import Chosen, assign_sides
from .localizer import Localizer, Located
from .networks import build
from .parameters import Parameters
from .refiner import Refined, Refiner, members
from .segments import SPECS, TARGETS, key
from .territory import owned

if TYPE_CHECKING:
    from torch.nn import Module

BUNDLE = "renal_kidney_parenchyma"
_MEMBERS = {"fast": 1, "standard": None, "thorough": 8}


class RenalPipeline:
    """Kidneys, then parenchyma, tumor and cyst inside each, with test-time members for the uncertainty."""

    name = "renal"
    inputs = (InputSpec("volume", modalities=("CT", "MR")),)
    specs = SPECS

    def __init__(self, bundle: Bundle, device: Device) -> None:
        started = time.monotonic()
        self.bundle, self.device = bundle, device
        self.localizer = Localizer(_load(bundle, "localizer", device), device)
        self.refiner = Refiner(_load(bundle, "refiner", device), device)
        self.conformal = ConformalTable.from_dict(bundle.inference.get("conformal", {}))
        self.load_seconds = time.monotonic() - started

    def run(self, images: Images, parameters: Parameters, progress: Progress) -> Result:
        """Segment and measure both kidneys of one CT or MR scan."""
        started = time.monotonic()
        image = images["volume"]
        check_usable(image, self.inputs[0].modalities)
        if not image.modality:
            image = replace(image, modality=likely_modality(image.voxels))
        seconds = {"load": self.load_seconds, "preprocess": time.monotonic() - started}
        with progress.phase("Finding the kidneys", share=0.25), _Timed(seconds, "localize"):
            located = self.localizer.find(image)
            chosen = assign_sides(located.candidates, located.midline_at)
        with progress.phase("Segmenting parenchyma", share=0.6), _Timed(seconds, "refine"):
            refined = self._refine(image, located, chosen, parameters, progress)
        with progress.phase("Putting the kidneys together", share=0.05), _Timed(seconds, "assemble"):
            assembled = assemble(image, refined)
        with progress.phase("Measuring", share=0.1), _Timed(seconds, "postprocess"):
            result = self._result(image, chosen, refined, assembled, parameters)
        short = [*located.warnings, *(text for kidney in refined.values() for text in kidney.warnings)]
        result.warnings.extend(dict.fromkeys(short))
        seconds["inference"] = seconds["localize"] + seconds["refine"]
        seconds["total"] = time.monotonic() - started
        result.provenance.seconds.update(seconds)
        return result

    def _refine(self, image: Image, located: Located, chosen: Chosen, parameters: Parameters, progress: Progress) -> dict[str, Refined]:
        ways = members(_MEMBERS[parameters.speed] or parameters.members, parameters.seed)
        total, done = len(ways) * max(1, len(chosen.sides)), 0

        def step() -> None:
            nonlocal done
            done += 1
            progress.update(done / total)

        refined = {}
        for side, number in chosen.sides.items():
            candidate = located.candidates[number - 1]
            mine = partial(owned, located, number, side if chosen.fused else "")
            refined[side] = self.refiner.segment(image, candidate.low_ras, candidate.high_ras, mine, ways, step)
        return refined

    def _result(self, image: Image, chosen: Chosen, refined: dict[str, Refined], assembled: Assembled, parameters: Parameters) -> Result:
        volumes = {
            key(side, target): kidney.member_ml[:, n].tolist() for side, kidney in refined.items() for n, target in enumerate(TARGETS)
        }
        with ThreadPoolExecutor(1) as beside:  # neither uses more than one core
            measuring = beside.submit(measure, assembled, image, parameters, volumes, self.conformal)
            uncertainty = uncertainty_maps(assembled, image)
            regions = places_to_review(assembled, uncertainty, image)
            measured = measuring.result()
        provenance = Provenance(
            module="renal",
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
            assembled.segments(),
            assembled.probability,
            uncertainty,
            measured.measurements,
            regions,
            provenance,
            [*chosen.warnings, *measured.warnings],
            {"notes": measured.notes, "member_volumes_ml": volumes, "conformal": self.conformal.to_dict()},
        )


def create(bundle: Path | None = None, device: str = "auto") -> RenalPipeline:
    """The pipeline with its networks loaded; None takes the bundle that ships.

    Raises:
        ModelError: if the bundle is missing or fails its check.
        InputError: if the device is not there.
    """
    path = bundle or Path(__file__).resolve().parent.parent / "Resources" / "Models" / BUNDLE
    return RenalPipeline(Bundle.open(path), choose_device(device))


def _load(bundle: Bundle, name: str, device: Device) -> Module:
    import torch

    network = build(bundle.inference["networks"][name])
    network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in bundle.state_dict(name).items()})
    if bundle.inference.get("instance_statistics"):
        normalize_by_instance(network)
    return network.eval().to(device=device.name, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


class _Timed:
    """Adds the seconds spent inside to a dictionary."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.started = time.monotonic()

    def __exit__(self, *_: Any) -> None:
        self.seconds[self.name] = self.seconds.get(self.name, 0.0) + time.monotonic() - self.started
