"""FemurQCT: proximal femora on hip CT, their density by region and their strength.

A shell: what the modules share is in DeepVolumetryLib.panel, what computes is in FemurQCTLib.
"""

import enum
import sys
from pathlib import Path
from typing import Annotated, ClassVar

import slicer
from slicer import vtkMRMLMarkupsFiducialNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *

# Installed, DeepVolumetryLib lies beside this file; in a clone it lies beside this file's folder.
_HERE = Path(__file__).resolve().parent
for _folder in (_HERE, _HERE.parent):
    if (_folder / "DeepVolumetryLib").is_dir() and str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from DeepVolumetryLib.panel.calibrationSection import CalibrationSection  # noqa: E402
from DeepVolumetryLib.panel.choices import Device, Quality  # noqa: E402
from DeepVolumetryLib.panel.femurLogic import FemurLogic  # noqa: E402
from DeepVolumetryLib.panel.panelBase import VolumetryWidget  # noqa: E402

SAMPLE_NAME = "FemurPhantom"
_DENSITIES = {
    "mindways_3": (-51.83, -53.40, 58.88, 157.05, 375.83),
    "qrm_bdc_3": (100.0, 400.0, 800.0),
    "qrm_bdc_6": (0.0, 100.0, 200.0, 400.0, 600.0, 800.0),
    "image_analysis": (8.0, 97.3, 189.8),
    "bmas_200": (0.0, 50.0, 100.0, 150.0, 200.0),
    "siemens_osteo": (0.0, 200.0),
}  # as FemurQCTLib.calibration has them, which needs scipy and so cannot be imported when Slicer starts; a test compares


class FemurQCT(ScriptedLoadableModule):
    """What Slicer shows about the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Femur QCT")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.contributors = ["DeepVolumetry contributors"]
        parent.helpText = _(
            "Segments the proximal femora on CT of the hip and reports volume, bone mineral density and content by region with intervals, "
            "cortical thickness, projected density and a finite element estimate of strength. Choose a volume and the calibration phantom "
            "under the patient, press Segment, review the places that the model is unsure about. All data remain on this computer. "
            "Not a medical device."
        )
        parent.acknowledgementText = _(
            "The segmentation follows Zhao et al. 2020, arXiv:2006.05513. Shapes: morphable femur of Unibas GRAVIS (Apache-2.0). "
            "Label maps: TotalSegmentator, Wasserthal et al. (CC BY 4.0)."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """A phantom study, made when it is asked for: nothing is downloaded, and its volumes and densities are known."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="DeepVolumetry",
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(_HERE / "Resources" / "Icons" / "FemurPhantom.png"),
        uris="",  # SampleData wants one of each even when nothing is downloaded
        fileNames="",
        nodeNames=SAMPLE_NAME,
        customDownloader=lambda source: [FemurQCTLogic().makeSample()],
    )


class Side(enum.Enum):
    """As the parameters spell which femora are measured."""

    BOTH = "both"
    LEFT = "left"
    RIGHT = "right"

    def label(self) -> str:
        return {"both": _("Both"), "left": _("Left"), "right": _("Right")}[self.value]


class Contrast(enum.Enum):
    """As the parameters spell whether contrast medium was given."""

    UNKNOWN = "unknown"
    NO = "no"
    YES = "yes"

    def label(self) -> str:
        return {"unknown": _("not stated"), "no": _("none"), "yes": _("given")}[self.value]


class Phantom(enum.Enum):
    """As the parameters spell the calibration phantoms."""

    NONE = ""
    MINDWAYS = "mindways_3"
    QRM_3 = "qrm_bdc_3"
    QRM_6 = "qrm_bdc_6"
    IMAGE_ANALYSIS = "image_analysis"
    BMAS = "bmas_200"
    SIEMENS = "siemens_osteo"

    def label(self) -> str:
        return {
            "": _("None: Hounsfield units only"),
            "mindways_3": _("Mindways Model 3 (K2HPO4)"),
            "qrm_bdc_3": _("QRM-BDC, 3 rods (HA)"),
            "qrm_bdc_6": _("QRM-BDC, 6 rods (HA)"),
            "image_analysis": _("Image Analysis QCT-3D Plus (HA)"),
            "bmas_200": _("B-MAS 200 (HA)"),
            "siemens_osteo": _("Siemens Osteo (HA)"),
        }[self.value]


class CalibrationSource(enum.Enum):
    """Where the calibration comes from."""

    FOUND = "found"
    MARKED = "marked"
    ENTERED = "entered"

    def label(self) -> str:
        return {"found": _("Found automatically"), "marked": _("Marked with points"), "entered": _("Entered: slope and intercept")}[
            self.value
        ]


@parameterNodeWrapper
class FemurQCTParameterNode:
    """What is saved with the scene. 0 means "not given"."""

    inputVolume: vtkMRMLScalarVolumeNode
    outputSegmentation: vtkMRMLSegmentationNode
    rods: vtkMRMLMarkupsFiducialNode
    device: Device = Device.AUTO
    speed: Quality = Quality.STANDARD
    members: Annotated[int, WithinRange(1, 16)] = 4
    side: Side = Side.BOTH
    contrast: Contrast = Contrast.UNKNOWN
    phantom: Phantom = Phantom.NONE
    calibrationSource: CalibrationSource = CalibrationSource.FOUND
    certificate: str = ""
    slope: Annotated[float, WithinRange(0, 5)] = 0.0
    intercept: Annotated[float, WithinRange(-500, 500)] = 0.0
    kvp: Annotated[float, WithinRange(0, 180)] = 0.0
    calibrationKvp: Annotated[float, WithinRange(0, 180)] = 0.0
    overlayOpacity: Annotated[float, WithinRange(0, 1)] = 0.5
    overlayThreshold: Annotated[float, WithinRange(0, 100)] = 20.0


class FemurQCTWidget(VolumetryWidget):
    """The shared panel with the calibration of this module."""

    parts = ("Bone",)

    def makeLogic(self):
        return FemurQCTLogic()

    def setup(self):
        self.calibrationSection = None
        super().setup()
        self.logic.onMeasured = self._refreshAfterCorrection
        self.calibrationSection = CalibrationSection(self.ui, lambda phantom: _DENSITIES[phantom], self._onCertificate)
        self._shownPhantom = None
        if self._parameterNode:
            self.showParameters(self._parameterNode)

    def showParameters(self, parameterNode):
        if self.calibrationSection is None:
            return
        phantom = parameterNode.phantom.value
        if self._shownPhantom not in (None, phantom) and parameterNode.certificate:
            parameterNode.certificate = ""  # that of another phantom
        self._shownPhantom = phantom
        result = self.logic.result
        extras = result.extras if result else {}
        self.calibrationSection.show(
            phantom, parameterNode.calibrationSource.value, densitiesOf(parameterNode.certificate), extras.get("calibration"),
            extras.get("why_none", ""),
        )  # fmt: skip

    def _refreshMeasurements(self):
        super()._refreshMeasurements()
        if self._parameterNode:
            self.showParameters(self._parameterNode)

    def _onParametersChanged(self, caller, event):
        super()._onParametersChanged(caller, event)
        self.showParameters(self._parameterNode)

    def _onCertificate(self, densities):
        phantom = self._parameterNode.phantom.value
        typed = ", ".join(f"{density:g}" for density in densities)
        self._parameterNode.certificate = "" if tuple(densities) == _DENSITIES[phantom] else typed


class FemurQCTLogic(FemurLogic):
    """Volume node in, segmentation, density and tables out. Usable from scripts without the panel."""

    module = "femur"
    sampleNames: ClassVar = {"volume": SAMPLE_NAME}

    def getParameterNode(self):
        return FemurQCTParameterNode(super().getParameterNode())

    def parameters(self, parameterNode):
        """The parameter node as the dictionary that FemurQCTLib.parameters reads."""
        values = {
            "members": parameterNode.members,
            "speed": parameterNode.speed.value,
            "side": parameterNode.side.value,
            "contrast": parameterNode.contrast.value,
            "phantom": parameterNode.phantom.value,
        }
        if not values["phantom"]:
            return values
        source = parameterNode.calibrationSource
        if source is CalibrationSource.ENTERED:
            if parameterNode.slope:
                values |= {"slope": parameterNode.slope, "intercept": parameterNode.intercept}
                values |= {"kvp": parameterNode.kvp, "calibration_kvp": parameterNode.calibrationKvp}
            else:
                values["phantom"] = ""  # nothing was entered yet
            return values
        if parameterNode.certificate:
            values["certificate"] = densitiesOf(parameterNode.certificate)
        if source is CalibrationSource.MARKED and parameterNode.rods:
            values["rods"] = self.pointsOf(parameterNode.rods)
        return values

    def makeSample(self):
        """Add the phantom study to the scene and return its volume node."""
        return self.makeSamples()["volume"]


def densitiesOf(text):
    """Numbers of a certificate as it is kept in the parameter node, "100, 400, 800"."""
    return tuple(float(part) for part in text.split(",")) if text else ()


class FemurQCTTest(ScriptedLoadableModuleTest):
    """The whole way on the phantom study, whose volumes and densities are known."""

    def runTest(self):
        self.setUp()
        self.test_phantomFromSegmentToExport()

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_phantomFromSegmentToExport(self):
        import tempfile

        from FemurQCTLib import demo

        logic = FemurQCTLogic()
        self.addCleanup(logic.close)
        self.delayDisplay(_("Segmenting the phantom"))
        result = logic.segment({"volume": logic.makeSample()}, {"speed": "fast", "phantom": demo.PHANTOM})
        measured = self.volumes(result)
        truth = demo.truth_ml(*demo.reference())
        self.assertIsNotNone(logic.nodes.maps.get("density"))
        for segment, known in truth.items():
            self.assertLess(abs(measured[segment] - known) / known, 0.1)
        self.delayDisplay(_("Correcting the left femur"))
        array = slicer.util.arrayFromSegmentBinaryLabelmap(logic.segmentationNode, "left_femur")
        array[: len(array) // 2] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, logic.segmentationNode, "left_femur")
        self.assertTrue(logic.remeasure())
        self.assertLess(self.volumes(logic.result)["left_femur"], measured["left_femur"])
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("left_femur", logic.exportCsv(Path(folder)).read_text())
        self.delayDisplay(_("Test passed"))

    def volumes(self, result):
        return {measurement.segment: measurement.value for measurement in result.measurements if measurement.name == "Volume"}
