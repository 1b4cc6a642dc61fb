"""Weights on their way from a training into a bundle."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.training.weights import save_weights


def test_a_variance_beyond_half_precision_is_kept(tmp_path):
    network = torch.nn.BatchNorm2d(2)
    network.running_var.fill_(1e6)
    sizes = save_weights(network.state_dict(), tmp_path / "models" / "unet.safetensors")
    saved = load_file(tmp_path / "models" / "unet.safetensors")
    assert saved["weight"].dtype == torch.float16 and saved["running_var"].dtype == torch.float32
    assert float(saved["running_var"][0]) == 1e6
    assert sizes == {"parameters": 5, "bytes": (tmp_path / "models" / "unet.safetensors").stat().st_size}


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_weights_that_would_not_be_finite_are_refused(tmp_path, value):
    with pytest.raises(InputError, match=r"unet.safetensors hold numbers that are not finite \(weight\)"):
        save_weights({"weight": torch.tensor([value])}, tmp_path / "unet.safetensors")
    assert not (tmp_path / "unet.safetensors").exists()
