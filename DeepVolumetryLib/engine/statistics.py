"""Which statistics batch normalization uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Module


def normalize_by_instance(network: Module) -> None:
    """Make batch normalization use each image's own statistics, as it did in training with one image a batch.

    Contrast differs so much between scans that running statistics over all of them describe none (docs/decisions/0004).
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = None
