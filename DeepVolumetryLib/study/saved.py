"""What a scene file must hold beside its visible nodes so that a result can be reviewed on: as text, cut to where something is.

Two parts: the heavy one is written once after a run (masks as the model drew them, probabilities), the light one after every change
(decisions of the review, facts of the module). Masks as they are now are in the segmentation.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..measure.volumes import bounding_box
from ..result import Code, Provenance, Result, SegmentSpec
from ..uncertainty.regions import ReviewRegion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..image import Image

SCHEMA = 1
_SETTLED = 0.005
"""Below it, and as far above 1, a probability is kept as 0 or 1: such voxels are not at stake, see `uncertainty.stake.SETTLED`."""
_STEPS = 65535


def heavy(result: Result) -> str:
    """The part of a result that no edit and no review changes, as text."""
    return json.dumps({"schema": SCHEMA, "parts": {name: _part(part) for name, part in result.parts.items()}}, default=str)


def light(result: Result) -> str:
    """What edits and reviews change, as text."""
    parts = {name: {"reviewed": [region.reviewed for region in part.regions], "extras": part.extras} for name, part in result.parts.items()}
    return json.dumps({"parts": parts}, default=_plain)


def part_names(text: str) -> list[str]:
    """Names of the parts of a result ("" and its companions).

    Raises:
        ValueError: if the text is not of this version.
    """
    return list(_read(text)["parts"])


def titles(text: str, part: str) -> tuple[list[str], list[str]]:
    """The targets that have an uncertainty map and the names of the further maps of a part."""
    values = _read(text)["parts"][part]
    return values["targets"], values["maps"]


def from_text(heavy_text: str, light_text: str, images: Mapping[str, Image]) -> Result:
    """The result with the masks as the model drew them and everything that was decided since; without uncertainty and further maps.

    Args:
        heavy_text, light_text: from `heavy` and `light`.
        images: name of the part -> the image that it lies on.

    Raises:
        ValueError: if the text is not of this version, or an image is another one.
    """
    parts, changed = _read(heavy_text)["parts"], json.loads(light_text)["parts"]
    found = {name: _result(values, changed[name], images[name]) for name, values in parts.items()}
    result = found.pop("")
    result.companions = found
    return result


def _read(text: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text)
    if values.get("schema") != SCHEMA:
        raise ValueError(f"schema {values.get('schema')} is not {SCHEMA}")
    return values


def _part(result: Result) -> dict[str, Any]:
    return {
        "shape": list(result.image.shape),
        "specs": [asdict(spec) for spec in result.specs],
        "provenance": asdict(result.provenance),
        "warnings": list(result.warnings),
        "regions": [asdict(region) for region in result.regions],
        "targets": list(result.uncertainty),
        "maps": list(result.maps),
        "segments": {key: _packed(np.asarray(mask, bool)) for key, mask in result.segments.items()},
        "probability": {target: _packed(p) for target, p in result.probability.items()},
    }


def _result(values: Mapping[str, Any], changed: Mapping[str, Any], image: Image) -> Result:
    shape = tuple(values["shape"])
    if image.shape != shape:
        raise ValueError(f"the image has the shape {image.shape}, the result {shape}")
    regions = [_region(each, reviewed) for each, reviewed in zip(values["regions"], changed["reviewed"], strict=True)]
    return Result(
        image=image,
        specs=tuple(_spec(each) for each in values["specs"]),
        segments={key: _unpacked(each, shape) > 0 for key, each in values["segments"].items()},
        probability={target: _unpacked(each, shape) for target, each in values["probability"].items()},
        uncertainty={},
        measurements=[],
        regions=regions,
        provenance=Provenance(**values["provenance"]),
        warnings=list(values["warnings"]),
        extras=dict(changed["extras"]),
    )


def _packed(values: NDArray[Any]) -> dict[str, Any]:
    """A mask or a probability (K, J, I), cut to its box."""
    isMask = values.dtype == bool
    box = bounding_box(values if isMask else values >= _SETTLED)
    if box is None:
        return {"box": None}
    part = values[box]
    if not isMask:
        part = np.where(part < _SETTLED, 0, np.where(part > 1 - _SETTLED, 1, part))
    steps = part.astype(np.uint8) if isMask else np.rint(part * _STEPS).astype("<u2")
    data = base64.b64encode(zlib.compress(steps.tobytes(), 1)).decode("ascii")
    return {"box": [[s.start, s.stop] for s in box], "kind": steps.dtype.str, "data": data}


def _unpacked(packed: Mapping[str, Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = np.zeros(shape, np.float32)
    if packed["box"] is None:
        return values
    box = tuple(slice(*edges) for edges in packed["box"])
    kind = np.dtype(packed["kind"])
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), kind).reshape(values[box].shape)
    values[box] = steps if kind.itemsize == 1 else steps / np.float32(_STEPS)
    return values


def _spec(values: Mapping[str, Any]) -> SegmentSpec:
    coded = ("category", "type", "modifier", "region", "region_modifier")
    codes = {name: Code(**values[name]) if values[name] else None for name in coded}
    return SegmentSpec(**{**values, **codes, "color": tuple(values["color"])})


def _region(values: Mapping[str, Any], reviewed: str) -> ReviewRegion:
    box = tuple(tuple(corner) for corner in values["box_kji"])
    return ReviewRegion(**{**values, "center_ras_mm": tuple(values["center_ras_mm"]), "box_kji": box, "reviewed": reviewed})


def _plain(value: Any) -> Any:
    """Numbers of numpy as numbers, arrays as lists, all else as words."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)
