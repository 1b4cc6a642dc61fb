"""USDM: pictures that keep to their layout; training that goes on; weights that come back from a bundle."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.errors import InputError
from SpleenVolumeLib.diffusion import Diffusion
from SpleenVolumeLib.diffusion.framing import Frame, one_hot
from SpleenVolumeLib.diffusion.network import SIZE, Denoiser, architecture, pack
from SpleenVolumeLib.training import train
from SpleenVolumeLib.training.pictures import Pictures
from SpleenVolumeLib.training.ultrasound_export import export_usdm


@pytest.fixture
def a_spleen() -> np.ndarray:
    """An ellipse of 110 × 44 mm on the 1 mm grid."""
    y, x = np.mgrid[-128:128, -128:128] + 0.5
    return (x / 55) ** 2 + (y / 22) ** 2 < 1


def _small() -> Denoiser:
    torch.manual_seed(0)
    return Denoiser({**architecture(), "channels": [16, 16], "attention_levels": [False, False], "num_head_channels": 16})


@pytest.fixture
def some_pictures(tmp_path):
    """A folder with four packed pictures of a bright square in a gray one."""
    gray, fan, spleen = np.zeros((4, 192, 192), np.uint8), np.zeros((4, 192, 192), bool), np.zeros((4, 192, 192), np.uint8)
    fan[:, 20:160, 30:170] = True
    gray[fan] = 70
    gray[:, 60:110, 60:130], spleen[:, 60:110, 60:130] = 180, 255
    Pictures(gray, fan, spleen, np.zeros(4, np.uint8)).save(tmp_path / "pictures" / "pictures_000.npz")
    return tmp_path / "pictures"


def test_a_picture_keeps_to_its_layout(a_spleen):
    made = Diffusion(_small()).simulate(a_spleen, np.random.default_rng(0), steps=3)
    assert made.gray.shape == (SIZE, SIZE) and not made.gray[~made.fan].any()
    assert made.spleen.sum() * made.pixel_mm[0] * made.pixel_mm[1] == pytest.approx(a_spleen.sum(), rel=0.03)
    again = Diffusion(_small()).simulate(a_spleen, np.random.default_rng(0), steps=3)
    assert np.array_equal(made.gray, again.gray)


def test_the_layout_of_a_pixel_sums_to_one_and_a_frame_keeps_sizes():
    fan = np.zeros((192, 192))
    fan[10:130, 40:160] = 1
    spleen = np.zeros_like(fan)
    spleen[50:80, 60:140] = 1
    frame = Frame.of(fan > 0)
    layout = one_hot(frame.cut(fan), frame.cut(spleen))
    assert np.allclose(layout.sum(0), 1)
    step = frame.pixel_mm(1.5)
    assert layout[2].sum() * step**2 == pytest.approx(30 * 80 * 1.5**2, rel=0.02)


def test_the_network_hears_the_time_and_the_layout():
    network = _small().eval()
    picture, layout = torch.zeros(1, 1, SIZE, SIZE), torch.zeros(1, 3, SIZE, SIZE)
    layout[:, 1] = 1
    other = torch.zeros_like(layout)
    other[:, 2] = 1
    with torch.no_grad():
        for weight in network.parameters():  # MONAI starts the last layer at zero
            if not weight.any():
                weight.normal_(0, 0.05)
        answers = [network(pack(picture, each, torch.tensor([step]))) for each, step in ((layout, 10), (layout, 900), (other, 10))]
    assert not torch.allclose(answers[0], answers[1]) and not torch.allclose(answers[0], answers[2])


def test_training_goes_on_where_it_was_and_its_weights_ship(tmp_path, some_pictures):
    config = {"network": "usdm", "pictures": str(some_pictures), "batch": 1, "total_minutes": 0.2}
    first = train(config, tmp_path / "run", False, 0.03)
    second = train(config, tmp_path / "run", True, 0.03)
    assert second["step"] > first["step"] > 0
    with pytest.raises(InputError, match="--resume"):
        train(config, tmp_path / "run", False, 0.01)
    size = export_usdm(tmp_path / "run", tmp_path / "spleen_usdm", tmp_path / "manifest.json", "0.0.1")
    assert size["bytes"] < 10_000_000
    (tmp_path / "spleen_usdm" / "LICENSE").write_text("CC BY 4.0", encoding="utf-8")
    loaded = Diffusion.from_bundle(Bundle.open(tmp_path / "spleen_usdm"))
    layouts = np.zeros((1, 3, SIZE, SIZE), np.float32)
    layouts[:, 1] = 1
    assert loaded.sample(layouts, steps=2).shape == (1, SIZE, SIZE)
    assert "pictures" not in json.loads((tmp_path / "spleen_usdm" / "configs" / "metadata.json").read_text())["training"]["usdm"]["config"]


def test_wrong_settings_are_told(tmp_path, some_pictures):
    with pytest.raises(InputError, match="no setting 'steps'"):
        train({"network": "usdm", "pictures": str(some_pictures), "steps": 3}, tmp_path / "run", True, 0.01)
    with pytest.raises(InputError, match="There are no pictures in"):
        train({"network": "usdm", "pictures": str(tmp_path)}, tmp_path / "run", True, 0.01)
