"""RenalParenchyma: kidneys, parenchyma, tumors and cysts on CT and fat-suppressed T2 MR.

A shell: what the four modules share is in DeepVolumetryLib.panel, what computes is in RenalParenchymaLib.
"""

import sys
from pathlib import Path
from typing import Annotated, ClassVar

import slicer
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *

# Installed, DeepVolumetryLib lies beside this file; in a clone it lies beside this file's folder.
_HERE = Path(__file__).resolve().parent
for _folder in (_HERE, _HERE.parent):
    if (_folder / "DeepVolumetryLib").is_dir() and str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from DeepVolumetryLib.panel.choices import Device, Quality, Sex  # noqa: E402
from DeepVolumetryLib.panel.panelBase import VolumetryWidget  # noqa: E402
from DeepVolumetryLib.panel.segmentationLogic import SegmentationLogic  # noqa: E402

SAMPLE_NAME = "RenalPhantom"


class RenalParenchyma(ScriptedLoadableModule):
    """What Slicer shows about the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Renal Parenchyma")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.contributors = ["DeepVolumetry contributors"]
        parent.helpText = _(
            "Segments kidneys, renal parenchyma, tumors and cysts on CT or fat-suppressed T2 MR and reports their volumes with intervals, "
            "split function and reference ranges. Choose a volume, press Segment, review the places that the model is unsure about. "
            "All data remain on this computer. Not a medical device."
        )
        parent.acknowledgementText = _(
            "The two-step method follows Yu et al., Medical Physics 2025;52(2):951-964, doi:10.1002/mp.17494. "
            "Reference ranges: SHIP-TREND, Journal of Clinical Medicine 2024;13(3):769."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """A phantom study, made when it is asked for: nothing is downloaded, and its volumes are known."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="DeepVolumetry",
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(_HERE / "Resources" / "Icons" / "RenalPhantom.png"),
        uris="",  # SampleData wants one of each even when nothing is downloaded
        fileNames="",
        nodeNames=SAMPLE_NAME,
        customDownloader=lambda source: [RenalParenchymaLogic().makeSample()],
    )


@parameterNodeWrapper
class RenalParenchymaParameterNode:
    """What is saved with the scene. 0 means "not given"."""

    inputVolume: vtkMRMLScalarVolumeNode
    outputSegmentation: vtkMRMLSegmentationNode
    device: Device = Device.AUTO
    speed: Quality = Quality.STANDARD
    members: Annotated[int, WithinRange(1, 16)] = 4
    age: Annotated[float, WithinRange(0, 120)] = 0.0
    sex: Sex = Sex.NOT_GIVEN
    height: Annotated[float, WithinRange(0, 250)] = 0.0
    weight: Annotated[float, WithinRange(0, 400)] = 0.0
    creatinine: Annotated[float, WithinRange(0, 30)] = 0.0
    overlayOpacity: Annotated[float, WithinRange(0, 1)] = 0.5
    overlayThreshold: Annotated[float, WithinRange(0, 100)] = 20.0


class RenalParenchymaWidget(VolumetryWidget):
    """The shared panel with the inputs of this module."""

    def makeLogic(self):
        return RenalParenchymaLogic()

    def setup(self):
        super().setup()
        self.ui.creatinineSpinBox.connect("valueChanged(double)", self._showCreatinineInSi)
        self._showCreatinineInSi(self.ui.creatinineSpinBox.value)

    def _showCreatinineInSi(self, value):
        self.ui.creatinineSiLabel.text = _("= {value} µmol/L").format(value=round(value * 88.4)) if value else ""


class RenalParenchymaLogic(SegmentationLogic):
    """Volume node in, segmentation, maps and tables out. Usable from scripts without the panel."""

    module = "renal"
    sampleNames: ClassVar = {"volume": SAMPLE_NAME}

    def getParameterNode(self):
        return RenalParenchymaParameterNode(super().getParameterNode())

    def parameters(self, parameterNode):
        """The parameter node as the dictionary that RenalParenchymaLib.parameters reads."""
        return {
            "members": parameterNode.members,
            "speed": parameterNode.speed.value,
            "age": parameterNode.age,
            "sex": parameterNode.sex.value,
            "height_cm": parameterNode.height,
            "weight_kg": parameterNode.weight,
            "creatinine_mg_dl": parameterNode.creatinine,
        }

    def names(self):
        from RenalParenchymaLib.live import names

        return names()

    def measure(self, result):
        from RenalParenchymaLib.live import measure

        return measure(result)

    def measureAgain(self, measured, changed=None, reviewed=None, parameters=None):
        from RenalParenchymaLib.live import measure_again

        return measure_again(self.result, measured, changed, reviewed, parameters)

    def fittingMasks(self, masks, changed):
        from RenalParenchymaLib.nesting import nested_after_edit

        return nested_after_edit(masks, set(changed))

    def makeSample(self):
        """Add the phantom study to the scene and return its volume node."""
        return self.makeSamples()["volume"]


class RenalParenchymaTest(ScriptedLoadableModuleTest):
    """The whole way on the phantom study, whose volumes are known."""

    def runTest(self):
        self.setUp()
        self.test_phantomFromSegmentToExport()

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_phantomFromSegmentToExport(self):
        import tempfile

        from RenalParenchymaLib import demo

        logic = RenalParenchymaLogic()
        self.addCleanup(logic.close)
        self.delayDisplay(_("Segmenting the phantom"))
        result = logic.segment({"volume": logic.makeSample()}, {"speed": "fast", "members": 2})
        measured = self.volumes(result)
        labels, names = demo.reference(0)
        self.assertIsNotNone(logic.segmentationNode)
        for side in ("left", "right"):
            known = sum((labels.voxels == value).sum() for value, name in names.items() if name.startswith(side)) * labels.voxel_ml
            self.assertLess(abs(measured[f"{side}_kidney"] - known) / known, 0.25)
        self.delayDisplay(_("Correcting the left kidney"))
        array = slicer.util.arrayFromSegmentBinaryLabelmap(logic.segmentationNode, "left_kidney")
        array[: len(array) // 2] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, logic.segmentationNode, "left_kidney")
        self.assertTrue(logic.remeasure())
        self.assertLess(self.volumes(logic.result)["left_kidney"], measured["left_kidney"])
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("left_kidney", logic.exportCsv(Path(folder)).read_text())
        self.delayDisplay(_("Test passed"))

    def volumes(self, result):
        return {measurement.segment: measurement.value for measurement in result.measurements if measurement.name == "Volume"}
