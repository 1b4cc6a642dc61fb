"""SpleenVolume: the spleen on one, two or three ultrasound pictures, and its volume with an interval.

A shell: what the modules share is in DeepVolumetryLib.panel, what computes is in SpleenVolumeLib.
"""

import enum
import sys
from pathlib import Path
from typing import Annotated, ClassVar, Union

import slicer
from slicer import vtkMRMLMarkupsLineNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLVectorVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *

# Installed, DeepVolumetryLib lies beside this file; in a clone it lies beside this file's folder.
_HERE = Path(__file__).resolve().parent
for _folder in (_HERE, _HERE.parent):
    if (_folder / "DeepVolumetryLib").is_dir() and str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from DeepVolumetryLib.panel.choices import Device, Sex  # noqa: E402
from DeepVolumetryLib.panel.panelBase import VolumetryWidget  # noqa: E402
from DeepVolumetryLib.panel.pixelSizeSection import PixelSizeSection  # noqa: E402
from DeepVolumetryLib.panel.segmentationLogic import SegmentationLogic  # noqa: E402

SAMPLE_NAME = "SpleenPhantom"
TITLES = {"coronal": "Coronal", "transverse": "Transverse", "sagittal": "Sagittal"}
PICTURES = ("vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode")
Picture = Union[vtkMRMLScalarVolumeNode, vtkMRMLVectorVolumeNode, None]  # noqa: UP007 - Slicer's parameter nodes know this spelling
GENERATED_COLOR, REAL_COLOR, PATH_COLOR, PATIENT_COLOR = (150, 160, 170), (79, 179, 217), (157, 108, 162), (220, 60, 40)


class SpleenVolume(ScriptedLoadableModule):
    """What Slicer shows about the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Spleen Volume")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.contributors = ["DeepVolumetry contributors"]
        parent.helpText = _(
            "Outlines the spleen on one, two or three B-mode ultrasound pictures and estimates its volume with an interval, compares it "
            "with reference limits, and shows where the shape lies among those that the model learned from. Choose the pictures, press "
            "Segment, review the outlines. The size of a pixel must be known. All data remain on this computer. Not a medical device."
        )
        parent.acknowledgementText = _(
            "The method follows DeepSPV: Yuan Z et al., Medical Image Analysis 2025, arXiv:2411.11190. Its weights and data are not "
            "public: both are this extension's own. Limits: Prassopoulos et al. 1997 (adults); Chow et al., Radiology 2016;279:306 (sex "
            "and height); Rosenberg et al., American Journal of Roentgenology 1991;157:119 (children)."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """A phantom study, made when it is asked for: nothing is downloaded, and its volume is known."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="DeepVolumetry",
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(_HERE / "Resources" / "Icons" / "SpleenPhantom.png"),
        uris="",  # SampleData wants one of each even when nothing is downloaded
        fileNames="",
        nodeNames=SAMPLE_NAME,
        customDownloader=lambda source: list(SpleenVolumeLogic().makeSamples().values()),
    )


class Method(enum.Enum):
    """As the parameters spell how the volume is estimated."""

    AUTO = "auto"
    ENSEMBLE = "ensemble"
    KERNEL = "kernel"
    DICE = "dice"
    RVAE = "rvae"
    RVAE_CI = "rvae-ci"
    PLR = "plr"
    NN = "nn"
    RESNET18 = "resnet18"
    VGG16 = "vgg16"
    DENSENET121 = "densenet121"
    PIX2VOX = "pix2vox"
    STACK = "stack"
    LOGLINEAR = "loglinear"
    ELLIPSOID = "ellipsoid"
    PRASSOPOULOS = "prassopoulos"

    def label(self) -> str:
        from SpleenVolumeLib.methods import TITLES

        if self is Method.AUTO:
            return _("Automatic: the best for the views")
        title = TITLES[self.value]
        return title[:1].upper() + title[1:]


class Turn(enum.Enum):
    """Degrees clockwise, as the parameters spell them."""

    NONE = "0"
    RIGHT = "90"
    HALF = "180"
    LEFT = "270"

    def label(self) -> str:
        return {"0": _("as it is"), "90": _("turn right"), "180": _("upside down"), "270": _("turn left")}[self.value]


@parameterNodeWrapper
class SpleenVolumeParameterNode:
    """What is saved with the scene. 0 means "not given"."""

    inputCoronal: Picture = None
    inputTransverse: Picture = None
    inputSagittal: Picture = None
    coronalLine: vtkMRMLMarkupsLineNode
    transverseLine: vtkMRMLMarkupsLineNode
    sagittalLine: vtkMRMLMarkupsLineNode
    coronalLineLength: Annotated[float, WithinRange(0, 500)] = 0.0
    transverseLineLength: Annotated[float, WithinRange(0, 500)] = 0.0
    sagittalLineLength: Annotated[float, WithinRange(0, 500)] = 0.0
    coronalMirror: bool = False
    transverseMirror: bool = False
    sagittalMirror: bool = False
    coronalTurn: Turn = Turn.NONE
    transverseTurn: Turn = Turn.NONE
    sagittalTurn: Turn = Turn.NONE
    outputSegmentation: vtkMRMLSegmentationNode
    device: Device = Device.AUTO
    members: Annotated[int, WithinRange(1, 10)] = 5
    method: Method = Method.AUTO
    age: Annotated[float, WithinRange(0, 120)] = 0.0
    sex: Sex = Sex.NOT_GIVEN
    height: Annotated[float, WithinRange(0, 250)] = 0.0
    length: Annotated[float, WithinRange(0, 400)] = 0.0
    depth: Annotated[float, WithinRange(0, 400)] = 0.0
    overlayOpacity: Annotated[float, WithinRange(0, 1)] = 0.5
    overlayThreshold: Annotated[float, WithinRange(0, 100)] = 20.0
    overlayTarget: str = "spleen"


class SpleenVolumeWidget(VolumetryWidget):
    """The shared panel with the pictures of this module and the size of their pixels."""

    inputs: ClassVar = {view: view for view in TITLES}
    parts = ("Shapes",)

    def makeLogic(self):
        return SpleenVolumeLogic()

    def setup(self):
        super().setup()
        self.pixelSizeSection = PixelSizeSection(self.ui, self.inputsSection, self.inputs, self._refreshReady)
        for selector in self.inputsSection.selectors.values():
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self._onPictureChosen)

    def _onPictureChosen(self, node):
        self.logic.takeSizes(self.inputsSection.nodes)
        self.pixelSizeSection.refresh()
        self._refreshReady()


class SpleenVolumeLogic(SegmentationLogic):
    """Volume nodes of one slice in, outlines, maps and tables out. Usable from scripts without the panel."""

    module = "spleen"
    changeThreshold = 35.0  # a spleen response, see DeepVolumetryLib.measure.crossing
    sampleNames: ClassVar = {view: f"{SAMPLE_NAME} {title}" for view, title in list(TITLES.items())[:2]}
    inputTitles = TITLES

    def getParameterNode(self):
        return SpleenVolumeParameterNode(super().getParameterNode())

    def parameters(self, parameterNode):
        """The parameter node as the dictionary that SpleenVolumeLib.parameters reads."""
        return {
            "members": parameterNode.members,
            "method": parameterNode.method.value,
            "age": parameterNode.age,
            "sex": parameterNode.sex.value,
            "height_cm": parameterNode.height,
            "length_mm": parameterNode.length,
            "depth_mm": parameterNode.depth,
            **{f"{view}_mirror": getattr(parameterNode, f"{view}Mirror") for view in TITLES},
            **{f"{view}_turn": int(getattr(parameterNode, f"{view}Turn").value) for view in TITLES},
        }

    # ---- inputs

    def inputProblem(self, node):
        """What is wrong with a picture, the unknown size of its pixels included."""
        from DeepVolumetryLib.mrml.pixel_size import pixel_size

        if node is None:
            return _("Needed. Choose a picture, or press Sample data.")
        if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
            return _("{name} has no pixels. Choose another picture.").format(name=node.GetName())
        if min(node.GetImageData().GetDimensions()) > 1:
            return _("{name} has several slices or frames. Choose a volume that holds one picture.").format(name=node.GetName())
        if pixel_size(node)[0] is None:
            return _("The size of its pixels is not known. Draw a line along its depth scale under Pixel size, below.")
        return ""

    def inputProblems(self, nodes):
        """The coronal view must be there; what is there must be usable, and each picture chosen once."""
        chosen = {name: node for name, node in nodes.items() if node}
        problems = {name: problem for name, node in chosen.items() if (problem := self.inputProblem(node))}
        for name, node in chosen.items():
            twin = next((other for other in chosen if other != name and chosen[other] is node), None)
            if twin and name not in problems:
                problems[name] = _("This picture is chosen for {other} too. Choose another one.").format(other=TITLES[twin])
        if "coronal" not in chosen:
            problems = {"coronal": self.inputProblem(None), **problems}
        return problems

    def inputNotes(self, nodes):
        """What a missing view costs."""
        costs = {
            "transverse": _("Optional: with it the interval is narrower."),
            "sagittal": _("Optional: a third view helps a little more."),
        }
        return {name: cost for name, cost in costs.items() if nodes.get(name) is None}

    def guessInputs(self):
        """By name and DICOM header, among the volumes of one slice."""
        from DeepVolumetryLib.mrml.dicom_header import header_of
        from DeepVolumetryLib.mrml.nodes import input_candidates
        from SpleenVolumeLib.guess import assign

        flat = [node for node in input_candidates(PICTURES) if node.GetImageData() and min(node.GetImageData().GetDimensions()) == 1]
        found = assign([node.GetName() for node in flat], [header_of(node) for node in flat])
        return {view: (flat[number], _("Guessed from its name.") if len(flat) > 1 else "") for view, number in found.items()}

    def takeSizes(self, nodes):
        """Give pictures that came from Slicer's database the pixel size that their files state."""
        from DeepVolumetryLib.mrml.pixel_size import take_from_header

        for node in nodes.values():
            if node is not None and node.GetImageData() is not None:
                take_from_header(node)

    def imageOf(self, node):
        """The picture with the size of its pixels and where that comes from; 1 mm that nobody stated never counts as known."""
        import dataclasses

        from DeepVolumetryLib.mrml.pixel_size import pixel_size
        from DeepVolumetryLib.mrml.volumes import image_from_node

        return dataclasses.replace(image_from_node(node, color=True), spacing_source=pixel_size(node)[1])

    # ---- measuring

    def measure(self, result):
        from SpleenVolumeLib.live import measure

        return measure(result, self.module)

    def measureAgain(self, measured, changed=None, reviewed=None, parameters=None):
        from SpleenVolumeLib.live import measure_again

        return measure_again(self.result, measured, changed, parameters=parameters)

    # ---- showing

    def targetName(self, target):
        view = self.partOf(target) or "coronal"
        return _("Spleen, {view}").format(view=view) if self.result and self.result.companions else _("Spleen")

    def methodUsed(self):
        """The method and how far its interval can be trusted, in words; "" before there is a result."""
        notes = self.notes()
        return " ".join(note for note in notes if note.startswith("Method:") or " interval:" in note)

    def showShapes(self):
        """The latent map of this spleen as a chart, and five decoded outlines as a picture; returns what to say about it."""
        from DeepVolumetryLib.errors import InputError
        from DeepVolumetryLib.mrml.shape_map import Points, show_decoded, show_map
        from SpleenVolumeLib.volume import latent_map

        self.prepare()
        views = self._measured.views
        found = latent_map(self._measured.model, views) if views else None
        if found is None:
            raise InputError(_("This model has no latent map for these views."))
        real = found.training_real
        patient = Points(_("this spleen"), found.patient_xy[None], [found.patient_ml], PATIENT_COLOR, 14.0)
        series = [
            Points(_("generated spleens"), found.training_xy[~real], found.training_ml[~real], GENERATED_COLOR, 4.0),
            Points(_("real spleens"), found.training_xy[real], found.training_ml[real], REAL_COLOR),
            Points(_("first axis"), found.path_xy, found.path_ml, PATH_COLOR, 9.0, True),
            patient,
        ]
        show_map(self.inputNode, "spleen", [points for points in series if len(points.xy)], _("Latent map: spleens by shape"))
        show_decoded(self.inputNode, "spleen", found.path_masks, found.path_pixel_mm)
        volumes = ", ".join(f"{volume:.0f}" for volume in found.path_ml)
        return _("Five outlines along the first axis are a new volume; theirs would be {volumes} mL.").format(volumes=volumes)


class SpleenVolumeTest(ScriptedLoadableModuleTest):
    """The whole way on the phantom study, whose volume is known."""

    def runTest(self):
        self.setUp()
        self.test_phantomFromSegmentToExport()

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_phantomFromSegmentToExport(self):
        import tempfile

        from SpleenVolumeLib import demo

        logic = SpleenVolumeLogic()
        self.addCleanup(logic.close)
        self.delayDisplay(_("Measuring the phantom"))
        result = logic.segment(logic.makeSamples(), {"members": 2})
        known = demo.phantom(0).volume_ml
        measured = self.volume(result)
        self.assertEqual(len(logic.segmentationNodes), 2)
        self.assertLess(abs(measured - known) / known, 0.35)
        self.delayDisplay(_("Erasing half of the coronal outline"))
        array = slicer.util.arrayFromSegmentBinaryLabelmap(logic.segmentationNode, "spleen")
        array[:, : array.shape[1] // 2] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, logic.segmentationNode, "spleen")
        self.assertTrue(logic.remeasure())
        self.assertLess(self.volume(logic.result), measured)
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("spleen", logic.exportCsv(Path(folder)).read_text())
        self.delayDisplay(_("Test passed"))

    def volume(self, result):
        return next(measurement.value for measurement in result.measurements if measurement.name == "Volume")
