"""What is measured again after an edit or a review; the panel, the viewer and scripts ask here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from DeepVolumetryLib.bundle import find_bundle
from DeepVolumetryLib.modules import ModuleEntry, find

from .measurements import measure_spleen, remeasure
from .parameters import Parameters

if TYPE_CHECKING:
    from DeepVolumetryLib.result import Result


def measure(result: Result, module: str | ModuleEntry = "spleen") -> Any:
    """Measure the outlines of a result afresh; what is returned is handed to `measure_again`.

    Raises:
        ModelError: if the bundle that made the result is not installed.
    """
    parameters = Parameters.from_dict(result.provenance.parameters)
    return measure_spleen(result, parameters, _estimators(module, result.provenance.model_name))


def measure_again(
    result: Result,
    measured: Any,
    changed: Iterable[str] | None = None,
    reviewed: Any = None,
    parameters: Mapping[str, Any] | None = None,
) -> Any:
    """The measurements after an edit (keys of the segments in ``changed``) or with other facts about the patient."""
    del reviewed  # the regions of the result say what was reviewed
    values = None
    if parameters is not None:
        result.provenance.parameters.update(parameters)
        values = Parameters.from_dict(dict(parameters))
    return remeasure(result, measured, values, changed)


@lru_cache(maxsize=2)
def _estimators(module: str | ModuleEntry, name: str) -> Any:
    """Those of the bundle that made the result, loaded once."""
    return find(module).submodule("model").volume_model(find_bundle(module, name))
