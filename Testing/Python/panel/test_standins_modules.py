"""Scripted modules load, reload and unload as in Slicer."""

from __future__ import annotations

import sys

import pytest

MODULE = """
import qt
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class Example(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Example")
        parent.categories = ["Segmentation"]
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="DeepVolumetry", sampleName="Phantom", customDownloader=makePhantom
    )


def makePhantom(source):
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", source.sampleName)


class ExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.calls = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = ExampleLogic()
        self.button = qt.QPushButton(_("Apply"))
        self.button.clicked.connect(self.onApply)
        self.layout.addWidget(self.button)
        self.layout.addStretch(1)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, lambda *_: self.calls.append("closed"))

    def onApply(self):
        self.calls.append("applied")

    def enter(self):
        self.calls.append("entered")

    def exit(self):
        self.calls.append("left")

    def cleanup(self):
        self.removeObservers()
        self.calls.append("cleaned up")


class ExampleLogic(ScriptedLoadableModuleLogic):
    pass


class ExampleTest(ScriptedLoadableModuleTest):
    def test_something(self):
        self.delayDisplay("nothing to do")
        slicer.modules.exampleTested = True
"""


@pytest.fixture
def a_module_folder(tmp_path):
    folder = tmp_path / "Example"
    (folder / "Resources" / "UI").mkdir(parents=True)
    (folder / "Example.py").write_text(MODULE, encoding="utf-8")
    return folder


@pytest.fixture
def a_module(load_module, a_module_folder):
    return load_module("Example", a_module_folder)


def test_a_module_is_set_up_in_its_container(a_module, a_module_folder):
    import slicer

    assert a_module.parent.title == "Example"
    assert a_module.container.layout().itemAt(0).widget().text == "Apply"
    assert a_module.widget.resourcePath("UI/Example.ui") == str(a_module_folder / "Resources" / "UI" / "Example.ui")
    assert slicer.util.getModuleWidget("Example") is a_module.widget


def test_buttons_enter_exit_and_closing_the_scene_reach_the_module(a_module):
    import slicer

    a_module.enter()
    a_module.widget.button.click()
    slicer.mrmlScene.Clear(0)
    a_module.exit()
    assert a_module.widget.calls == ["entered", "applied", "closed", "left"]


def test_reloading_cleans_up_once_and_makes_a_new_widget(a_module):
    first = a_module.widget
    a_module.reload()
    assert first.calls == ["cleaned up"]
    assert a_module.widget is not first
    a_module.widget.button.click()
    assert (first.calls, a_module.widget.calls) == (["cleaned up"], ["applied"])


def test_unloading_cleans_up_and_leaves_no_trace(load_module, a_module_folder):
    import slicer

    module = load_module("Example", a_module_folder)
    widget = module.widget
    module.unload()
    assert widget.calls == ["cleaned up"]
    assert not hasattr(slicer.modules, "example")
    assert "Example" not in sys.modules
    assert str(a_module_folder) not in sys.path


def test_the_parameter_node_is_one_per_scene(a_module):
    node = a_module.logic.getParameterNode()
    assert node.GetAttribute("ModuleName") == "Example"
    assert a_module.logic.getParameterNode() is node
    assert a_module.logic.getAllParameterNodes() == [node]


def test_sample_data_is_registered_at_startup_and_made_on_request(a_module):
    import SampleData

    assert [s.sampleName for s in SampleData.SampleDataLogic.sampleDataSourcesByCategory("DeepVolumetry")] == ["Phantom"]
    assert SampleData.downloadSample("Phantom").GetName() == "Phantom"


def test_the_self_test_of_a_module_runs(a_module):
    import slicer

    slicer.selfTests["Example"]()
    assert slicer.modules.exampleTested


def test_missing_packages_are_asked_for_once(a_scene, dialogs, packages):
    import qt
    import slicer

    packages.missing.add("torch")
    dialogs.answer(qt.QMessageBox.Cancel, qt.QMessageBox.Ok)
    with pytest.raises(RuntimeError, match="declined"):
        slicer.packaging.pip_ensure("torch>=2", requester="RenalParenchyma")
    slicer.packaging.pip_ensure("torch>=2", requester="RenalParenchyma")
    slicer.packaging.pip_ensure("torch>=2", requester="RenalParenchyma")
    assert packages.installed == ["torch>=2"]


def test_an_older_slicer_has_no_packaging(a_scene, without_slicer_packaging):
    import slicer

    with pytest.raises(ImportError):
        import slicer.packaging
    assert not hasattr(slicer, "packaging")
    slicer.util.pip_install("torch>=2")
    assert without_slicer_packaging.installed == ["torch>=2"]


def test_a_panel_can_be_photographed(a_module, tmp_path):
    from PySide6.QtGui import QImage
    from screenshot import grab_panel

    picture = QImage(str(grab_panel(a_module.container, tmp_path / "panel.png", width=400, height=300)))
    assert (picture.width(), picture.height()) == (400, 300)
    assert len({picture.pixel(x, y) for x in range(0, 400, 7) for y in range(0, 40, 3)}) > 5
