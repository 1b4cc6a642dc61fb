"""What is measured again after an edit or a review; the panel, the viewer and scripts ask here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from DeepVolumetryLib.uncertainty.conformal import ConformalTable

from .measurements import measure_kidneys, remeasure
from .nesting import nested_after_edit
from .parameters import Parameters
from .segments import TOTALS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.result import Result


def names() -> dict[str, str]:
    """What to call measured things that are no segments."""
    return TOTALS


def measure(result: Result) -> Any:
    """Measure the masks of a result afresh; what is returned is handed to `measure_again`."""
    return measure_kidneys(
        result.segments,
        result.image,
        Parameters.from_dict(result.provenance.parameters),
        result.probability,
        result.extras.get("member_volumes_ml"),
        ConformalTable.from_dict(result.extras.get("conformal", {})),
    )


def measure_again(
    result: Result,
    measured: Any,
    changed: Iterable[str] | None = None,
    reviewed: NDArray[Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Any:
    """The measurements after an edit, a review or with other facts about the patient.

    Args:
        result: its masks as they are now.
        measured: what `measure` or the last call returned.
        changed: keys of the segments that were edited.
        reviewed: voxels that count as certain, (K, J, I).
        parameters: None if they are the same.
    """
    if parameters is not None:
        measured = replace(measured, parameters=Parameters.from_dict(dict(parameters)))
    return remeasure(result.segments, result.image, measured, reviewed, changed)


def fitting_masks(
    result: Result, masks: Mapping[str, NDArray[np.bool_]], changed: Iterable[str], part: Image | None = None
) -> Mapping[str, NDArray[np.bool_]]:
    """Masks that must follow an edit of others: a kidney contains its parts, and these do not overlap.

    Args:
        result: not looked at.
        masks: segment key -> mask in a box that holds all segments, the edited ones as they are now.
        changed: keys of the segments that were edited.
        part: not looked at.
    """
    del result, part
    return nested_after_edit(masks, set(changed))
