"""Arrays in shared memory: one named block per direction of a run.

Whoever opens a block takes its name away at once (POSIX), so that it is freed when its last user ends, however that
ends. The arrays that come out of a block keep it mapped for as long as any of them lives; nothing is copied. A mask
that is empty but for a box, as those of organs are, is sent as its box: that is quicker, and the rest takes no memory.

multiprocessing's resource tracker is kept out: before Python 3.13 it frees blocks that another process still uses, and
it starts ``sys.executable``, which inside Slicer is Slicer itself. Names are passed to `discard` instead.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ResourceError
from ..zeros import lazy_zeros

_ALIGNMENT = 64
_PREFIX = "dvol"
_LEAST_BOXED_BYTES = 1 << 20
_tracker_lock = threading.Lock()


def new_name() -> str:
    """A name for a block; short, because macOS allows 30 characters."""
    return f"{_PREFIX}{os.getpid()}_{secrets.token_hex(4)}"


def write(name: str, arrays: Sequence[NDArray[Any]], boxes: bool = False) -> tuple[SharedMemory, list[dict[str, Any]]]:
    """Copy arrays into a new block.

    Args:
        name: from `new_name`.
        arrays: of numbers, any shape and layout.
        boxes: whether to look for arrays that are zero outside a box.

    Returns:
        the block, to be kept until the reader has opened it, and where each array lies, ready for JSON.

    Raises:
        ResourceError: if there is not enough memory.
        TypeError: if an array holds Python objects.
    """
    whole = [(array.shape, _filled_box(array) if boxes else None) for array in arrays]
    arrays = [array if box is None else array[box] for array, (_, box) in zip(arrays, whole, strict=True)]
    places, size = _layout(arrays)
    for place, (shape, box) in zip(places, whole, strict=True):
        if box is not None:
            place["whole"] = [list(shape), [[axis.start, axis.stop] for axis in box]]
    shm = Path("/dev/shm")
    # Writing past what the file system has kills the process instead of raising.
    if shm.is_dir() and shutil.disk_usage(shm).free < size:
        advice = "Crop the image; in a container, give it more (docker run --shm-size=8g)."
        raise ResourceError(f"The images need {size / 1e6:.0f} MB of shared memory, more than is free. {advice}")
    try:
        memory = _open(name, size)
    except OSError as error:
        raise ResourceError(f"{size / 1e6:.0f} MB of shared memory could not be had. Close other programs, or crop the image.") from error
    for array, place in zip(arrays, places, strict=True):
        _view(memory, place)[...] = array
    return memory, places


def read(name: str, places: Sequence[dict[str, Any]]) -> list[NDArray[Any]]:
    """Arrays of a block that another process wrote. They may be written to; the block goes when the last of them does.

    Raises:
        FileNotFoundError: if there is no such block.
    """
    memory = _open(name)
    _unlink(memory)
    return [_whole(_view(memory, place), place.get("whole")) for place in places]


def discard(name: str) -> None:
    """Free the block of that name if it still has it; arrays that were read from it stay valid."""
    with suppress(FileNotFoundError):
        _unlink(_open(name))


def _layout(arrays: Sequence[NDArray[Any]]) -> tuple[list[dict[str, Any]], int]:
    places, end = [], 0
    for array in arrays:
        if array.dtype.hasobject:
            raise TypeError("an array of Python objects cannot be shared")
        places.append({"offset": end, "shape": list(array.shape), "dtype": array.dtype.str})
        end += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    return places, max(end, 1)


def _filled_box(array: NDArray[Any]) -> tuple[slice, slice] | None:
    """Slices and rows outside of which a volume has zero bytes only; None if it is small or they are more than half of it."""
    if array.ndim != 3 or array.nbytes < _LEAST_BOXED_BYTES or not array.flags.c_contiguous:
        return None
    filled = array.view(np.uint8).max(axis=2) > 0
    box = []
    for axis in (0, 1):
        at = np.flatnonzero(filled.any(axis=1 - axis))
        box.append(slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(0, 0))
    return (box[0], box[1]) if 2 * array[box[0], box[1]].size < array.size else None


def _whole(part: NDArray[Any], whole: list[Any] | None) -> NDArray[Any]:
    if whole is None:
        return part
    shape, box = whole
    array = lazy_zeros(tuple(shape), part.dtype)
    array[tuple(slice(*ends) for ends in box)] = part
    return array


class _Window:
    """Part of a block, as numpy's array interface. Arrays hold the window, and the window holds the block."""

    def __init__(self, memory: SharedMemory, place: dict[str, Any]) -> None:
        self.memory = memory
        assert memory.buf is not None
        address = np.frombuffer(memory.buf, np.uint8).__array_interface__["data"][0]
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(place["shape"]),
            "typestr": place["dtype"],
            "data": (address + place["offset"], False),
        }


def _view(memory: SharedMemory, place: dict[str, Any]) -> NDArray[Any]:
    return np.asarray(_Window(memory, place))


def _open(name: str, create_with_size: int = 0) -> SharedMemory:
    create = create_with_size > 0
    if sys.version_info >= (3, 13):
        return SharedMemory(name, create=create, size=create_with_size, track=False)
    with _without_tracker():
        return SharedMemory(name, create=create, size=create_with_size)


def _unlink(memory: SharedMemory) -> None:
    with suppress(FileNotFoundError), _without_tracker():
        memory.unlink()


def _ignore(name: Sized, rtype: str) -> None:
    pass


@contextmanager
def _without_tracker() -> Iterator[None]:
    """Blocks opened or unlinked inside are not reported to the resource tracker."""
    with _tracker_lock:
        saved = resource_tracker.register, resource_tracker.unregister
        resource_tracker.register = resource_tracker.unregister = _ignore
        try:
            yield
        finally:
            resource_tracker.register, resource_tracker.unregister = saved
