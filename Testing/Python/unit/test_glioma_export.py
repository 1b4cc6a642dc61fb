"""Weights that ship: half precision where it holds them, with batch statistics of their own, and never broken."""

from __future__ import annotations

import json

import pytest
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.errors import InputError
from GliomaUncertaintyLib.networks import architecture, build
from GliomaUncertaintyLib.training import export as exporting

VARIANCE = "upcat_4.convs.conv_0.adn.N.running_var"


@pytest.fixture
def a_training(tmp_path):
    """The folder of a training whose weights the test may change before it is exported."""

    def make(**changed: torch.Tensor):
        state = build(architecture()).state_dict() | changed
        torch.save({"average": state, "state": {"step": 1, "seconds": 1.0, "slice": 1}}, tmp_path / "checkpoint.pt")
        (tmp_path / "config.json").write_text(json.dumps({"pack": "gone.npz"}))
        return tmp_path

    return make


def exported(training, **options):
    exporting.export(training, training / "bundle", training / "manifest.json", "1.0.0", **options)
    (training / "bundle" / "LICENSE").write_text("its own")
    return Bundle.open(training / "bundle", training / "manifest.json").state_dict("unet")


def test_a_variance_beyond_half_precision_survives(a_training):
    large = torch.full_like(build(architecture()).state_dict()[VARIANCE], 3e5)
    state = exported(a_training(**{VARIANCE: large}), batches=0)
    assert torch.equal(state[VARIANCE], large)
    assert state["final_conv.weight"].dtype == torch.float16


def test_statistics_are_those_of_the_weights_on_what_they_were_trained_on(a_training, monkeypatch):
    images = [torch.randn(2, 12, 32, 32, generator=torch.Generator().manual_seed(seed)) * 3 + 1 for seed in range(3)]
    monkeypatch.setattr(exporting, "samples_of", lambda training, count: images[:count])
    state = exported(a_training(), batches=3)
    network = build(architecture())
    network.load_state_dict({key: value.float() for key, value in state.items()})
    first = network.conv_0.conv_0.conv
    seen = torch.cat([first(image) for image in images])
    mean = state["conv_0.conv_0.adn.N.running_mean"]
    torch.testing.assert_close(mean, seen.mean((0, 2, 3)), atol=2e-3, rtol=2e-3)


def test_weights_that_are_not_finite_do_not_ship(a_training):
    with pytest.raises(InputError, match="not finite"):
        exported(a_training(**{VARIANCE: torch.full_like(build(architecture()).state_dict()[VARIANCE], torch.inf)}), batches=0)


def test_a_pack_that_is_gone_is_named(a_training):
    with pytest.raises(InputError, match=r"no training pack at gone\.npz"):
        exported(a_training())
