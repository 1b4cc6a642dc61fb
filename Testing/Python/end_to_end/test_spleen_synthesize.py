"""``deepvolumetry synthesize spleen``: ultrasound with known outlines and volumes, one study or many."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from DeepVolumetryLib.app.main import main
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, write_volume

pytest.importorskip("torch")


@pytest.fixture
def a_ball(tmp_path, monkeypatch):
    """spleen.nrrd: a ball of 268 mL."""
    monkeypatch.chdir(tmp_path)
    k, j, i = np.mgrid[:50, :60, :60] * 2.0
    ball = (k - 50) ** 2 + (j - 60) ** 2 + (i - 60) ** 2 < 40**2
    write_volume(tmp_path / "spleen.nrrd", Image.from_spacing(ball.astype(np.uint8), (2, 2, 2)))
    return tmp_path


def test_pictures_outlines_and_the_volume_are_written(a_ball):
    assert main(["synthesize", "spleen", "--labels", "spleen.nrrd", "--out", "study", "--seed", "4"]) == 0
    for view, reference in (("coronal", "reference"), ("transverse", "reference_transverse")):
        picture, truth = (read_image(a_ball / "study" / f"{name}.nrrd") for name in (view, reference))
        assert picture.same_grid(truth)
        area = np.count_nonzero(truth.voxels) * picture.spacing[0] * picture.spacing[1]
        assert area == pytest.approx(np.pi * 40**2, rel=0.04)
    (row,) = csv.DictReader((a_ball / "study" / "cases.csv").open())
    assert float(row["volume_ml"]) == pytest.approx(268, rel=0.03)
    assert (row["labels"], row["group"], row["coronal"]) == ("1=spleen", "synthesized simulator", "coronal.nrrd")


def test_many_generated_studies_come_with_one_list(a_ball, capsys):
    assert main(["synthesize", "spleen", "--labels", "generated", "--count", "2", "--out", "set", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader((a_ball / "set" / "cases.csv").open()))
    assert [row["case"] for row in rows] == ["case_0000", "case_0001"]
    assert [float(row["volume_ml"]) for row in rows] == [study["volume_ml"] for study in answer["studies"]]
    for row in rows:
        assert read_image(a_ball / "set" / row["coronal"]).same_grid(read_image(a_ball / "set" / row["reference"]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["spleen", "--labels", "spleen.nrrd", "--modality", "T2"], "There is no modality “T2”. Choose one of simulator, usdm."),
        (["renal", "--labels", "generated"], "RenalParenchyma generates no label maps."),
        (["spleen", "--labels", "missing.nrrd"], "was not found"),
    ],
)
def test_what_cannot_be_made_is_told_in_a_sentence(a_ball, capsys, arguments, words):
    assert main(["synthesize", *arguments, "--out", "made"]) == 2
    assert words in capsys.readouterr().err
    assert not (a_ball / "made").exists()
