"""What a user gets who installs the extension; run by ctest inside Slicer."""

import sys
import unittest

import slicer

from DeepVolumetryLib.bundle.bundle import Bundle
from DeepVolumetryLib.bundle.store import list_bundles
from DeepVolumetryLib.modules import MODULES

HEAVY = {"torch", "monai"}


class InstalledExtensionTest(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_1_modulesAreThereAndSlicerStartedWithoutTorch(self):
        """First of all tests: later ones may load torch."""
        for entry in MODULES.values():
            self.assertTrue(hasattr(slicer.moduleNames, entry.title), f"{entry.title} is not installed")
        self.assertFalse(HEAVY & set(sys.modules), "the extension slows the start of Slicer down")

    def test_2_panelsOpenAndReopenOnAnEmptyScene(self):
        for entry in MODULES.values():
            slicer.util.selectModule(entry.title)
            self.assertIsNotNone(slicer.util.getModuleWidget(entry.title))
            slicer.mrmlScene.Clear()
            slicer.util.selectModule("Data")
            slicer.util.selectModule(entry.title)

    def test_3_parametersAreSavedWithTheScene(self):
        for entry in MODULES.values():
            logic = slicer.util.getModuleLogic(entry.title)
            logic.getParameterNode().members = 7
            path = slicer.app.temporaryPath + f"/{entry.title}.mrb"
            self.assertTrue(slicer.util.saveScene(path))
            slicer.mrmlScene.Clear()
            slicer.util.loadScene(path)
            self.assertEqual(logic.getParameterNode().members, 7)

    def test_4_modelsThatShipAreCompleteAndVerified(self):
        for entry in MODULES.values():
            bundles = list_bundles(entry)
            self.assertTrue(bundles, f"{entry.title} came without a model")
            for path in bundles:
                if path.parent == entry.models_folder:
                    Bundle.open(path, manifest=entry.manifest_path)
