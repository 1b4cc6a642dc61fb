"""FemurQCT's panel as a user drives it: real .ui files, real MRML, the real worker; the truth in place of the networks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from driver import PanelDriver, erase

from DeepVolumetryLib import modules

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def the_toy_model(tmp_path_factory):
    sys.path.insert(0, str(Path(__file__).parent / "toy"))
    import toy_model

    return toy_model.make(tmp_path_factory.mktemp("toy_femur"), "femur")


class Panel(PanelDriver):
    """The panel, and what one does with it."""

    def choose(self, name, value):
        """Choose an entry of a combo box by the value of its enumeration."""
        parameter = self.logic.getParameterNode()
        setattr(parameter, name, type(getattr(parameter, name))(value))
        self.wait()

    def rods(self, column):
        table = self.ui.rodTable
        return [table.item(row, column).text() for row in range(table.rowCount)]

    @property
    def calibration(self):
        return self.widget.calibrationSection.message.text

    def values(self):
        return {(m.segment, m.name): m.value for m in self.logic.result.measurements}


@pytest.fixture
def a_panel(load_module, process_events, monkeypatch, the_toy_model, a_warm_worker):
    monkeypatch.setitem(modules.MODULES, "femur", the_toy_model)
    panel = Panel(load_module("FemurQCT", ROOT / "FemurQCT", show=True), process_events)
    panel.logic._client = a_warm_worker
    return panel


@pytest.fixture
def a_calibrated_panel(a_panel):
    a_panel.ui.sampleDataButton.click()
    a_panel.choose("phantom", "qrm_bdc_3")
    a_panel.run()
    assert a_panel.logic.result is not None, a_panel.message
    return a_panel


def test_empty_panel_asks_for_a_volume_and_says_what_no_phantom_means(a_panel):
    assert not a_panel.ui.runButton.enabled
    assert a_panel.calibration == "Without a phantom only Hounsfield units are measured."
    assert a_panel.ui.rodTable.isHidden() and not a_panel.ui.densityCheckBox.enabled


def test_a_phantom_shows_its_rods_and_each_source_its_fields(a_panel):
    a_panel.choose("phantom", "mindways_3")
    assert a_panel.rods(1) == ["-51.83", "-53.4", "58.88", "157.05", "375.83"]
    a_panel.choose("calibrationSource", "entered")
    assert a_panel.ui.rodTable.isHidden() and not a_panel.ui.slopeSpinBox.isHidden()
    a_panel.choose("calibrationSource", "marked")
    assert not a_panel.ui.rodsSelector.isHidden() and a_panel.ui.slopeSpinBox.isHidden()


def test_densities_that_the_panel_lists_are_those_of_the_presets(a_panel):
    from FemurQCTLib.calibration import PRESETS

    assert {key: preset.densities for key, preset in PRESETS.items()} == sys.modules["FemurQCT"]._DENSITIES


def test_without_a_phantom_the_panel_says_why_there_is_no_density(a_panel):
    a_panel.ui.sampleDataButton.click()
    a_panel.run()
    assert "No calibration: HU only." in a_panel.message and "No calibration: HU only." in a_panel.calibration
    assert not a_panel.ui.densityCheckBox.enabled and not a_panel.logic.nodes.maps
    a_panel.choose("phantom", "qrm_bdc_3")  # after the run: the rods are looked for, and the densities follow
    assert a_panel.value("left_femur", "Integral vBMD").value > 200
    assert a_panel.ui.densityCheckBox.enabled


def test_a_calibrated_run_shows_fit_density_and_strength(a_calibrated_panel):
    import slicer

    panel = a_calibrated_panel
    assert "R² 0.9" in panel.calibration or "R² 1.0" in panel.calibration
    assert panel.rods(2)[0] and abs(float(panel.rods(4)[1].replace("–", "0"))) < 5
    panel.ui.densityCheckBox.checked = True
    composite = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    density = panel.logic.nodes.maps["density"]
    assert composite.GetForegroundVolumeID() == density.GetID()
    assert slicer.modules.colors.logic().GetColorLegendDisplayNode(density).GetTitleText() == "mg/cm³"
    panel.ui.densityCheckBox.checked = False
    assert composite.GetForegroundVolumeID() != density.GetID()
    panel.ui.strengthButton.click()
    assert panel.value("left_femur", "Estimated failure load, fall on the side").value > 100
    assert panel.value("right_femur", "Stiffness, fall on the side").unit == "N/mm"


def test_another_certificate_changes_the_densities(a_calibrated_panel):
    panel = a_calibrated_panel
    before = panel.value("left_femur", "Integral vBMD").value
    panel.ui.rodTable.item(2, 1).setText("840")
    panel.wait()
    assert panel.logic.getParameterNode().certificate == "100, 400, 840"
    assert panel.value("left_femur", "Integral vBMD").value > before + 5


def test_planes_are_shown_dragged_and_taken_away(a_calibrated_panel):
    import slicer

    panel = a_calibrated_panel
    panel.ui.planesCheckBox.checked = True
    nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsPlaneNode")
    assert len(nodes) == 6
    before, total = panel.value("left_neck").value, panel.value("left_femur").value
    node = panel.logic._planeNodes["left", "neck_base"]
    normal, origin = np.array(node.GetNormalWorld()), np.array(node.GetOriginWorld())
    node.SetOriginWorld(origin - 6 * normal)
    node.InvokeEvent(slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent)
    panel.wait()
    assert panel.value("left_neck").value > before + 3 and panel.value("left_femur").value == total
    neck = slicer.util.arrayFromSegmentBinaryLabelmap(panel.segmentation, "left_neck")
    assert np.count_nonzero(neck) * panel.logic.result.image.voxel_ml == pytest.approx(panel.value("left_neck").value)
    panel.ui.planesCheckBox.checked = False
    assert not slicer.util.getNodesByClass("vtkMRMLMarkupsPlaneNode")


def test_regions_follow_an_edit_of_their_femur(a_calibrated_panel):
    panel = a_calibrated_panel
    before = panel.values()
    erase(panel, "left_femur", slice(0, 20))
    assert panel.logic.remeasure()
    after = panel.values()
    assert after["left_femur", "Volume"] < before["left_femur", "Volume"]
    parts = [after[f"left_{part}", "Volume"] for part in ("head", "neck", "trochanteric")]
    assert sum(parts) == pytest.approx(after["left_femur", "Volume"], rel=0.03)
    assert after["right_femur", "Volume"] == before["right_femur", "Volume"]


def test_points_in_the_rods_calibrate_too(a_calibrated_panel):
    import slicer

    panel = a_calibrated_panel
    centers = [rod["center_ras"] for rod in panel.logic.result.extras["calibration"]["rods"]]
    found = panel.value("left_femur", "Integral vBMD").value
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Rods")
    for center in centers:
        points.AddControlPointWorld(center[0] + 1.5, center[1], center[2] + 2)
    panel.ui.rodsSelector.setCurrentNode(points)
    panel.choose("calibrationSource", "marked")
    assert panel.logic.result.extras["calibration"]["source"] == "rods marked"
    assert panel.value("left_femur", "Integral vBMD").value == pytest.approx(found, rel=0.02)


def test_an_entered_calibration_is_used_once_it_is_complete(a_calibrated_panel):
    panel = a_calibrated_panel
    panel.choose("calibrationSource", "entered")
    panel.ui.interceptSpinBox.value = -2
    panel.ui.slopeSpinBox.value = 0.9
    panel.wait()
    assert panel.logic.result.extras["calibration"]["slope"] == pytest.approx(0.9)
    assert "0.9000 · HU -2.0" in panel.calibration
