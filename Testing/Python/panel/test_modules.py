"""What Slicer gets when it lists, opens and self-tests RenalParenchyma."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from DeepVolumetryLib import modules
from DeepVolumetryLib.bundle import list_bundles

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "RenalParenchyma"

IMPORT_ALONE = """
import sys
sys.path[:0] = [{root!r}, {panel!r}]
import standins
standins.install()
sys.path[:2] = [{folder!r}]  # what Slicer adds for a module folder; where the rest lies the module finds out itself
import RenalParenchyma
print(sorted({{"torch", "monai", "SimpleITK", "scipy", "skimage", "pandas"}} & set(sys.modules)))
"""


def test_listing_the_module_of_a_clone_loads_no_heavy_package(tmp_path):
    code = IMPORT_ALONE.format(root=str(ROOT), panel=str(Path(__file__).parent), folder=str(FOLDER))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().splitlines()[-1] == "[]"


def test_module_says_what_it_is_and_what_it_rests_on(load_module):
    parent = load_module("RenalParenchyma", FOLDER).parent
    assert (parent.title, parent.categories) == ("Renal Parenchyma", ("Segmentation",))
    assert "All data remain on this computer" in parent.helpText
    assert "10.1002/mp.17494" in parent.acknowledgementText


def test_sample_data_module_offers_the_phantom_with_a_thumbnail(load_module):
    import slicer

    module = load_module("RenalParenchyma", FOLDER)
    slicer.modules.sampleDataSources = {}
    module.python.registerSampleData()
    source = slicer.modules.sampleDataSources["DeepVolumetry"][0]
    assert source.sampleName == "RenalPhantom" and Path(source.thumbnailFileName).is_file()
    node = source.customDownloader(source)[0]
    assert node.GetName() == "RenalPhantom" and node.GetImageData().GetDimensions()[2] > 50


@pytest.mark.parametrize("width", [400, 440, 500])
def test_no_text_is_cut_off_at_any_usual_panel_width(load_module, process_events, width):
    import qt

    module = load_module("RenalParenchyma", FOLDER, show=True)
    container = module.container
    for section in ("inputs", "model", "segment", "review", "correct", "measurements", "export"):
        getattr(module.ui, f"{section}CollapsibleButton").collapsed = False
    container.resize(width, 1400)
    process_events()
    assert container.width == width
    cut = [
        child.objectName
        for kind in (qt.QLabel, qt.QPushButton)
        for child in container.findChildren(kind)
        if child.visible and child.text and not getattr(child, "wordWrap", False) and child.width < child.minimumSizeHint.width()
    ]
    assert not cut


def test_every_control_says_what_it_does(load_module):
    import ctk
    import qt
    import slicer

    module = load_module("RenalParenchyma", FOLDER)
    kinds = (qt.QPushButton, qt.QComboBox, qt.QAbstractSpinBox, ctk.ctkSliderWidget, qt.QTableWidget, slicer.qMRMLNodeComboBox)
    files = (FOLDER / "Resources/UI/RenalParenchyma.ui", ROOT / "DeepVolumetryLib/panel/Workflow.ui")
    own = {name for file in files for name in names(file)}
    controls = [child for kind in kinds for child in module.container.findChildren(kind) if child.objectName in own]
    silent = [control.objectName for control in controls if not control.toolTip]
    assert not silent


def names(ui_file):
    import xml.etree.ElementTree as ElementTree

    return [element.get("name") for element in ElementTree.parse(ui_file).iter("widget")]


@pytest.mark.slow
def test_self_test_goes_the_whole_way_with_the_real_model(load_module):
    if not any(path.parent == modules.MODULES["renal"].models_folder for path in list_bundles("renal")):
        pytest.skip("the model does not ship yet")
    module = load_module("RenalParenchyma", FOLDER)
    module.instance.runTest()
