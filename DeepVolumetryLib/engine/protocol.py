"""What client and worker say to each other: one JSON object a line, arrays apart in shared memory.

To the worker: ``run`` (id, module, images, parameters, bundle, device, names of the blocks), ``release`` (the result
was taken over), ``quit``. From the worker: ``started`` (the images were taken over), ``progress``, ``result``, ``error``.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

Message = dict[str, Any]

BUSY = "A run is already under way. Wait for it to end, or cancel it."

# By name, so that the client can be imported without SimpleITK.
_CLASSES = {
    "Code": "result",
    "Image": "image",
    "Measurement": "measure.measurement",
    "Provenance": "result",
    "Result": "result",
    "ReviewRegion": "uncertainty.regions",
    "SegmentSpec": "result",
}


def to_line(message: Message) -> bytes:
    """One message as it goes over the pipe."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def from_line(line: bytes) -> Message | None:
    """The message of a line; None if it is none, e.g. what a library printed."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None


def encode(value: Any, arrays: list[NDArray[Any]], known: Mapping[str, NDArray[Any]] | None = None) -> Any:
    """A value as JSON; `decode` is its inverse.

    Args:
        value: numbers, text, None, lists, tuples, dictionaries, arrays and the classes that travel (`Result`, `Image`, …).
        arrays: the arrays found are appended here.
        known: arrays that the other side has; they are named instead of sent.

    Raises:
        TypeError: if there is anything else in it.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        for name, array in (known or {}).items():
            if _same_memory(value, array):
                return {"$known": name}
        arrays.append(value)
        return {"$array": len(arrays) - 1}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, list):
        return [encode(item, arrays, known) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [encode(item, arrays, known) for item in value]}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: encode(item, arrays, known) for key, item in value.items()}
        return {"$map": [[encode(key, arrays, known), encode(item, arrays, known)] for key, item in value.items()]}
    name = type(value).__name__
    if is_dataclass(value) and name in _CLASSES and type(value) is _class(name):
        return {
            "$class": name,
            "fields": {field.name: encode(getattr(value, field.name), arrays, known) for field in fields(value) if field.init},
        }
    raise TypeError(
        f"{type(value).__module__}.{name} cannot travel between the worker and its client; use numbers, text, lists or dictionaries"
    )


def decode(value: Any, arrays: Sequence[NDArray[Any]], known: Mapping[str, NDArray[Any]] | None = None) -> Any:
    """The value that was encoded; arrays are taken from ``arrays`` and ``known`` as they are, not copied."""
    if isinstance(value, list):
        return [decode(item, arrays, known) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    if "$known" in value:
        return (known or {})[value["$known"]]
    if "$tuple" in value:
        return tuple(decode(item, arrays, known) for item in value["$tuple"])
    if "$map" in value:
        return {decode(key, arrays, known): decode(item, arrays, known) for key, item in value["$map"]}
    if "$class" in value:
        return _class(value["$class"])(**{key: decode(item, arrays, known) for key, item in value["fields"].items()})
    return {key: decode(item, arrays, known) for key, item in value.items()}


def _same_memory(a: NDArray[Any], b: NDArray[Any]) -> bool:
    mine, other = a.__array_interface__, b.__array_interface__
    return a.size > 0 and a.strides == b.strides and all(mine[key] == other[key] for key in ("data", "shape", "typestr"))


@lru_cache
def _class(name: str) -> Any:
    module = importlib.import_module(f"{__package__.rpartition('.')[0]}.{_CLASSES[name]}")
    return getattr(module, name)
