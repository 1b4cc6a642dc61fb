"""Where a network runs and in which precision."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from ..errors import InputError


@dataclass(frozen=True)
class Device:
    """A device that is there, with the precision for inference on it.

    Attributes:
        name: what torch calls it ("cpu", "cuda", "cuda:1", "mps").
        precision: type that convolutions are computed in; weights stay as they are.
    """

    name: str
    precision: torch.dtype = torch.float32

    @property
    def kind(self) -> str:
        """ "cpu", "cuda" or "mps"."""
        return self.name.partition(":")[0]

    @property
    def label(self) -> str:
        """For reports: the device and its model ("cuda (NVIDIA RTX A4000)")."""
        return f"{self.name} ({torch.cuda.get_device_name(self.name)})" if self.kind == "cuda" else self.name


def choose_device(wish: str = "auto") -> Device:
    """The device to run on.

    Args:
        wish: "auto" takes CUDA before MPS before CPU; or "cpu", "cuda", "cuda:1", "mps".

    Raises:
        InputError: if the device is not known or not there.

    The CPU computes in float32, which gives the same bytes each time. bfloat16 is a choice
    (``DEEPVOLUMETRY_CPU_PRECISION=bfloat16``) for processors that have it, see docs/decisions/0001-warm-worker.md.
    """
    kind, _, index = wish.partition(":")
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if kind == "auto":
        return choose_device("cuda" if has_cuda else "mps" if has_mps else "cpu")
    if kind == "cpu":
        wanted = os.environ.get("DEEPVOLUMETRY_CPU_PRECISION", "float32")
        return Device("cpu", torch.bfloat16 if wanted == "bfloat16" else torch.float32)
    if kind == "cuda":
        if not has_cuda or (index and (not index.isdigit() or int(index) >= torch.cuda.device_count())):
            raise InputError(
                f"There is no device “{wish}” that this PyTorch can use. Choose “auto” or “cpu”, or install PyTorch with CUDA."
            )
        return Device(wish, torch.bfloat16 if torch.cuda.get_device_capability(wish)[0] >= 8 else torch.float16)
    if kind == "mps":
        if not has_mps:
            raise InputError("There is no Apple graphics device here. Choose “auto” or “cpu”.")
        return Device("mps", torch.float16)
    raise InputError(f"There is no device “{wish}”. Choose auto, cpu, cuda or mps.")


@contextmanager
def inference(device: Device) -> Iterator[None]:
    """Run networks inside: no gradients, mixed precision where the device gains from it, and repeatable on the CPU."""
    with torch.inference_mode():
        if device.precision == torch.float32:
            yield
        else:
            with torch.autocast(device.kind, dtype=device.precision):
                yield


def free_memory(device: Device) -> None:
    """Give cached memory back to the device."""
    if device.kind == "cuda":
        torch.cuda.empty_cache()
    elif device.kind == "mps":
        torch.mps.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """True for the ways in which torch says that a device or the computer has no memory left."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text or "not enough memory" in text)
