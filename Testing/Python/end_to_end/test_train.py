"""``deepvolumetry train renal``: from label maps to a bundle, by the commands of docs/training.md."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from DeepVolumetryLib.app.main import main

pytest.importorskip("torch")

NAMES = {42: "kidney_left", 43: "kidney_right", 44: "liver", 101: "vertebrae_L2"}


def write_labels(path, labels: np.ndarray, spacing: float) -> None:
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((spacing,) * 3)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))  # along R, A, S
    sitk.WriteImage(image, str(path))


@pytest.fixture
def label_maps(tmp_path, monkeypatch):
    """A patient, a torso and their tables in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))
    (tmp_path / "kidneys").mkdir()
    k, j, i = np.indices((36, 30, 90))
    labels = np.zeros(k.shape, np.uint8)
    for center in (18, 72):
        labels[((i - center) / 11) ** 2 + ((j - 15) / 10) ** 2 + ((k - 18) / 15) ** 2 < 1] = 1
    write_labels(tmp_path / "kidneys" / "case_0.nii.gz", labels, 2.0)
    (tmp_path / "kidneys" / "cases.csv").write_text("case,fold\ncase_0,0\n")
    torso = np.zeros((50, 40, 60), np.uint8)
    torso[10:40, 15:25, 8:18], torso[10:40, 15:25, 42:52] = 42, 43
    torso[40:48, 20:35, 35:55], torso[:, 6:14, 26:34] = 44, 101
    write_labels(tmp_path / "torso.nii.gz", torso, 4.0)
    (tmp_path / "names.csv").write_text("value,name\n" + "".join(f"{value},{name}\n" for value, name in NAMES.items()))
    return tmp_path


@pytest.fixture
def a_pack(label_maps):
    from RenalParenchymaLib.training.__main__ import main as training

    arguments = "pack --kidneys kidneys --torsos torso.nii.gz --names names.csv --procedural 0 --out pack.npz"
    assert training(arguments.split()) == 0
    return label_maps / "pack.npz"


def configure(folder, network: str, **more) -> str:
    settings = {"network": network, "pack": "pack.npz", "shape": [32, 16, 16], "threads": 1, "total_minutes": 600, **more}
    path = folder / f"{network}.json"
    path.write_text(json.dumps(settings))
    return str(path)


def state_of(folder) -> dict:
    import torch

    return torch.load(folder / "checkpoint.pt", weights_only=True)["state"]


def test_training_stops_goes_on_and_becomes_a_bundle(a_pack, label_maps, capsys):
    from DeepVolumetryLib.bundle import Bundle
    from RenalParenchymaLib.training.__main__ import main as training

    for network in ("localizer", "refiner"):
        command = ["train", "renal", "--config", configure(label_maps, network), "--out", network, "--minutes", "0.02"]
        assert main(command) == 0
        first = state_of(label_maps / network)
        assert main([*command, "--resume"]) == 0
        second = state_of(label_maps / network)
        assert first["step"] >= 1
        assert second["step"] > first["step"]
        assert (first["slice"], second["slice"]) == (1, 2)
        assert json.loads((label_maps / network / "config.json").read_text(encoding="utf-8"))["network"] == network
    assert "Checkpoint and log are in refiner. Now: step" in capsys.readouterr().out.replace("\n", " ")
    arguments = "export --localizer localizer/checkpoint.pt --refiner refiner/checkpoint.pt --bundle bundle --manifest manifest.json"
    assert training([*arguments.split(), "--version", "0.0.1"]) == 0
    assert Bundle.open(label_maps / "bundle", label_maps / "manifest.json").version == "0.0.1"


def test_a_new_training_does_not_overwrite_a_checkpoint(a_pack, label_maps, capsys):
    command = ["train", "renal", "--config", configure(label_maps, "refiner"), "--out", "refiner", "--minutes", "0"]
    assert main(command) == 0
    assert main(command) == 2
    assert "Add --resume" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "was not found"),
        ("{", "is not JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "must say which network to use"),
        ('{"network": "refiner", "pack": "none.npz"}', "There is no training pack at none.npz"),
        ('{"network": "refiner", "pack": "pack.npz", "epochs": 3}', "has no setting 'epochs'"),
    ],
)
def test_a_configuration_that_is_wrong_says_what_to_do(label_maps, capsys, text, words):
    path = label_maps / "config.json"
    if text is not None:
        path.write_text(text)
    assert main(["train", "renal", "--config", str(path), "--out", "run"]) == 2
    assert words in capsys.readouterr().err.replace("\n", " ")
    assert not (label_maps / "run").exists()
