"""Run modules one after the other with their networks kept loaded. The worker has one session; so may any program."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bundle.store import open_bundle
from ..errors import InputError, ResourceError
from . import memory
from .pipeline import InputSpec, lacking

if TYPE_CHECKING:
    from ..modules import ModuleEntry
    from ..result import Result
    from .pipeline import Images, Pipeline
    from .progress import RunProgress

# Two modules at most stay loaded: going back and forth is quick, and memory does not grow.
_MAX_LOADED = 2
_COLD_SHARE = 0.15
_BYTES_PER_VOXEL = 16


class Session:
    """Loads pipelines when they are first needed and runs them."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[tuple[str, str, str, str], Pipeline] = OrderedDict()

    def run(
        self,
        entry: ModuleEntry,
        images: Images,
        parameters: Mapping[str, Any],
        progress: RunProgress,
        bundle: Path | None = None,
        device: str = "auto",
    ) -> Result:
        """Check, load if need be, and run.

        Args:
            entry: the module.
            images: by the names of the pipeline's inputs.
            parameters: values for the module's `Parameters`; what is left out keeps its default.
            progress: told about phases; loading is the first one.
            bundle: folder or name of the bundle; the one that ships if None.
            device: "auto", "cpu", "cuda" or "mps".

        Returns:
            the pipeline's result, whose provenance has the seconds for import, load and total and the peak memory too.

        Raises:
            InputError: if an image or a parameter cannot be used.
            ModelError: if the model is missing or fails its check.
            ResourceError: if there is not enough memory.
            Cancelled: if the user cancelled.
        """
        began = time.perf_counter()
        memory.reset_peak()
        values = entry.parameters(dict(parameters))
        if bundle is not None:
            bundle = open_bundle(entry, bundle).path
        memory.require_memory(_BYTES_PER_VOXEL * sum(image.voxels.size for image in images.values()), "these images")
        try:
            pipeline, seconds = self._pipeline(entry, bundle, device, progress)
            check_inputs(pipeline.inputs, images)
            with progress.phase("", share=1.0):
                result = pipeline.run(images, values, progress)
        except MemoryError as error:
            raise ResourceError("The memory was not enough for this image. Close other programs, or crop the image.") from error
        seconds = {**result.provenance.seconds, **seconds, "total": time.perf_counter() - began}
        result.provenance = replace(result.provenance, seconds=seconds, peak_memory_mb=memory.peak_memory_mb())
        return result

    def _pipeline(self, entry: ModuleEntry, bundle: Path | None, device: str, progress: RunProgress) -> tuple[Pipeline, dict[str, float]]:
        """The pipeline, loaded or remembered, and the seconds that importing and loading took."""
        key = (entry.library, str(bundle or ""), device, _fingerprint(bundle))
        if key in self._loaded:
            self._loaded.move_to_end(key)
            return self._loaded[key], {"import": 0.0, "load": 0.0}
        began = time.perf_counter()
        with progress.phase("Loading the model", share=_COLD_SHARE, steady=False):
            library = entry.submodule("pipeline")
            imported = time.perf_counter()
            progress.update(0.5)
            while len(self._loaded) >= _MAX_LOADED:
                self._loaded.popitem(last=False)
            self._loaded[key] = library.create(bundle, device)
        return self._loaded[key], {"import": imported - began, "load": time.perf_counter() - imported}


def check_inputs(inputs: tuple[InputSpec, ...], images: Images) -> None:
    """Raise InputError unless the images are the ones that a pipeline takes.

    An image of unknown modality passes: many files do not say.
    """
    names = [spec.name for spec in inputs]
    unknown = sorted(set(images) - set(names))
    if unknown:
        raise InputError(f"There is no input “{unknown[0]}”. The inputs are: {', '.join(names)}.")
    missing = lacking(inputs, images)
    if missing:
        modalities = next(spec.modalities for spec in inputs if spec.name == missing[0])
        one, it = " or ".join(f"“{name}”" for name in missing), "it" if len(missing) == 1 else "one of them"
        raise InputError(f"The input {one} is missing. Choose {_article(modalities)} image for {it}.")
    for spec in inputs:
        if spec.name not in images:
            continue
        modality = images[spec.name].modality
        if modality and spec.modalities and modality not in spec.modalities:
            raise InputError(f"The input “{spec.name}” is {modality}, but must be {' or '.join(spec.modalities)}. Choose another image.")


def _article(modalities: tuple[str, ...]) -> str:
    return f"a {' or '.join(modalities)}" if modalities else "an"


def _fingerprint(bundle: Path | None) -> str:
    """Changes when a bundle is replaced by another of the same name."""
    if bundle is None:
        return ""
    files = sorted(path for path in Path(bundle).rglob("*") if path.is_file())
    return ";".join(f"{path.name}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in files)
