"""What is measured again after an edit or a review; the panel, the viewer and scripts ask here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from DeepVolumetryLib.uncertainty.conformal import ConformalTable

from .measurements import measure_glioma, remeasure
from .nesting import KEYS, nested_after_edit
from .parameters import Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.image import Image
    from DeepVolumetryLib.result import Result


def measure(result: Result) -> Any:
    """Measure the masks of a result afresh; what is returned is handed to `measure_again`."""
    return measure_glioma(
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
    """The measurements after an edit (keys of the segments in ``changed``) or a review (voxels that count as certain, (K, J, I))."""
    del parameters  # nothing that is measured depends on the patient
    return remeasure(result.segments, result.image, measured, reviewed, changed)


def fitting_masks(
    result: Result, masks: Mapping[str, NDArray[np.bool_]], changed: Iterable[str], part: Image | None = None
) -> Mapping[str, NDArray[np.bool_]]:
    """Masks that must follow an edit of others: the targets contain each other.

    Args:
        result: not looked at.
        masks: segment key -> mask in a box that holds all segments, the edited ones as they are now.
        changed: keys of the segments that were edited.
        part: not looked at.
    """
    del result, part
    nothing = np.zeros_like(next(iter(masks.values())))
    return nested_after_edit({key: masks.get(key, nothing) for key in KEYS}, changed)
