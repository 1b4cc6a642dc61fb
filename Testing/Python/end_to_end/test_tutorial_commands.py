"""What the tutorial of the spleen types into a shell, as it stands there; with the model that ships."""

from __future__ import annotations

import dicom_series
import numpy as np
import SimpleITK as sitk
from tutorial import Tutorial

from DeepVolumetryLib.modules import find


def test_commands_of_the_tutorial_do_what_they_say(deepvolumetry, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pictures = find("spleen").submodule("demo").study()
    gray = {view: np.clip(image.voxels[0], 0, 255).astype(np.uint8) for view, image in pictures.items()}
    dicom_series.write_ultrasound(tmp_path / "long.dcm", gray["coronal"], pictures["coronal"].spacing[:2])
    sitk.WriteImage(sitk.GetImageFromArray(gray["transverse"]), "trans.png")
    commands = Tutorial("tutorial-spleen").commands()
    assert [words[:3] for words in commands] == [["deepvolumetry", "segment", "spleen"], ["deepvolumetry", "demo", "spleen"]]
    for words in commands:
        answer = deepvolumetry(*words[1:])
        assert answer.code == 0, answer.err
    for folder in ("results", "demo-spleen"):
        assert {"report.json", "measurements.csv", "pictures"} <= {path.name for path in (tmp_path / folder).iterdir()}
