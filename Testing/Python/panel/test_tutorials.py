"""The tutorials, followed: each step quotes the sentence that it does, on the panels and with the models that ship."""

from __future__ import annotations

import re

import pytest
from driver import node_ids
from lesson import PATIENCE_S, Lesson
from test_renal_panel import ROOT
from tutorial import DOCS, Tutorial

from DeepVolumetryLib import modules
from DeepVolumetryLib.bundle import list_bundles

KEYS = ["renal", "glioma", "spleen", "femur"]


@pytest.fixture
def lesson(request, load_module, process_events, a_warm_worker, dialogs, tmp_path, monkeypatch):
    import qt

    from DeepVolumetryLib.panel.modelSection import CONSENT_KEY

    key = request.param
    assert list_bundles(key), "the model that ships is missing"
    title = modules.MODULES[key].title
    qt.QSettings().setValue(CONSENT_KEY, "")
    lesson = Lesson(key, load_module(title, ROOT / title, show=True), process_events, dialogs, tmp_path)
    lesson.logic._client = a_warm_worker
    lesson.panel.module.enter()
    monkeypatch.chdir(tmp_path)
    yield lesson
    qt.QSettings().setValue(CONSENT_KEY, "")


@pytest.mark.parametrize("key", KEYS)
def test_pictures_and_links_of_a_tutorial_are_there(key):
    assert [link for link in Tutorial(f"tutorial-{key}").links() if not (DOCS / link).exists()] == []


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_a_tutorial_are_those_of_the_panel(slicer_app, key):
    from DeepVolumetryLib.panel.shortcuts import REVIEW_KEYS

    assert Tutorial(f"tutorial-{key}").keys() == {key.replace("Return", "Enter") for key in REVIEW_KEYS.values()}


@pytest.mark.parametrize("lesson", ["renal"], indirect=True)
def test_from_a_ct_to_a_report_of_both_kidneys(lesson):
    text, reader = lesson.text, lesson.reader
    text.says("press **Sample data**")
    reader.press("Sample data")
    text.says("Age, sex, height, weight and creatinine may stay empty", "**Quality**: *Fast* for a first look")
    reader.choose("Quality", "Fast")
    text.says("you are asked once before its first use", "Press **Segment**", "the button is now **Cancel**")
    lesson.segment()
    lesson.review()
    text.says("**Cut-off here** moves the border of the structure in the current place only")
    lesson.cut_off()
    text.says("**Not found** lists the structures that the model did not see. *Add* makes an empty segment to draw in")
    if reader.beside("Not found").count:
        named = reader.beside("Not found").currentText
        reader.press("Add")
        assert named in [spec.name for spec in lesson.result.specs if spec.key in lesson.result.segments]
    text.says("Right beside left beside total", "*Notes* says how often such intervals were found to hold the true value")
    assert [lesson.ui.measurementsTable.horizontalHeaderItem(n).text() for n in (1, 2, 3)] == ["Right", "Left", "Total"]
    assert "95 %" in lesson.ui.notesLabel.text
    reader.enter("Age", 52)  # "They may be given after the run too: the table follows."
    reader.choose("Sex", "male")
    assert any(m.verdict for m in lesson.result.measurements)
    lesson.follow_up("**Prior report** takes the `report.json` of an earlier study")
    lesson.copy()
    lesson.export("the segmentation and the probability and uncertainty maps")
    lesson.bold_is_on_the_screen()
    lesson.python()
    assert (lesson.folder / "report" / "report.json").is_file()


@pytest.mark.parametrize("lesson", ["glioma"], indirect=True)
def test_from_four_sequences_to_a_glioma_with_its_uncertainty(lesson):
    import slicer

    text, reader, ui = lesson.text, lesson.reader, lesson.ui
    text.says("press **Sample data**", "Four MR volumes")
    reader.press("Sample data")
    text.says("**Guess** does so again")
    reader.press("Guess")
    assert all(getattr(ui, f"{name}Selector").currentNode() for name in ("t1", "t1ce", "t2", "flair"))
    text.says("*SPU-Net* looks at every slice", "*Fast* for a first look")
    assert "SPU-Net" in reader.beside("Method").currentText
    reader.choose("Quality", "Fast")
    text.says("Press **Segment**", "the button is now **Cancel**")
    lesson.segment()
    text.says("Three structures, each within the one before")
    masks = lesson.result.segments
    assert not (masks["TC"] & ~masks["WT"]).any() and not (masks["ET"] & ~masks["TC"]).any() and len(masks) == 5
    text.says("**Background** chooses the sequence below it")
    reader.choose("Background", "T2")
    (composite, *_) = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID()).GetName() == "GliomaPhantom T2"
    lesson.review()
    text.says("Tick **Hide above** and move its slider", "The line below the slider follows")
    reader.find("Hide above").checked = True
    before = ui.volumeRangeLabel.text
    ui.hideAboveSlider.value = 20
    lesson.panel.wait()
    assert ui.volumeRangeLabel.text != before and not lesson.logic.segmentationNode.GetDisplayNode().GetVisibility()
    text.says("untick the box to see it again")
    reader.find("Hide above").checked = False
    assert lesson.logic.segmentationNode.GetDisplayNode().GetVisibility()
    text.says("**Cut-off here** moves the border of the structure in the current place only")
    lesson.cut_off()
    masks = lesson.result.segments
    assert not (masks["TC"] & ~masks["WT"]).any() and not (masks["ET"] & ~masks["TC"]).any()  # "The five segments always fit together."
    lesson.follow_up(
        "**Prior report** takes the `report.json` of an earlier study", "The category that the size thresholds of RANO 2.0 give comes first"
    )
    assert "RANO 2.0" in ui.changesLabel.text.split("</p>")[0]
    text.says("**Compare with a reference** takes a segmentation or a label map from the scene", "You get Dice", "QU-BraTS")
    reader.beside("Reference").setCurrentNode(a_reference())
    reader.choose("Labels", "BraTS 2017 to 2021")
    reader.press("Compare")
    assert ui.comparisonTable.visible and float(ui.comparisonTable.item(0, 1).text()) > 0.8
    assert "QU-BraTS" in ui.comparisonMessageLabel.text
    lesson.copy()
    folder = lesson.export("the segmentation, the maps and the label map")
    assert (folder / "labels.nrrd").is_file()
    text.says("**Label map** chooses what the values of `labels.nrrd` mean, and **Save** writes it alone")
    (folder / "labels.nrrd").unlink()
    reader.press("Save")
    assert (folder / "labels.nrrd").is_file()
    lesson.bold_is_on_the_screen()
    lesson.python()
    assert (lesson.folder / "report" / "labels.nrrd").is_file()


def a_reference():
    """What a radiologist drew of the sample: its truth, as a label map in the scene."""
    import slicer

    from DeepVolumetryLib.mrml.volumes import node_from_image
    from GliomaUncertaintyLib import demo

    volume = node_from_image(demo.reference()[0], "Drawn")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Radiologist")
    slicer.modules.volumes.logic().CreateLabelVolumeFromVolume(slicer.mrmlScene, node, volume)
    slicer.mrmlScene.RemoveNode(volume)
    return node


@pytest.mark.parametrize("lesson", ["spleen"], indirect=True)
def test_from_two_pictures_to_the_volume_of_a_spleen(lesson):
    text, reader, ui = lesson.text, lesson.reader, lesson.ui
    text.says("press **Sample data**")
    reader.press("Sample data")
    text.says("**Guess** tells the views by their names")
    reader.press("Guess")
    assert ui.coronalSelector.currentNode().GetName() == "SpleenPhantom Coronal"
    text.says("otherwise **not known**, and *Segment* waits")
    states_no_size(lesson)
    text.says("**Age**, **Sex** and **Height** are for the limits")
    reader.enter("Age", 43)
    reader.choose("Sex", "male")
    reader.enter("Height", 181)
    text.says("**Method**: *Automatic* takes what was best")
    assert "utomatic" in reader.beside("Method").currentText
    text.says("Press **Segment**", "Each picture has its own outline, uncertainty map and segmentation")
    lesson.segment()
    assert (
        all(part.segments["spleen"].any() and part.uncertainty for part in lesson.result.parts.values()) and len(lesson.result.parts) == 2
    )
    lesson.review()
    text.says("Every stroke is measured at once", "**Cut-off here** moves the outline in the current place only")
    lesson.cut_off()
    text.says("**Volume** with its interval, and one of three answers")
    volume = lesson.panel.value("spleen")
    assert volume.low < volume.value < volume.high and re.match("above|below|cannot be decided", volume.verdict)
    text.says("**Latent map** draws a chart", "five shapes along the main axis of variation, which are added to the scene as a picture")
    before = node_ids()
    reader.press("Latent map")
    assert any("PlotChart" in node for node in node_ids() - before)
    lesson.follow_up("**Prior report** takes the `report.json` of an earlier study")
    lesson.copy()
    folder = lesson.export("the outlines and maps of every picture, those of further views with the name of the view at the end")
    assert (folder / "segmentation_transverse.seg.nrrd").is_file()
    lesson.bold_is_on_the_screen()
    lesson.python()
    assert (lesson.folder / "report" / "report.json").is_file()


def states_no_size(lesson):
    """A picture without a pixel size, as a screenshot is, and a line on its depth scale; then the sample again."""
    import slicer

    from DeepVolumetryLib.mrml.volumes import local_matrix

    sample = lesson.ui.coronalSelector.currentNode()
    node = slicer.util.addVolumeFromArray(
        slicer.util.arrayFromVolume(sample).copy(), name="Screenshot", nodeClassName="vtkMRMLScalarVolumeNode"
    )
    lesson.ui.coronalSelector.setCurrentNode(node)
    lesson.panel.wait()
    lesson.said.add(lesson.ui.coronalSizeLabel.text)
    assert lesson.ui.coronalSizeLabel.text == "not known" and not lesson.ui.runButton.enabled
    lesson.text.says("Create a line in *Line on the scale*", "press **Calibrate**")
    line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Depth scale")
    for row in (60, 260):
        line.AddControlPointWorld(*(local_matrix(node) @ (20, row, 0, 1))[:3])
    lesson.ui.coronalLineSelector.setCurrentNode(line)
    lesson.ui.coronalLineSpinBox.value = 100
    lesson.reader.press("Calibrate")
    assert "0.5 × 0.5 mm" in lesson.ui.coronalSizeLabel.text and lesson.ui.runButton.enabled
    lesson.ui.coronalSelector.setCurrentNode(sample)
    lesson.panel.wait()


@pytest.mark.parametrize("lesson", ["femur"], indirect=True)
def test_from_a_hip_ct_to_density_and_strength(lesson):
    text, reader, ui = lesson.text, lesson.reader, lesson.ui
    text.says("press **Sample data**", "(QRM-BDC, three rods)")
    reader.press("Sample data")
    text.says("**Phantom**: the type of the phantom under the patient. Its rods are in the table")
    reader.choose("Phantom", "QRM-BDC, 3 rods (HA)")
    text.says("**Found automatically** looks for the rods")
    reader.choose("Rods", "Found automatically")
    text.says("Press **Segment**")
    lesson.segment()
    assert "R²" in ui.calibrationMessageLabel.text  # "below it slope, intercept, R² and standard error"
    text.says("The list has the places")
    place = lesson.place()
    reader.press("Looks right")
    assert sum(map(bool, lesson.reviewed())) == 1 and lesson.place() != place
    lesson.keys()
    text.says("for the whole proximal femur, head, neck, trochanteric region and total hip")
    measured = {(m.segment, m.name) for m in lesson.result.measurements}
    assert {("left_femur", "Integral vBMD"), ("right_neck", "aBMD (projected)"), ("left_total_hip", "BMC")} <= measured
    text.says("**Density**, **show over the image** lays the density", "It is a volume of its own in the scene")
    reader.find("show over the image").checked = True
    lesson.panel.wait()
    assert lesson.logic.nodes.maps["density"].GetScene()
    text.says("**Regions**, **show planes to drag** puts the planes between the regions into the views")
    before = node_ids()
    reader.find("show planes to drag").checked = True
    lesson.panel.wait()
    assert any("MarkupsPlane" in node for node in node_ids() - before)
    text.says("**Strength**, **Estimate** builds a finite element model", "adds stiffness and an estimated failure load")
    reader.press("Estimate")
    lesson.panel.wait(lambda: any(m.name == "Failure load" or "ailure load" in m.name for m in lesson.result.measurements), PATIENCE_S)
    lesson.export("the segmentation, the maps and `density.nrrd`")
    assert (lesson.folder / "Report" / "density.nrrd").is_file()
    lesson.follow_up("**Prior report** takes the `report.json` of an earlier study")
    lesson.bold_is_on_the_screen()
    found = lesson.python()
    assert found["density"].GetImageData() is not None
