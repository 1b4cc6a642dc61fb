"""Weights of a training as a bundle keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError


def save_weights(state: Mapping[str, Tensor], path: Path) -> dict[str, int]:
    """Write a state dict as safetensors: weights in half precision, batch statistics as they are.

    Half precision ends at 65504, and a variance may be larger: stored so, it would become infinite and the network give nothing but nan.

    Args:
        state: of a network, such as the averaged one of a training.
        path: of the file; its folder is made if need be.

    Raises:
        InputError: if there are numbers that are not finite, as they are or in half precision; nothing is written.

    Returns:
        "parameters", without batch statistics, and "bytes" of the file.
    """
    from safetensors.torch import save_file

    stored = {key: value.half() if value.is_floating_point() and "running_" not in key else value for key, value in state.items()}
    broken = [key for key, value in stored.items() if not torch.isfinite(value).all()]
    if broken:
        raise InputError(f"The weights for {path.name} hold numbers that are not finite ({broken[0]}). Train again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in stored.items()}, path)
    path.chmod(0o644)
    return {"parameters": sum(value.numel() for key, value in stored.items() if "running_" not in key), "bytes": path.stat().st_size}
