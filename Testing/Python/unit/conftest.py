"""A patient made of balls, networks that tell tissues by their brightness, a module with a bundle, a client of the worker."""

from __future__ import annotations

import json
import os
from pathlib import Path

import bundle_toys
import numpy as np
import pytest
import worker_toys

from DeepVolumetryLib.bundle import write_manifest
from DeepVolumetryLib.engine.client import WorkerClient
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.modules import ModuleEntry

KIDNEY_RADIUS_MM = 27.0
KIDNEYS_RAS = {"left": (-58.0, 5.0, 3.0), "right": (62.0, 2.0, -6.0)}
FAT_HU, KIDNEY_HU, BONE_HU = -100.0, 190.0, 700.0


def ball_phantom(grid: Image, kidneys=None, spine_r_mm: float = 2.0, radius_mm: float = KIDNEY_RADIUS_MM) -> Image:
    """CT of fat with bright balls for kidneys and a spine, drawn from RAS coordinates, so that any grid shows the same patient."""
    k, j, i = np.indices(grid.shape)
    r, a, s = (row[0] * i + row[1] * j + row[2] * k + row[3] for row in grid.ijk_to_ras[:3])
    blur = float(np.mean(grid.spacing))
    voxels = np.full(grid.shape, FAT_HU)
    for center in (KIDNEYS_RAS if kidneys is None else kidneys).values():
        distance = np.sqrt((r - center[0]) ** 2 + (a - center[1]) ** 2 + (s - center[2]) ** 2)
        voxels += (KIDNEY_HU - FAT_HU) * np.clip((radius_mm - distance) / blur + 0.5, 0, 1)
    bone = np.clip((14 - np.hypot(r - spine_r_mm, a + 55)) / blur + 0.5, 0, 1)
    voxels += (BONE_HU - FAT_HU) * bone
    voxels[np.hypot(r / 150, a / 100) > 1] = -1000  # air around the body
    return Image(np.rint(voxels).astype(np.int16), grid.ijk_to_ras, modality="CT", name="ball phantom")


def grid_over(spacing=(4.0, 4.0, 4.0), size=(80, 55, 36), direction=None) -> Image:
    """A grid whose middle is the origin."""
    direction = np.eye(3) if direction is None else np.asarray(direction, float)
    origin = -(direction * spacing) @ ((np.array(size) - 1) / 2)
    return Image.from_spacing(np.zeros(size[::-1], np.int16), spacing, origin, direction)


@pytest.fixture
def a_ball_phantom() -> Image:
    return ball_phantom(grid_over())


def brightness_classifier(boundaries: dict[int, float], classes: int = 5, sharpness: float = 20.0):
    """A 1x1x1 convolution that gives class 0 to dark voxels and each class of `boundaries` to those brighter than its HU.

    Classes must be listed from dark to bright; the others never win.
    """
    import torch

    layer = torch.nn.Conv3d(1, classes, 1)
    slope = torch.zeros(classes)
    offset = torch.full((classes,), -300.0)
    offset[0] = 0.0
    before_slope = before_offset = 0.0
    for number, (value, hounsfield) in enumerate(boundaries.items(), 1):
        brightness = (hounsfield - 50.0) / 130.0  # the scale of `intensity.normalized`
        slope[value] = sharpness * number
        offset[value] = before_offset + (before_slope - sharpness * number) * brightness
        before_slope, before_offset = float(slope[value]), float(offset[value])
    layer.weight.data = slope.reshape(classes, 1, 1, 1, 1)
    layer.bias.data = offset
    return layer.eval()


@pytest.fixture
def a_toy_bundle(tmp_path, monkeypatch) -> Path:
    """A bundle whose localizer and refiner call what is brighter than 45 HU kidney and parenchyma, and brighter than 300 HU spine."""
    from safetensors.torch import save_file

    from RenalParenchymaLib import pipeline
    from RenalParenchymaLib.labels import KIDNEY, LOCALIZER_CLASSES, PARENCHYMA, REFINER_CLASSES, SPINE

    monkeypatch.setattr(pipeline, "build", lambda arguments: brightness_classifier({1: 0.0}, arguments["classes"]))
    folder = tmp_path / "toy_kidneys"
    (folder / "models").mkdir(parents=True)
    (folder / "configs").mkdir()
    networks = {
        "localizer": (brightness_classifier({KIDNEY: 45, SPINE: 300}), LOCALIZER_CLASSES),
        "refiner": (brightness_classifier({PARENCHYMA: 45}), REFINER_CLASSES),
    }
    formats = {}
    for name, (network, labels) in networks.items():
        save_file(network.state_dict(), folder / "models" / f"{name}.safetensors")
        channel_def = {str(value): label for value, label in enumerate(labels)}
        formats[f"{name}_data_format"] = {
            "inputs": {"image": {"num_channels": 1}},
            "outputs": {"pred": {"num_channels": len(labels), "channel_def": channel_def}},
        }
    metadata = {"version": "0.0.1", "license": "Apache-2.0", "network_data_format": formats["refiner_data_format"], **formats}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "configs" / "inference.json").write_text(json.dumps({"networks": {name: {"classes": 5} for name in networks}}))
    return folder


@pytest.fixture
def a_toy_pipeline(a_toy_bundle):
    from RenalParenchymaLib.pipeline import create

    return create(a_toy_bundle, "cpu")


@pytest.fixture
def any_phantom():
    """Function of a grid, and of where kidneys and spine lie, that draws the phantom there."""
    return ball_phantom


@pytest.fixture
def any_grid():
    """Function of spacing, size and direction that gives a grid around the origin."""
    return grid_over


@pytest.fixture
def any_classifier():
    """Function of {class: HU from which on it is chosen} that gives a network."""
    return brightness_classifier


@pytest.fixture
def a_home_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def a_bundle(tmp_path):
    return bundle_toys.make_bundle(tmp_path / "mine" / "my_kidneys")


@pytest.fixture
def a_module(tmp_path, monkeypatch):
    """An installed module with one bundle that ships."""
    root = tmp_path / "installed"
    (root / "BundleToyLib").mkdir(parents=True)
    (root / "BundleToyLib" / "__init__.py").touch()
    shipped = bundle_toys.make_bundle(root / "Resources" / "Models" / "shipped_kidneys")
    write_manifest(root / "Resources" / "BundleToy" / "manifest.json", [shipped])
    monkeypatch.syspath_prepend(root)
    return ModuleEntry("bundletoy", "BundleToy", "BundleToyLib")


@pytest.fixture
def the_toy_is_installed(monkeypatch):
    monkeypatch.syspath_prepend(worker_toys.TOY_FOLDER)


@pytest.fixture
def a_client():
    with WorkerClient() as client:
        yield client


@pytest.fixture
def a_volume():
    voxels = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    return Image.from_spacing(voxels, (1, 2, 3), modality="CT", uid="1.2.3", name="phantom")


@pytest.fixture
def no_block_is_left():
    yield
    assert not worker_toys.blocks_of(os.getpid())
