"""GliomaUncertainty: whole tumor, tumor core and enhancing tumor on MR, with a map of where the model is unsure.

A shell: what the modules share is in DeepVolumetryLib.panel, what computes is in GliomaUncertaintyLib.
"""

import enum
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

from DeepVolumetryLib.panel.choices import Device, Quality  # noqa: E402
from DeepVolumetryLib.panel.panelBase import VolumetryWidget  # noqa: E402
from DeepVolumetryLib.panel.segmentationLogic import SegmentationLogic  # noqa: E402

SAMPLE_NAME = "GliomaPhantom"
TITLES = {"t1": "T1", "t1ce": "T1 + contrast", "t2": "T2", "flair": "FLAIR"}


class GliomaUncertainty(ScriptedLoadableModule):
    """What Slicer shows about the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Glioma Uncertainty")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.contributors = ["DeepVolumetry contributors"]
        parent.helpText = _(
            "Segments whole tumor, tumor core and enhancing tumor on T1, contrast-enhanced T1, T2 and FLAIR MR, shows voxel by voxel how "
            "unsure the model is, and reports volumes with intervals, diameters and the change since a prior study. Choose the volumes, "
            "press Segment, review the places that the model is unsure about. All data remain on this computer. Not a medical device."
        )
        parent.acknowledgementText = _(
            "The uncertainty follows SPU-Net: Yang Z et al., Medical Physics 2024;51(3):1931-1943. Its projection equation and weights are "
            "not public: both are this extension's own. Size thresholds: RANO 2.0, Wen PY et al., J Clin Oncol 2023, "
            "doi:10.1200/JCO.23.01059. Uncertainty score: QU-BraTS, Mehta R et al., MELBA 2022."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """A phantom study, made when it is asked for: nothing is downloaded, and its volumes are known."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="DeepVolumetry",
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(_HERE / "Resources" / "Icons" / "GliomaPhantom.png"),
        uris="",  # SampleData wants one of each even when nothing is downloaded
        fileNames="",
        nodeNames=SAMPLE_NAME,
        customDownloader=lambda source: list(GliomaUncertaintyLogic().makeSamples().values()),
    )


class Method(enum.Enum):
    """As the parameters spell how the members are made."""

    SPU = "spu"
    UNET = "unet"
    TTA = "tta"
    LSU = "lsu"
    MC_DROPOUT = "mcdropout"
    ENSEMBLE = "ensemble"

    def label(self) -> str:
        return {
            "spu": _("SPU-Net (spherical projections)"),
            "unet": _("U-Net"),
            "tta": _("U-Net with test-time augmentation"),
            "lsu": _("LSU-Net (linear magnification)"),
            "mcdropout": _("Monte Carlo dropout"),
            "ensemble": _("Checkpoint ensemble"),
        }[self.value]


class Projection(enum.Enum):
    """As the parameters spell how a sphere is spread out."""

    EQUIDISTANT = "equidistant"
    ORTHOGRAPHIC = "orthographic"

    def label(self) -> str:
        return {"equidistant": _("Equidistant"), "orthographic": _("Orthographic")}[self.value]


class Uncertainty(enum.Enum):
    """As the parameters spell what the uncertainty map shows."""

    ERROR = "error"
    SPREAD = "spread"
    ENTROPY = "entropy"

    def label(self) -> str:
        return {"error": _("Chance of error"), "spread": _("Spread of the predictions"), "entropy": _("Entropy")}[self.value]


class Scheme(enum.Enum):
    """As the parameters spell what the values of a label map mean."""

    BRATS_2023 = "brats2023"
    BRATS_2024 = "brats2024"
    BRATS_2021 = "brats2021"
    BRATS_2013 = "brats2013"
    MSD = "msd"

    def label(self) -> str:
        return self._said()[0]

    def meaning(self) -> str:
        return self._said()[1]

    def _said(self) -> tuple[str, str]:
        from GliomaUncertaintyLib.labels import SCHEMES

        title, _colon, values = SCHEMES[self.value].title.partition(": ")
        return title, values


@parameterNodeWrapper
class GliomaUncertaintyParameterNode:
    """What is saved with the scene."""

    inputT1: vtkMRMLScalarVolumeNode
    inputT1ce: vtkMRMLScalarVolumeNode
    inputT2: vtkMRMLScalarVolumeNode
    inputFlair: vtkMRMLScalarVolumeNode
    outputSegmentation: vtkMRMLSegmentationNode
    device: Device = Device.AUTO
    speed: Quality = Quality.STANDARD
    members: Annotated[int, WithinRange(1, 25)] = 10
    method: Method = Method.SPU
    projection: Projection = Projection.EQUIDISTANT
    magnification: Annotated[float, WithinRange(1, 4)] = 2.0
    uncertainty: Uncertainty = Uncertainty.ERROR
    scheme: Scheme = Scheme.BRATS_2023
    overlayOpacity: Annotated[float, WithinRange(0, 1)] = 0.5
    overlayThreshold: Annotated[float, WithinRange(0, 100)] = 20.0
    overlayTarget: str = "WT"
    hideAbove: Annotated[float, WithinRange(0, 100)] = 50.0


class GliomaUncertaintyWidget(VolumetryWidget):
    """The shared panel with the inputs and methods of this module."""

    inputs: ClassVar = {"t1": "t1", "t1ce": "t1ce", "t2": "t2", "flair": "flair"}
    parts = ("Certainty", "Comparison", "LabelMap")

    def makeLogic(self):
        return GliomaUncertaintyLogic()

    def showParameters(self, parameterNode):
        """Only what the chosen method uses can be set."""
        method = parameterNode.method
        ui, isMagnified = self.ui, method in (Method.SPU, Method.LSU)
        for widgets, isUsed in (
            ((ui.membersLabel, ui.membersSpinBox), method is not Method.UNET),
            ((ui.projectionLabel, ui.projectionComboBox), method is Method.SPU),
            ((ui.magnificationLabel, ui.magnificationSlider), isMagnified),
        ):
            for widget in widgets:
                widget.setEnabled(isUsed)


class GliomaUncertaintyLogic(SegmentationLogic):
    """Volume nodes in, segmentation, maps and tables out. Usable from scripts without the panel."""

    module = "glioma"
    sampleNames: ClassVar = {name: f"{SAMPLE_NAME} {title}" for name, title in TITLES.items()}
    inputTitles = TITLES
    preferredBackground = "flair"
    showsProbability = True

    def getParameterNode(self):
        return GliomaUncertaintyParameterNode(super().getParameterNode())

    def parameters(self, parameterNode):
        """The parameter node as the dictionary that GliomaUncertaintyLib.parameters reads."""
        return {
            "members": parameterNode.members,
            "method": parameterNode.method.value,
            "projection": parameterNode.projection.value,
            "magnification": parameterNode.magnification,
            "uncertainty": parameterNode.uncertainty.value,
            "speed": parameterNode.speed.value,
            "scheme": parameterNode.scheme.value,
        }

    # ---- inputs

    def inputProblems(self, nodes):
        """T1 with contrast or FLAIR must be there; what is there must be usable, and each volume chosen once."""
        chosen = {name: node for name, node in nodes.items() if node}
        problems = {name: problem for name, node in chosen.items() if (problem := self.inputProblem(node))}
        for name, node in chosen.items():
            twin = next((other for other in chosen if other != name and chosen[other] is node), None)
            if twin and name not in problems:
                problems[name] = _("This volume is chosen for {other} too. Choose another one.").format(other=TITLES[twin])
        if not problems and "t1ce" not in chosen and "flair" not in chosen:
            problems["t1ce"] = _("Needed, unless there is FLAIR. Choose a volume, or press Sample data.")
            problems["flair"] = _("Needed, unless there is T1 with contrast.")
        return problems

    def inputNotes(self, nodes):
        """What a missing sequence costs."""
        costs = {name: _("Optional: without it the intervals are wider.") for name in TITLES}
        costs["t1ce"] = _("Without it enhancing tumor and core cannot be told from the rest.")
        costs["flair"] = _("Without it whole tumor and edema are unreliable.")
        return {name: cost for name, cost in costs.items() if nodes.get(name) is None}

    def guessInputs(self):
        """By name and DICOM header, within the study of the volume in the slice views or the one that tells most."""
        from DeepVolumetryLib.mrml.dicom_header import header_of
        from DeepVolumetryLib.mrml.nodes import active_volume, input_candidates, study_of
        from GliomaUncertaintyLib.guess import assign, guess

        active, best = active_volume(), {}
        studies = {}
        for node in input_candidates():
            if not self.inputProblem(node):
                studies.setdefault(study_of(node), []).append(node)
        for nodes in sorted(studies.values(), key=lambda nodes: active not in nodes):
            names, headers = [node.GetName() for node in nodes], [header_of(node) for node in nodes]
            found = assign(names, headers)
            if len(found) > len(best):
                best = {name: (nodes[n], guess(names[n], headers[n]).reason) for name, n in found.items()}
        # The name itself stands in the selector above the sentence.
        reasons = {name: why.replace(f" “{node.GetName()}”", "") for name, (node, why) in best.items()}
        return {name: (best[name][0], _("Guessed from {reason}.").format(reason=why) if why else "") for name, why in reasons.items()}

    def referenceInput(self, inputs):
        return "t1ce" if "t1ce" in inputs else "flair"

    # ---- measuring

    def measure(self, result):
        from GliomaUncertaintyLib.live import measure

        return measure(result)

    def measureAgain(self, measured, changed=None, reviewed=None, parameters=None):
        from GliomaUncertaintyLib.live import measure_again

        return measure_again(self.result, measured, changed, reviewed)

    def fittingMasks(self, masks, changed):
        from GliomaUncertaintyLib.live import fitting_masks

        return fitting_masks(self.result, masks, changed)

    def changesSince(self, prior, percent=0):
        """The category of RANO 2.0 first, then the change of every volume."""
        from GliomaUncertaintyLib.rano import RESEARCH, against_prior
        from GliomaUncertaintyLib.rano import response as compared

        measurements = self.result.measurements
        if isinstance(prior, Path):
            response = against_prior(prior, measurements, inputs=[{"uid": self.result.image.uid}])
        else:
            response = compared(prior, measurements)
        self.result.extras["response"] = response.to_dict()
        return [*self._responseSentences(response), *super().changesSince(prior, percent), RESEARCH]

    def _responseSentences(self, response):
        from GliomaUncertaintyLib.rano import WORDS

        sentences = [response.why]
        if response.progression is not None:
            chances = _("Probability that the true volume passed the threshold of progression: {up} %, of response: {down} %.")
            sentences.append(chances.format(up=round(100 * response.progression), down=round(100 * response.response)))
        if response.product_category:
            by_product = _("By the sum of bidimensional products: {words} ({category}).")
            sentences.append(by_product.format(words=WORDS[response.product_category], category=response.product_category))
        return [*sentences, *response.warnings]

    # ---- comparing and writing

    def labelSchemes(self):
        return {scheme.value: (scheme.label(), scheme.meaning()) for scheme in Scheme}

    def scoredRegion(self):
        """The brain: outside of it the probability is exactly 0."""
        return self.result.probability["WT"] > 0

    def labelMap(self):
        import numpy as np

        from GliomaUncertaintyLib.labels import TARGETS, label_map

        scheme = self.getParameterNode().scheme.value
        nothing = np.zeros(self.result.image.shape, bool)
        return {"labels": label_map({target: self.result.segments.get(target, nothing) for target in TARGETS}, scheme)}

    def referenceMasks(self, node, scheme):
        """Segments named like the targets as they are; else label values in the chosen scheme."""
        from DeepVolumetryLib.mrml.reference import labels_on_grid, named_masks
        from GliomaUncertaintyLib.labels import TARGETS, targets_of

        names = {target: (target, self.targetName(target), self.targetName(target).partition(" (")[0]) for target in TARGETS}
        named = named_masks(node, self.result.image, names)
        return named or targets_of(labels_on_grid(node, self.result.image), scheme)


class GliomaUncertaintyTest(ScriptedLoadableModuleTest):
    """The whole way on the phantom study, whose volumes are known."""

    def runTest(self):
        self.setUp()
        self.test_phantomFromSegmentToExport()

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_phantomFromSegmentToExport(self):
        import tempfile

        from GliomaUncertaintyLib import demo

        logic = GliomaUncertaintyLogic()
        self.addCleanup(logic.close)
        self.delayDisplay(_("Segmenting the phantom"))
        result = logic.segment(logic.makeSamples(), {"speed": "fast", "members": 2})
        volumes = self.volumes(result)
        self.assertIsNotNone(logic.segmentationNode)
        known = demo.truth_ml(*demo.reference())
        self.assertLess(abs(volumes["WT"] - known["WT"]) / known["WT"], 0.25)
        self.assertGreaterEqual(volumes["WT"], volumes["TC"])
        self.assertGreaterEqual(volumes["TC"], volumes["ET"])
        self.delayDisplay(_("Erasing the tumor"))
        array = slicer.util.arrayFromSegmentBinaryLabelmap(logic.segmentationNode, "WT")
        array[:] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, logic.segmentationNode, "WT")
        self.assertTrue(logic.remeasure())
        self.assertEqual(set(self.volumes(logic.result).values()), {0.0})
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("WT", logic.exportCsv(Path(folder)).read_text())
        self.delayDisplay(_("Test passed"))

    def volumes(self, result):
        return {measurement.segment: measurement.value for measurement in result.measurements if measurement.name == "Volume"}
