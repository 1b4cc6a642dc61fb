"""The whole way, once per module: segment, review, edit, report, DICOM, save the scene, open it again, and all of it again."""

from __future__ import annotations

import csv
import json

import glioma_panel
import numpy as np
import pydicom
import pytest
import test_femur_panel
import test_renal_panel
import test_spleen_panel
from driver import erase, say_it_was_dicom

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
    panel.key = key
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


MODALITY = {"renal": "CT", "glioma": "MR", "spleen": "US", "femur": "CT"}


def came_from_dicom(panel, folder):
    """Let the images be of Slicer's DICOM database; returns what their files hold, by path."""
    nodes = {node.GetID(): node for name in panel.logic.result.parts if (node := panel.logic.inputNodeOf(name)) is not None}
    paths = [path for node in nodes.values() for path in say_it_was_dicom(node, folder, MODALITY[panel.key])]
    return {path: path.read_bytes() for path in paths}


def dicom(panel, folder):
    """Masks and measurements as highdicom reads what was written: {file: {label: mask}} and how many numbers each file holds."""
    import highdicom

    panel.logic.exportDicom(folder)
    masks, numbers = {}, {}
    for path in sorted((folder / "dicom").rglob("*.dcm")):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        name = path.relative_to(folder).as_posix()
        if dataset.Modality == "SEG":
            read = highdicom.seg.segread(path)
            pixels = read.pixel_array.reshape(-1, read.Rows, read.Columns)
            shared = read.SharedFunctionalGroupsSequence[0]  # says it where the file has but one segment
            groups = [group if "SegmentIdentificationSequence" in group else shared for group in read.PerFrameFunctionalGroupsSequence]
            frames = [group.SegmentIdentificationSequence[0].ReferencedSegmentNumber for group in groups]
            masks[name] = {
                item.SegmentLabel: pixels[np.asarray(frames) == item.SegmentNumber].astype(bool) for item in read.SegmentSequence
            }
        elif dataset.Modality == "SR":
            read = highdicom.sr.srread(path)
            groups = read.content.get_planar_roi_measurement_groups() + read.content.get_volumetric_roi_measurement_groups()
            numbers[name] = sum(len(group.get_measurements()) for group in groups)
    return masks, numbers


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
    files = came_from_dicom(panel, tmp_path / "source")
    written, numbers = dicom(panel, tmp_path / "before")
    assert sum(numbers.values()) > 0
    sizes = sorted(int(mask.sum()) for each in written.values() for mask in each.values())
    assert sizes == sorted(int(mask.sum()) for mask in masks.values() if mask.any())  # DICOM has no place for an empty segment
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
    written_again, numbers_again = dicom(panel, tmp_path / "after")
    assert numbers_again == numbers and written_again.keys() == written.keys()
    for file, labels in written.items():
        assert {name: mask.tobytes() for name, mask in written_again[file].items()} == {name: m.tobytes() for name, m in labels.items()}
    assert {path: path.read_bytes() for path in files} == files
    after, new_rows = report(panel, tmp_path / "after")
    assert [each["reviewed"] for each in after["review"]] == [each["reviewed"] for each in before["review"]]
    assert after["edited_segments"] == before["edited_segments"]
    for old, new in zip(rows, new_rows, strict=True):
        for name, text in old.items():
            if name in ("value", "low", "high") and text:
                assert float(new[name]) == pytest.approx(float(text), rel=2e-3, abs=1e-3), (old["segment"], old["name"], name)
            else:
                assert new[name] == text
