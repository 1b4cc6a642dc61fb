"""Connecting parameters to widgets: which widget holds which type, and what the widget takes from the annotations."""

from __future__ import annotations

import enum

import ctk
import qt
import slicer

from .annotations import Decimals, Default, SingleStep, findFirstAnnotation, getNodeTypes, isNodeOrUnionOfNodes, splitAnnotations
from .packs import FloatRange
from .storage import PATH_TYPES
from .validators import Choice, Maximum, Minimum, RangeBounds, WithinRange


class GuiConnector:
    """Reads a value from a widget, writes one to it, and says when it changed."""

    signal = ""

    def __init__(self, widget, datatype):
        self._widget = widget
        self._type, self._annotations = splitAnnotations(datatype)
        self._callback = None
        self.prepare()

    @classmethod
    def canRepresent(cls, widget, datatype) -> bool:
        raise NotImplementedError

    def annotation(self, annotation_class):
        return findFirstAnnotation(self._annotations, annotation_class)

    def prepare(self) -> None:
        """Set the widget up from the annotations."""

    def widget(self):
        return self._widget

    def changed(self) -> None:
        if self._callback:
            self._callback()

    def onChanged(self, callback) -> None:
        self._callback = callback
        if self.signal:
            signal = getattr(self._widget, self.signal)
            signal.disconnect(self.changed) if callback is None else signal.connect(self.changed)

    def read(self):
        raise NotImplementedError

    def write(self, value) -> None:
        raise NotImplementedError


def _property_connector(
    name: str, widgets, types, signal: str, attribute: str, converted=lambda self, value: value, prepare=None, stored=str
):
    """A connector of a widget whose one property is the value."""

    def can_represent(cls, widget, datatype) -> bool:
        return type(widget) in widgets() and splitAnnotations(datatype)[0] in types

    def write(self, value) -> None:
        setattr(self._widget, attribute, stored(value))

    namespace = {
        "signal": signal,
        "canRepresent": classmethod(can_represent),
        "read": lambda self: converted(self, getattr(self._widget, attribute)),
        "write": write,
    }
    if prepare:
        namespace["prepare"] = prepare
    return type(name, (GuiConnector,), namespace)


def _as_is(value):
    return value


def _as_type(self, value):
    return self._type(value)


def _make_checkable(self) -> None:
    if not self._widget.checkable:
        self._widget.checkable = True


def _bounds(self):
    within, low, high = self.annotation(WithinRange), self.annotation(Minimum), self.annotation(Maximum)
    if within:
        return within.minimum, within.maximum
    return low and low.minimum, high and high.maximum


def _prepare_int(self) -> None:
    low, high = _bounds(self)
    if type(self._widget) is qt.QSlider and None in (low, high):
        raise RuntimeError("a QSlider needs the annotation WithinRange, or Minimum and Maximum")
    step = self.annotation(SingleStep)
    if step:
        self._widget.singleStep = step.value
    self._widget.setRange(-(2**31) if low is None else low, 2**31 - 1 if high is None else high)


def _prepare_float(self) -> None:
    low, high = _bounds(self)
    if type(self._widget) in (ctk.ctkSliderWidget, slicer.qMRMLSliderWidget) and None in (low, high):
        raise RuntimeError("a ctkSliderWidget needs the annotation WithinRange, or Minimum and Maximum")
    decimals, step = self.annotation(Decimals), self.annotation(SingleStep)
    if self._type is int:
        self._widget.decimals = 0
    elif decimals:
        self._widget.decimals = decimals.value
    if step:
        self._widget.singleStep = step.value
    self._widget.minimum = float("-inf") if low is None else low
    self._widget.maximum = float("inf") if high is None else high


def _float_widgets():
    return (
        qt.QDoubleSpinBox,
        ctk.ctkSliderWidget,
        slicer.qMRMLSliderWidget,
        ctk.ctkDoubleSlider,
        ctk.ctkDoubleSpinBox,
        slicer.qMRMLSpinBox,
    )


class ComboBoxConnector(GuiConnector):
    """Choices of an enum, or of the annotation Choice; the items are made here."""

    signal = "currentIndexChanged"

    @classmethod
    def canRepresent(cls, widget, datatype) -> bool:
        type_ = splitAnnotations(datatype)[0]
        is_enum = isinstance(type_, type) and issubclass(type_, enum.Enum)
        return type(widget) in (qt.QComboBox, ctk.ctkComboBox) and (is_enum or type_ in (int, float, str, bool))

    def prepare(self) -> None:
        is_enum, choice = issubclass(self._type, enum.Enum), self.annotation(Choice)
        if not is_enum and choice is None:
            raise RuntimeError("a combo box needs the annotation Choice")
        self._choices = list(self._type) if is_enum else list(choice.choices)
        self._widget.clear()
        label_of = getattr(self._type, "label", lambda member: member.name) if is_enum else str
        for value in self._choices:
            self._widget.addItem(label_of(value))

    def read(self):
        return self._choices[self._widget.currentIndex]

    def write(self, value) -> None:
        if value not in self._choices:
            raise ValueError(f"{value!r} is not one of {self._choices}")
        self._widget.currentIndex = self._choices.index(value)


class RangeConnector(GuiConnector):
    signal = "valuesChanged"

    @classmethod
    def canRepresent(cls, widget, datatype) -> bool:
        widgets = (ctk.ctkRangeWidget, ctk.ctkDoubleRangeSlider, slicer.qMRMLRangeWidget)
        return type(widget) in widgets and splitAnnotations(datatype)[0] is FloatRange

    def prepare(self) -> None:
        bounds = self.annotation(RangeBounds)
        if bounds is None:
            raise RuntimeError("a range widget needs the annotation RangeBounds")
        if self.annotation(Default) is None and not bounds.minimum <= 0 <= bounds.maximum:
            raise RuntimeError("RangeBounds without 0 need a Default")
        self._widget.setRange(bounds.minimum, bounds.maximum)

    def read(self):
        return FloatRange(self._widget.minimumValue, self._widget.maximumValue)

    def write(self, value) -> None:
        self._widget.setValues(value.minimum, value.maximum)


class NodeConnector(GuiConnector):
    signal = "currentNodeChanged"

    @classmethod
    def canRepresent(cls, widget, datatype) -> bool:
        return type(widget) is slicer.qMRMLNodeComboBox and isNodeOrUnionOfNodes(datatype)

    def prepare(self) -> None:
        self._widget.nodeTypes = getNodeTypes(self._type)

    def read(self):
        return self._widget.currentNode()

    def write(self, value) -> None:
        self._widget.setCurrentNode(value)


class PlainTextConnector(GuiConnector):
    signal = "textChanged"

    @classmethod
    def canRepresent(cls, widget, datatype) -> bool:
        return type(widget) is qt.QTextEdit and splitAnnotations(datatype)[0] is str

    def read(self) -> str:
        return self._widget.toPlainText()

    def write(self, value: str) -> None:
        if value != self.read():
            self._widget.setPlainText(value)


CONNECTORS: list[type[GuiConnector]] = [
    _property_connector("CheckBoxConnector", lambda: (qt.QCheckBox, ctk.ctkCheckBox), (bool,), "stateChanged", "checked", stored=_as_is),
    _property_connector(
        "ButtonConnector", lambda: (qt.QPushButton, ctk.ctkCheckablePushButton), (bool,), "toggled", "checked",
        prepare=_make_checkable, stored=_as_is,
    ),
    _property_connector(
        "IntConnector", lambda: (qt.QSlider, qt.QSpinBox), (int,), "valueChanged", "value", prepare=_prepare_int, stored=_as_is
    ),
    _property_connector(
        "FloatConnector", _float_widgets, (float, int), "valueChanged", "value", _as_type, _prepare_float, float
    ),
    ComboBoxConnector,
    _property_connector("LineEditConnector", lambda: (qt.QLineEdit,), (str,), "textChanged", "text"),
    _property_connector("LabelConnector", lambda: (qt.QLabel,), (str,), "", "text"),
    PlainTextConnector,
    RangeConnector,
    _property_connector(
        "PathConnector", lambda: (ctk.ctkPathLineEdit,), PATH_TYPES, "currentPathChanged", "currentPath",
        _as_type,
    ),
    _property_connector(
        "DirectoryConnector", lambda: (ctk.ctkDirectoryButton,), PATH_TYPES, "directoryChanged", "directory",
        _as_type,
    ),
    NodeConnector,
]  # fmt: skip


def createGuiConnector(widget, datatype) -> GuiConnector:
    """Raises RuntimeError if Slicer cannot connect this widget to this type."""
    for connector in CONNECTORS:
        if connector.canRepresent(widget, datatype):
            return connector(widget, datatype)
    raise RuntimeError(f"{widget.className()} '{widget.objectName}' cannot hold a parameter of type {datatype}")
