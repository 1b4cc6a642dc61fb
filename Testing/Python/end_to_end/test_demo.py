"""``deepvolumetry demo``, ``synthesize`` and ``train``."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest

from DeepVolumetryLib import modules
from DeepVolumetryLib.image_io import read_image


def test_the_demo_states_truth_beside_measurement(deepvolumetry, tmp_path):
    answer = deepvolumetry("demo", "renal", "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    rows = {row["segment"]: row for row in answer.json["truth"]}
    assert rows["total_kidney"]["true_ml"] == pytest.approx(2 * 108.6, rel=0.05)
    assert abs(rows["left_parenchyma"]["error_percent"]) < 5
    assert rows["left_parenchyma"]["within"] == "yes"
    assert answer.json == json.loads((tmp_path / "out" / "demo.json").read_text(encoding="utf-8"))
    for name in ("report.json", "segmentation.seg.nrrd", "pictures/overview.png", "study/volume.nrrd", "study/reference.nrrd"):
        assert (tmp_path / "out" / name).exists(), name
    assert str(tmp_path / "out" / "report.json") in answer.err
    assert str(tmp_path / "out" / "pictures") in answer.err


def test_the_demo_of_all_modules_has_a_folder_for_each(deepvolumetry, tmp_path, monkeypatch):
    for key in modules.MODULES.keys() - {"renal"}:
        monkeypatch.delitem(modules.MODULES, key)  # their networks are too large for a test of this kind
    assert deepvolumetry("demo", "--out", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "renal" / "report.json").exists()


@pytest.fixture
def a_synthesis(a_toy_module, monkeypatch):
    """A synthesis that hands labels through, to see what the command passes on."""
    module = ModuleType("toy_kidney.synthesis")
    calls = []

    def synthesize_study(labels, modality, seed, context=None, names=None):
        calls.append((modality, seed, context is not None, names))
        return labels.with_voxels(labels.voxels * 100.0), labels

    module.synthesize_study = synthesize_study
    module.read_names = lambda path: {1: path.read_text(encoding="utf-8")}
    module.MODALITIES, module.REFERENCE_LABELS = ("CT", "T2", "T1", "random"), "1=parenchyma;2=tumor;3=cyst;4=sinus"
    monkeypatch.setitem(sys.modules, "toy_kidney.synthesis", module)
    return calls


def test_synthesize_writes_image_and_reference_on_one_grid(deepvolumetry, a_synthesis, a_reference_file, tmp_path):
    arguments = ("--labels", a_reference_file, "--context", a_reference_file, "--modality", "T2", "--seed", 5, "--out", tmp_path / "out")
    (tmp_path / "labels.csv").write_text("liver")
    answer = deepvolumetry("synthesize", "renal", *arguments)
    assert answer.code == 0, answer.err
    assert a_synthesis == [("T2", 5, True, {1: "liver"})]
    assert "out,volume.nrrd,reference.nrrd,1=parenchyma;2=tumor;3=cyst;4=sinus,synthesized T2" in (
        tmp_path / "out" / "cases.csv"
    ).read_text(encoding="utf-8")
    volume, reference = (read_image(tmp_path / "out" / f"{name}.nrrd") for name in ("volume", "reference"))
    assert volume.same_grid(reference)
    assert volume.voxels.max() == 1100


def test_synthesize_lists_its_modalities(deepvolumetry, a_synthesis, a_reference_file, tmp_path):
    answer = deepvolumetry("synthesize", "renal", "--labels", a_reference_file, "--out", tmp_path / "out", "--modality", "PET")
    assert (answer.code, answer.sentence) == (2, "There is no modality “PET”. Choose one of CT, T2, T1, random.")


def test_train_passes_its_settings_on(deepvolumetry, a_toy_module, tmp_path, monkeypatch):
    module = ModuleType("toy_kidney.training")
    calls = []
    module.train = lambda *arguments: calls.append(arguments) or {"step": 12, "loss": 0.25}
    monkeypatch.setitem(sys.modules, "toy_kidney.training", module)
    (tmp_path / "config.json").write_text('{"network": "refiner"}')
    answer = deepvolumetry("train", "renal", "--config", tmp_path / "config.json", "--out", tmp_path / "run", "--resume", "--minutes", 3)
    assert answer.code == 0, answer.err
    assert calls == [({"network": "refiner"}, tmp_path / "run", True, 3.0)]
    assert "step 12, loss 0.25" in answer.out


@pytest.mark.parametrize(("text", "words"), [("{", "is not JSON"), ("[1]", "must be a JSON object"), (None, "was not found")])
def test_a_training_configuration_that_is_wrong_is_explained(deepvolumetry, tmp_path, text, words):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    answer = deepvolumetry("train", "renal", "--config", tmp_path / "config.json", "--out", tmp_path / "run")
    assert answer.code == 2
    assert words in answer.sentence
