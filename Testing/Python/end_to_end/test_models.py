"""``deepvolumetry models``: what is installed, checked, added and removed."""

from __future__ import annotations

import json

import pytest

from DeepVolumetryLib.app.main import main
from DeepVolumetryLib.modules import MODULES

safetensors = pytest.importorskip("safetensors.numpy")
np = pytest.importorskip("numpy")


@pytest.fixture
def a_bundle(tmp_path):
    """A bundle folder with a tiny network."""
    folder = tmp_path / "my_kidneys"
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True)
    side = {"num_channels": 1, "type": "image"}
    metadata = {
        "version": "2.0.0",
        "license": "CC-BY-4.0",
        "network_data_format": {
            "inputs": {"image": side},
            "outputs": {"pred": {"num_channels": 2, "channel_def": {"0": "background", "1": "kidney"}}},
        },
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "docs" / "README.md").write_text("# A model")
    (folder / "LICENSE").write_text("CC BY 4.0")
    safetensors.save_file({"weight": np.ones(3, np.float16)}, folder / "models" / "model.safetensors")
    return folder


def models_of(module, deepvolumetry):
    return [row for row in deepvolumetry("models", "list", "--json").json["models"] if row["module"] == module]


def test_a_model_can_be_imported_listed_verified_and_removed(deepvolumetry, a_bundle):
    assert deepvolumetry("models", "import", a_bundle, "--module", "renal").code == 0
    (row,) = models_of("renal", deepvolumetry)
    assert (row["name"], row["version"], row["license"], row["state"]) == ("my_kidneys", "2.0.0", "CC-BY-4.0", "verified")
    assert deepvolumetry("models", "verify", "my_kidneys").code == 0
    assert deepvolumetry("models", "remove", "my_kidneys").code == 0
    assert models_of("renal", deepvolumetry) == []


def test_changed_weights_are_refused_with_exit_code_3(deepvolumetry, a_bundle, a_kidney_file, tmp_path):
    deepvolumetry("models", "import", a_bundle, "--module", "renal")
    weights = next((tmp_path / "home").rglob("model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    answer = deepvolumetry("models", "verify")
    assert answer.code == 3
    assert "is not the one that was checked (SHA-256 differs)" in answer.sentence
    assert models_of("renal", deepvolumetry)[0]["state"] == "refused"
    assert deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out", "--bundle", "my_kidneys").code == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not MODULES["renal"].manifest_path.exists(), reason="there is no shipped model to compare with")
def test_a_model_for_other_labels_is_refused(a_bundle, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))
    assert main(["models", "import", str(a_bundle), "--module", "renal"]) == 3
    assert "labels are background, kidney but this module needs" in capsys.readouterr().err


def test_a_folder_that_is_no_bundle_is_refused(deepvolumetry, tmp_path):
    (tmp_path / "empty").mkdir()
    answer = deepvolumetry("models", "import", tmp_path / "empty", "--module", "renal")
    assert answer.code == 3
    assert "not a MONAI bundle" in answer.sentence


def test_an_unknown_bundle_is_refused_before_the_image_is_read(deepvolumetry, a_kidney_file, tmp_path):
    answer = deepvolumetry("segment", "renal", "-i", a_kidney_file, "-o", tmp_path / "out", "--bundle", "nothing")
    assert answer.code == 3
    assert "There is no model “nothing”" in answer.sentence
    assert not (tmp_path / "out").exists()


def test_a_shipped_or_unknown_model_is_not_removed(deepvolumetry):
    answer = deepvolumetry("models", "remove", "renal_kidney_parenchyma")
    assert answer.code == 3
    assert "No imported model" in answer.sentence
