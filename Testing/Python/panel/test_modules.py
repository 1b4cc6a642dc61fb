"""What Slicer gets when it lists, opens and self-tests a module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from DeepVolumetryLib import modules
from DeepVolumetryLib.bundle import list_bundles

ROOT = Path(__file__).resolve().parents[3]
MODULES = ("RenalParenchyma", "GliomaUncertainty", "SpleenVolume")
SECTIONS = ("inputs", "model", "segment", "review", "correct", "measurements", "export")

IMPORT_ALONE = """
import sys
sys.path[:0] = [{root!r}, {panel!r}]
import standins
standins.install()
sys.path[:2] = [{folder!r}]  # what Slicer adds for a module folder; where the rest lies the module finds out itself
import {module}
print(sorted({{"torch", "monai", "SimpleITK", "scipy", "skimage", "pandas"}} & set(sys.modules)))
"""


def folder_of(module: str) -> Path:
    return ROOT / module


@pytest.mark.parametrize("module", MODULES)
def test_listing_the_module_of_a_clone_loads_no_heavy_package(tmp_path, module):
    code = IMPORT_ALONE.format(root=str(ROOT), panel=str(Path(__file__).parent), folder=str(folder_of(module)), module=module)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("module", "title", "paper"),
    [
        ("RenalParenchyma", "Renal Parenchyma", "10.1002/mp.17494"),
        ("GliomaUncertainty", "Glioma Uncertainty", "Medical Physics 2024;51(3)"),
        ("SpleenVolume", "Spleen Volume", "arXiv:2411.11190"),
    ],
)
def test_module_says_what_it_is_and_what_it_rests_on(load_module, module, title, paper):
    parent = load_module(module, folder_of(module)).parent
    assert (parent.title, parent.categories) == (title, ("Segmentation",))
    assert "All data remain on this computer" in parent.helpText
    assert paper in parent.acknowledgementText


@pytest.mark.parametrize(
    ("module", "sample", "count"),
    [("RenalParenchyma", "RenalPhantom", 1), ("GliomaUncertainty", "GliomaPhantom", 4), ("SpleenVolume", "SpleenPhantom", 2)],
)
def test_sample_data_module_offers_the_phantom_with_a_thumbnail(load_module, module, sample, count):
    import slicer

    loaded = load_module(module, folder_of(module))
    slicer.modules.sampleDataSources = {}
    loaded.python.registerSampleData()
    source = slicer.modules.sampleDataSources["DeepVolumetry"][0]
    assert source.sampleName == sample and Path(source.thumbnailFileName).is_file()
    nodes = source.customDownloader(source)
    assert len(nodes) == count and len({node.GetName() for node in nodes}) == count
    assert all(node.GetName().startswith(sample) and node.GetImageData().GetDimensions()[1] > 50 for node in nodes)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("width", [400, 440, 500])
def test_no_text_is_cut_off_at_any_usual_panel_width(load_module, process_events, module, width):
    import qt

    loaded = load_module(module, folder_of(module), show=True)
    container = loaded.container
    for section in SECTIONS:
        getattr(loaded.ui, f"{section}CollapsibleButton").collapsed = False
    container.resize(width, 1400)
    process_events()
    assert container.width == width
    cut = [
        child.objectName
        for kind in (qt.QLabel, qt.QPushButton, qt.QCheckBox)
        for child in container.findChildren(kind)
        if child.visible and child.text and not getattr(child, "wordWrap", False) and child.width < child.minimumSizeHint.width()
    ]
    assert not cut


@pytest.mark.parametrize("module", MODULES)
def test_every_control_says_what_it_does(load_module, module):
    import ctk
    import qt
    import slicer

    loaded = load_module(module, folder_of(module))
    kinds = (
        qt.QPushButton,
        qt.QCheckBox,
        qt.QComboBox,
        qt.QAbstractSpinBox,
        ctk.ctkSliderWidget,
        qt.QTableWidget,
        slicer.qMRMLNodeComboBox,
    )
    files = (folder_of(module) / f"Resources/UI/{module}.ui", *(ROOT / "DeepVolumetryLib/panel").glob("*.ui"))
    own = {name for file in files for name in names(file)}
    controls = [child for kind in kinds for child in loaded.container.findChildren(kind) if child.objectName in own]
    silent = [control.objectName for control in controls if not control.toolTip]
    assert controls and not silent


def names(ui_file):
    import xml.etree.ElementTree as ElementTree

    return [element.get("name") for element in ElementTree.parse(ui_file).iter("widget")]


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_self_test_goes_the_whole_way_with_the_real_model(load_module, module):
    entry = next(entry for entry in modules.MODULES.values() if entry.title == module)
    if not any(path.parent == entry.models_folder for path in list_bundles(entry)):
        pytest.skip("the model does not ship yet")
    load_module(module, folder_of(module)).instance.runTest()
