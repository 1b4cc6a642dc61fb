"""slicer.parameterNodeWrapper: values live in the real parameter node and in the widgets."""

import enum
from pathlib import Path
from typing import Annotated

import pytest


class Speed(enum.Enum):
    FAST = "fast"
    THOROUGH = "thorough"


@pytest.fixture
def slicer(a_scene):
    import slicer

    return slicer


@pytest.fixture
def a_parameter_class(slicer):
    from slicer.parameterNodeWrapper import Choice, Default, FloatRange, RangeBounds, WithinRange, parameterNodeWrapper, parameterPack

    @parameterPack
    class Limits:
        low: Annotated[float, WithinRange(0, 10)] = 1
        count: int = 3

    @parameterNodeWrapper
    class Parameters:
        inputVolume: slicer.vtkMRMLScalarVolumeNode
        result: slicer.vtkMRMLSegmentationNode | None = None
        threshold: Annotated[float, WithinRange(-100, 200)] = 100
        members: Annotated[int, WithinRange(1, 16), Default(4)]
        window: Annotated[FloatRange, RangeBounds(0, 1)] = FloatRange(0, 1)
        speed: Speed = Speed.THOROUGH
        organ: Annotated[str, Choice(["liver", "spleen"])] = "liver"
        folder: Path
        invert: bool = False
        note: str = ""
        limits: Limits

    return Parameters


@pytest.fixture
def a_node(slicer):
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


@pytest.fixture
def parameters(a_parameter_class, a_node):
    return a_parameter_class(a_node)


@pytest.fixture
def a_volume(slicer):
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")


def test_defaults_are_written_into_the_node(parameters, a_node):
    assert (parameters.threshold, parameters.members, parameters.speed, parameters.limits.count) == (100.0, 4, Speed.THOROUGH, 3)
    assert parameters.inputVolume is None
    assert parameters.result is None
    assert a_node.GetParameter("speed") == "THOROUGH"  # by name, so that values may change


def test_values_survive_in_another_wrapper_of_the_same_node(parameters, a_parameter_class, a_node, a_volume):
    parameters.inputVolume, parameters.folder, parameters.limits.count = a_volume, Path("data"), 9
    again = a_parameter_class(a_node)
    assert (again.inputVolume, again.folder, again.limits.count) == (a_volume, Path("data"), 9)


def test_nodes_are_kept_as_references_and_forgotten_when_they_go(slicer, parameters, a_node, a_volume):
    parameters.inputVolume = a_volume
    parameters.result = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert a_node.GetNodeReference("inputVolume") is a_volume
    slicer.mrmlScene.RemoveNode(a_volume)
    slicer.mrmlScene.RemoveNode(parameters.result)
    assert (parameters.inputVolume, parameters.result) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("threshold", 201, ValueError),
        ("threshold", "high", TypeError),
        ("threshold", None, ValueError),
        ("members", 2.5, TypeError),
        ("organ", "heart", ValueError),
        ("speed", "FAST", TypeError),
        ("inputVolume", "vtkMRMLScalarVolumeNode1", TypeError),
        ("result", "CT", TypeError),
    ],
)
def test_a_value_that_is_not_allowed_raises_and_changes_nothing(parameters, name, value, error):
    before = getattr(parameters, name)
    with pytest.raises(error):
        setattr(parameters, name, value)
    assert getattr(parameters, name) == before


@pytest.fixture
def a_gui(slicer):
    import ctk
    import qt

    class Gui:
        pass

    gui = Gui()
    for name, widget in (
        ("inputVolume", slicer.qMRMLNodeComboBox()),
        ("threshold", ctk.ctkSliderWidget()),
        ("members", qt.QSpinBox()),
        ("window", ctk.ctkRangeWidget()),
        ("speed", qt.QComboBox()),
        ("organ", qt.QComboBox()),
        ("folder", ctk.ctkPathLineEdit()),
        ("invert", qt.QCheckBox()),
        ("note", qt.QLineEdit()),
        ("limits.count", qt.QSpinBox()),
    ):
        widget.setProperty("SlicerParameterName", name)
        setattr(gui, name.replace("limits.", ""), widget)
    gui.inputVolume.noneEnabled = True
    gui.inputVolume.setMRMLScene(slicer.mrmlScene)
    return gui


def test_connected_widgets_show_the_values_and_take_ranges_from_the_annotations(parameters, a_gui):
    parameters.connectGui(a_gui)
    assert (a_gui.threshold.value, a_gui.threshold.minimum, a_gui.threshold.maximum) == (100, -100, 200)
    assert (a_gui.members.value, a_gui.members.maximum) == (4, 16)
    assert (a_gui.speed.currentText, a_gui.speed.count) == ("THOROUGH", 2)
    assert a_gui.inputVolume.nodeTypes == ("vtkMRMLScalarVolumeNode",)


def test_widgets_write_to_parameters_and_back(parameters, a_gui, a_volume):
    parameters.connectGui(a_gui)
    a_gui.threshold.value, a_gui.speed.currentIndex, a_gui.count.value, a_gui.invert.checked = 12.5, 0, 7, True
    a_gui.window.setValues(0.2, 0.4)
    a_gui.inputVolume.setCurrentNode(a_volume)
    assert (parameters.threshold, parameters.speed, parameters.limits.count, parameters.invert) == (12.5, Speed.FAST, 7, True)
    assert (parameters.window.minimum, parameters.window.maximum) == (0.2, 0.4)
    assert parameters.inputVolume is a_volume
    parameters.organ, parameters.note, parameters.folder = "spleen", "check", Path("out")
    assert (a_gui.organ.currentText, a_gui.note.text, a_gui.folder.currentPath) == ("spleen", "check", "out")


def test_disconnected_widgets_are_left_alone(parameters, a_gui):
    tag = parameters.connectGui(a_gui)
    parameters.disconnectGui(tag)
    a_gui.threshold.value = 5
    parameters.members = 9
    assert (parameters.threshold, a_gui.members.value) == (100, 4)


def test_a_widget_that_cannot_hold_the_type_raises(parameters):
    import qt

    with pytest.raises(RuntimeError, match=r"QSpinBox .* cannot hold a parameter of type"):
        parameters.connectParametersToGui({"threshold": qt.QSpinBox()})
    with pytest.raises(ValueError, match="no parameter 'treshold'"):
        parameters.connectParametersToGui({"treshold": qt.QDoubleSpinBox()})


def test_a_slider_without_range_and_a_combo_box_without_choices_raise(slicer, a_node):
    import ctk
    import qt
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    @parameterNodeWrapper
    class Loose:
        number: float = 1
        text: str = "a"

    loose = Loose(a_node)
    with pytest.raises(RuntimeError, match="WithinRange"):
        loose.connectParametersToGui({"number": ctk.ctkSliderWidget()})
    with pytest.raises(RuntimeError, match="Choice"):
        loose.connectParametersToGui({"text": qt.QComboBox()})


def test_a_reserved_name_and_a_wrong_import_raise(slicer):
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    with pytest.raises(ValueError, match="'setValue' is taken"):

        @parameterNodeWrapper
        class Wrong:
            setValue: int = 1

    with pytest.raises(ImportError):
        from slicer.parameterNodeWrapper import WithinRangee  # noqa: F401  # panel-check: ignore
    with pytest.raises(NotImplementedError, match="createGui"):
        from slicer.parameterNodeWrapper import createGui  # noqa: F401


def test_the_connectors_are_those_of_slicer(slicer):
    """Every widget that Slicer can connect to the types used here can be connected, and no other."""
    import ctk
    import qt
    from standins import facts
    from standins.parameter_node.connectors import CONNECTORS

    modules = {"qt": qt, "ctk": ctk, "slicer": slicer}
    types = {"bool": bool, "int": int, "float": float, "str": str, "enum.Enum": Speed, "pathlib.Path": Path}
    for widget_name in sorted({name for connector in facts.API["parameter_connectors"].values() for name in connector["widgets"]}):
        module, class_name = widget_name.split(".")
        if not facts.is_known(class_name):
            continue
        widget = getattr(modules[module], class_name)()
        for type_name, type_ in types.items():
            expected = any(widget_name in c["widgets"] and type_name in c["datatypes"] for c in facts.API["parameter_connectors"].values())
            assert any(c.canRepresent(widget, type_) for c in CONNECTORS) == expected, (widget_name, type_name)
