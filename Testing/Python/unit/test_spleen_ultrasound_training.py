"""Training on simulated pictures, the weights that come out of it, and studies that are synthesized with known truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from SpleenVolumeLib.segmentation_network import PIXEL_MM, build
from SpleenVolumeLib.shapes import ShapeGenerator
from SpleenVolumeLib.synthesis import shape_of, synthesize_study
from SpleenVolumeLib.training import train
from SpleenVolumeLib.training.augment import varied
from SpleenVolumeLib.training.pictures import SIZE, Pictures, make_part, make_pictures
from SpleenVolumeLib.training.segmentation import dice_and_entropy
from SpleenVolumeLib.training.ultrasound_export import export_unet


@pytest.fixture(scope="module")
def some_pictures(tmp_path_factory):
    """A folder with the pictures of one shape."""
    folder = tmp_path_factory.mktemp("pictures")
    assert make_pictures(folder, [0], 1, ["vh_male"], seed=3) == 1
    assert make_pictures(folder, [0], 1, ["vh_male"], seed=3) == 0  # it is there already
    return folder


def test_pictures_lie_on_the_networks_grid_with_their_truth(some_pictures):
    packed = Pictures.load(some_pictures)
    assert packed.gray.shape == packed.fan.shape == packed.spleen.shape == (4, SIZE, SIZE)
    assert packed.view.tolist() == [0, 1, 0, 1]
    assert not packed.gray[~packed.fan].any()
    area = (packed.spleen / 255).sum((1, 2)) * PIXEL_MM**2
    assert (area > 1000).all() and (area < 40000).all()


def test_the_same_seed_gives_the_same_pictures():
    generator = ShapeGenerator(leave_out=("vh_male",))
    first, second = (make_part(generator, 1, 7) for _ in range(2))
    assert np.array_equal(first.gray, second.gray) and np.array_equal(first.spleen, second.spleen)


def test_varied_pictures_keep_outline_and_picture_together():
    gray = torch.full((6, SIZE, SIZE), 0.3)
    fan, spleen = torch.zeros_like(gray), torch.zeros_like(gray)
    fan[:, 20:170, 20:170] = 1
    spleen[:, 70:120, 60:140] = 1
    gray = torch.where(spleen > 0, 0.8, gray) * fan
    seen, target, covered = varied(gray, fan, spleen, torch.Generator().manual_seed(0))
    assert seen.shape == (6, 2, SIZE, SIZE)
    for picture, inside, truth in zip(seen[:, 0], seen[:, 1], target, strict=True):
        assert picture[truth > 0.9].mean() > picture[(truth < 0.1) & (inside > 0)].mean() + 0.5
        assert abs(float(picture[inside > 0].mean())) < 0.05
    assert not target[~covered].any()
    sizes = target.sum((1, 2))
    assert sizes.max() / sizes.min() > 1.1  # each is scaled in its own way


def test_the_loss_is_small_for_the_truth_only():
    truth = torch.zeros(1, 32, 32)
    truth[:, 8:20, 8:24] = 1
    covered = torch.ones(1, 32, 32, dtype=torch.bool)
    right, wrong = ((truth * 2 - 1)[:, None] * sign * 12 for sign in (1, -1))
    assert float(dice_and_entropy(right, truth, covered)) < 0.02
    assert float(dice_and_entropy(wrong, truth, covered)) > 5


def test_training_goes_on_and_its_weights_ship(tmp_path, some_pictures):
    config = {"network": "unet", "pictures": str(some_pictures), "batch": 2, "total_minutes": 0.2}
    first = train(config, tmp_path / "run", False, 0.03)
    second = train(config, tmp_path / "run", True, 0.03)
    assert second["step"] > first["step"] > 0
    bundle = tmp_path / "spleen_deepspv"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "configs" / "inference.json").write_text(json.dumps({"networks": {"rvae": {}}, "volume": 1}), encoding="utf-8")
    size = export_unet(tmp_path / "run", bundle, tmp_path / "manifest.json", "0.0.1")
    assert size["bytes"] < 10_000_000
    (bundle / "LICENSE").write_text("CC BY 4.0", encoding="utf-8")
    opened = Bundle.open(bundle)
    assert opened.labels == ("spleen",)
    assert opened.inference["volume"] == 1 and set(opened.inference["networks"]) == {"rvae", "unet"}  # what others wrote is kept
    network = build(opened.inference["networks"]["unet"])
    network.load_state_dict(opened.state_dict("unet"))
    export_unet(tmp_path / "run", bundle, tmp_path / "manifest.json", "0.0.1", shift=1.5)
    plain, shifted = network.eval(), build(opened.inference["networks"]["unet"]).eval()
    shifted.load_state_dict(Bundle.open(bundle).state_dict("unet"))
    seen = torch.zeros(1, 2, 32, 32)
    assert torch.allclose(plain(seen) - shifted(seen), torch.tensor(1.5), atol=0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch": 0}, "batch must be a positive number, not 0"),
        ({"speed": 1}, "no setting 'speed'"),
        ({"pictures": None}, "in which folder the pictures are"),
        ({"network": "resnet"}, "“network” as one of"),
    ],
)
def test_wrong_settings_are_told(tmp_path, some_pictures, change, words):
    with pytest.raises(InputError, match=words):
        train({"network": "unet", "pictures": str(some_pictures), **change}, tmp_path / "run", True, 0.01)


def _label_map(value: int = 1, radius: float = 40.0) -> Image:
    k, j, i = np.mgrid[:50, :60, :60] * 2.0
    ball = (k - 50) ** 2 + (j - 60) ** 2 + (i - 60) ** 2 < radius**2
    return Image.from_spacing(ball.astype(np.uint8) * value, (2, 2, 2), name="ball.nrrd")


def test_a_label_map_becomes_pictures_with_its_volume():
    images, references, volume = synthesize_study(_label_map(), "simulator", seed=1)
    true_ml = 4 / 3 * np.pi * 40**3 / 1000
    assert volume == pytest.approx(true_ml, rel=0.03)
    assert list(images) == list(references) == ["coronal", "transverse"]
    for view, image in images.items():
        assert image.same_grid(references[view]) and image.modality == "US" and image.spacing_source
        area = np.count_nonzero(references[view].voxels) * image.spacing[0] * image.spacing[1]
        assert area == pytest.approx(np.pi * 40**2, rel=0.04)


def test_generated_studies_differ_by_their_seed_only():
    volumes = [synthesize_study(None, "simulator", seed)[2] for seed in (4, 4, 5)]
    assert volumes[0] == volumes[1] != volumes[2]


def test_labels_without_a_spleen_are_refused():
    with pytest.raises(InputError, match="holds no spleen"):
        shape_of(_label_map(0))
    with pytest.raises(InputError, match="which is no spleen"):
        shape_of(_label_map(1, radius=8))
    two = _label_map(2)
    two.voxels[0, 0, 0] = 3
    with pytest.raises(InputError, match="2 labels and none is 1"):
        shape_of(two)
    with pytest.raises(InputError, match="There is no modality “MR”"):
        synthesize_study(_label_map(), "MR")
