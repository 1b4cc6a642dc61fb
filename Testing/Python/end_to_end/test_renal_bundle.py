"""The model that ships, on a phantom patient: everything for real."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from DeepVolumetryLib.app.main import main
from DeepVolumetryLib.image_io import read_image
from DeepVolumetryLib.modules import MODULES

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not MODULES["renal"].manifest_path.exists(), reason="the weights are not installed"),
]


@pytest.fixture(scope="module")
def a_demo(tmp_path_factory):
    """Folder that `deepvolumetry demo renal` left."""
    out = tmp_path_factory.mktemp("demo")
    assert main(["demo", "renal", "--out", str(out), "--quiet"]) == 0
    return out


def test_the_demo_finds_both_kidneys_of_the_phantom(a_demo):
    probability = read_image(a_demo / "probability_kidney.nrrd")
    found = probability.voxels > 0.5
    reference = read_image(a_demo / "study" / "reference.nrrd")
    true = reference.voxels > 0
    assert reference.same_grid(probability)
    assert 2 * np.count_nonzero(found & true) / (np.count_nonzero(found) + np.count_nonzero(true)) > 0.8


def test_the_demo_names_sides_as_the_patient_has_them(a_demo):
    document = json.loads((a_demo / "demo.json").read_text(encoding="utf-8"))
    rows = {row["segment"]: row for row in document["truth"]}
    for side in ("left", "right"):
        assert rows[f"{side}_kidney"]["measured_ml"] == pytest.approx(rows[f"{side}_kidney"]["true_ml"], rel=0.6)


def test_the_demo_leaves_report_pictures_and_segments(a_demo):
    report = json.loads((a_demo / "report.json").read_text(encoding="utf-8"))
    assert report["model"]["name"] == "renal_kidney_parenchyma"
    assert len(report["model"]["sha256"]) == 64
    assert report["seconds"]["inference"] > 0
    assert report["review"][0]["rank"] == 1
    assert {path.name for path in (a_demo / "pictures").iterdir()} == {"overview.png", "review.png"}
    assert sitk.ReadImage(str(a_demo / "segmentation.seg.nrrd")).GetMetaData("Segment0_ID") == "left_kidney"
