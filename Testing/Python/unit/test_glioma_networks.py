from __future__ import annotations

import json

import pytest
import torch

from GliomaUncertaintyLib.networks import STRIDE, architecture, build, fused, nested


@pytest.fixture
def a_network():
    """Random weights, and statistics as after some training."""
    torch.manual_seed(0)
    network = build(architecture())
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(2, 12, 2 * STRIDE, STRIDE) * 2 + 1)
    return network.eval()


def test_a_slice_of_three_times_four_channels_gives_three_outputs(a_network):
    with torch.inference_mode():
        assert a_network(torch.randn(2, 12, 3 * STRIDE, STRIDE)).shape == (2, 3, 3 * STRIDE, STRIDE)


def test_targets_are_nested_whatever_the_network_says():
    probability = nested(torch.randn(2, 3, 8, 8) * 10)
    whole, core, enhancing = probability.unbind(1)
    assert (enhancing <= core).all() and (core <= whole).all()
    assert probability.min() >= 0 and probability.max() <= 1


def test_folding_the_normalization_changes_nothing_but_rounding(a_network):
    batch = torch.randn(1, 12, 2 * STRIDE, 2 * STRIDE)
    with torch.inference_mode():
        before = a_network(batch)
        after = fused(a_network)(batch)
    assert not [layer for layer in a_network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def test_dropout_survives_the_folding(a_network):
    layers = [layer for layer in fused(a_network).modules() if isinstance(layer, torch.nn.Dropout)]
    assert layers and all(layer.p == pytest.approx(0.1) for layer in layers)


def test_the_architecture_can_be_written_to_a_bundle_and_read_back():
    again = json.loads(json.dumps(architecture("unet_2")))
    assert build(again).state_dict().keys() == build(architecture()).state_dict().keys()


def test_the_weights_fit_in_ten_megabytes():
    assert sum(values.numel() * 2 for values in build(architecture()).state_dict().values()) < 10e6


def test_another_network_is_refused():
    with pytest.raises(ValueError, match="no network"):
        architecture("localizer")
