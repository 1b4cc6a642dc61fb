"""The whole way, once per module: segment, review, edit, report, save the scene, open it again, report again."""

from __future__ import annotations

import csv
import json

import glioma_panel
import numpy as np
import pytest
import test_femur_panel
import test_renal_panel
import test_spleen_panel
from driver import erase

from DeepVolumetryLib import modules


@pytest.fixture(params=["renal", "glioma", "spleen", "femur"])
def study(request, load_module, process_events, monkeypatch, tmp_path_factory, a_warm_worker):
    """A panel with a segmented study, and the key of a segment that is going to be edited."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parent / "toy"))
    import toy_model

    key = request.param
    monkeypatch.setitem(modules.MODULES, key, toy_model.make(tmp_path_factory.mktemp(f"toy_{key}"), key))
    kinds = {
        "renal": test_renal_panel.Panel,
        "glioma": glioma_panel.Panel,
        "spleen": test_spleen_panel.Panel,
        "femur": test_femur_panel.Panel,
    }
    title = toy_model.TOYS[key][0]
    panel = kinds[key](load_module(title, test_renal_panel.ROOT / title, show=True), process_events)
    panel.logic._client = a_warm_worker
    if key == "femur":
        panel.ui.sampleDataButton.click()
        panel.choose("phantom", "qrm_bdc_3")
        panel.run()
    else:
        panel.segment()
    assert panel.logic.result is not None, panel.message
    panel.module.enter()
    panel.edited = {"renal": "left_tumor", "glioma": "ET", "spleen": "spleen", "femur": "left_femur"}[key]
    return panel


def edit(panel):
    """Take a part of a segment away."""
    if hasattr(panel, "erase"):
        panel.erase("coronal", columns=slice(0, int(np.argwhere(panel.logic.result.segments["spleen"])[:, 2].mean())))
    else:
        slabs = np.flatnonzero(panel.logic.result.segments[panel.edited].any(axis=(1, 2)))
        first = panel.logic.result.segments[panel.edited]
        labels_low = 0 if len(slabs) < 4 else len(slabs) // 4
        assert first.any()
        erase(panel, panel.edited, slice(0, int(slabs[labels_low])))
    panel.wait(lambda: panel.edited in panel.logic.result.extras.get("edited_segments", ()), 30)


def parts(panel):
    return {(name, key): mask.copy() for name, part in panel.logic.result.parts.items() for key, mask in part.segments.items()}


def report(panel, folder):
    """What is written: the report, the rows of the table, and the masks."""
    panel.logic.exportAll(folder)
    with (folder / "measurements.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return json.loads((folder / "report.json").read_text(encoding="utf-8")), rows


def test_a_study_is_the_same_after_review_edit_save_and_reload(study, tmp_path):
    import slicer

    from DeepVolumetryLib.host.scene_file import load_scene, save_scene

    panel = study
    source = slicer.util.arrayFromVolume(panel.logic.inputNode).tobytes()
    if panel.logic.result.review_list():
        panel.ui.nextButton.click()
        panel.ui.looksRightButton.click()
    edit(panel)
    masks = parts(panel)
    before, rows = report(panel, tmp_path / "before")
    assert before["edited_segments"] == panel.logic.result.extras["edited_segments"] and panel.edited in before["edited_segments"]
    overlays = sorted(node.GetName() for part in panel.logic.nodes.parts.values() for node in part.uncertainty.values())
    path = save_scene(tmp_path / "study.mrb")
    slicer.mrmlScene.Clear(0)
    panel.wait()
    load_scene(path)
    panel.wait()
    assert panel.logic.result is not None, panel.message
    assert slicer.util.arrayFromVolume(panel.logic.inputNode).tobytes() == source
    again = parts(panel)
    assert again.keys() == masks.keys() and all(again[key].tobytes() == mask.tobytes() for key, mask in masks.items())
    assert sorted(node.GetName() for part in panel.logic.nodes.parts.values() for node in part.uncertainty.values()) == overlays
    after, new_rows = report(panel, tmp_path / "after")
    assert [each["reviewed"] for each in after["review"]] == [each["reviewed"] for each in before["review"]]
    assert after["edited_segments"] == before["edited_segments"]
    for old, new in zip(rows, new_rows, strict=True):
        for name, text in old.items():
            if name in ("value", "low", "high") and text:
                assert float(new[name]) == pytest.approx(float(text), rel=2e-3, abs=1e-3), (old["segment"], old["name"], name)
            else:
                assert new[name] == text
