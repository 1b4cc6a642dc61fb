"""qt.QUiLoader: loads real Designer files and raises where Slicer would silently go on with something missing."""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject
from PySide6.QtGui import QColor
from PySide6.QtUiTools import QUiLoader
from PySide6.QtWidgets import QWidget

from . import facts, signals
from .strict import real_class, wrap

CLASS_OF_TAG = {"action": "QAction", "actiongroup": "QActionGroup", "buttongroup": "QButtonGroup"}
LAYOUT_PROPERTIES = {"margin", "leftMargin", "topMargin", "rightMargin", "bottomMargin", "horizontalSpacing", "verticalSpacing"}
NOT_PROPERTIES = {("QLabel", "buddy"), ("Line", "orientation")}  # Designer translates these itself


class UiError(ValueError):
    """The Designer file asks for what Slicer does not have."""


class _Loader(QUiLoader):
    def createWidget(self, class_name: str, parent: QWidget | None = None, name: str = "") -> QWidget:
        if class_name not in facts.CLASSES:
            return super().createWidget(class_name, parent, name)
        widget = real_class(class_name)(parent) if parent is not None else real_class(class_name)()
        widget.setObjectName(name)
        return widget


def _value(element: ElementTree.Element):
    """The Python value of a <property>."""
    child = element[0]
    text = (child.text or "").strip()
    match child.tag:
        case "bool":
            return text == "true"
        case "number" | "UInt" | "longlong":
            return int(text)
        case "double" | "float":
            return float(text)
        case "stringlist":
            return tuple(item.text or "" for item in child)
        case "color":
            return QColor(*(int(child.findtext(part)) for part in ("red", "green", "blue")))
        case "enum" | "set":
            return functools.reduce(lambda a, b: a | b, (_enum_value(part) for part in text.split("|")))
        case _:
            return child.text or ""


def _enum_value(text: str):
    owner, *_, value = text.strip().split("::")
    found = facts.own_enum_values(owner).get(value) if owner in facts.CLASSES else getattr(facts.qt_class(owner), value, None)
    if found is None:
        raise UiError(f"no enum value {text}")
    return found


class _UiFile:
    """One Designer file split into what Qt's loader can do and what is done here."""

    def __init__(self, text: bytes):
        try:
            self.root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise UiError(f"not well-formed XML: {error}") from None
        self.class_of: dict[str, str] = {}
        self.slicer_properties: list[tuple[str, str, object]] = []  # object name, property, value
        self.connections: list[tuple[str, str, str, str]] = []  # sender, signal, receiver, slot
        self.declared = {element.findtext("class") for element in self.root.iter("customwidget")}
        for element in self.root.iter():
            if element.tag in ("widget", "layout", *CLASS_OF_TAG):
                self._take_object(element)
        self._take_connections()

    def _take_object(self, element: ElementTree.Element) -> None:
        name, class_name = element.get("name", ""), CLASS_OF_TAG.get(element.tag) or element.get("class", "")
        if not facts.is_known(class_name):
            raise UiError(f"unknown widget class {class_name}" + facts.suggestion(class_name, facts.CLASSES))
        if class_name in facts.CLASSES and class_name not in self.declared:
            raise UiError(f"class {class_name} is not declared in <customwidgets>")
        if name in self.class_of and element.tag != "layout":
            raise UiError(f"object name '{name}' is used twice")
        self.class_of[name] = class_name
        for item in element.findall("property"):
            key = item.get("name", "")
            translated = (class_name, key) in NOT_PROPERTIES or (element.tag == "layout" and key in LAYOUT_PROPERTIES)
            if item.get("stdset") != "0" and key != "SlicerParameterName" and not translated:
                self._take_property(element, item, key, name, class_name)

    def _take_property(self, element, item, key: str, name: str, class_name: str) -> None:
        known = facts.properties(class_name)
        if key not in known:
            raise UiError(f"{class_name} '{name}' has no property '{key}'" + facts.suggestion(key, known))
        if not known[key].writable:
            raise UiError(f"property '{key}' of {class_name} '{name}' is read-only")
        owner = next(c for c in facts.lineage(class_name) if key in facts.own_properties(c))
        if owner in facts.CLASSES:
            self.slicer_properties.append((name, key, _value(item)))
            element.remove(item)

    def _take_connections(self) -> None:
        for group in self.root.findall("connections"):
            for item in group:
                self.connections.append(tuple(item.findtext(tag, "").strip() for tag in ("sender", "signal", "receiver", "slot")))
            self.root.remove(group)
        for sender, signal, receiver, slot in self.connections:
            for name, kind, signature in ((sender, "signals", signal), (receiver, "slots", slot)):
                if name not in self.class_of:
                    raise UiError(f"connection with '{name}', which is not an object of this file")
                known = facts.signatures(self.class_of[name], kind)
                if facts.normalized(signature) not in known:
                    raise UiError(f"{self.class_of[name]} '{name}' has no {kind[:-1]} '{signature}'" + facts.suggestion(signature, known))


def _connect(sender: QObject, signal: str, receiver: QObject, slot: str) -> None:
    signature, method = facts.normalized(signal), facts.method_name(slot)
    inside = slot[slot.index("(") + 1 : slot.rindex(")")]
    count = len(inside.split(",")) if inside.strip() else 0

    def call(*arguments):
        getattr(wrap(receiver), method)(*arguments[:count])

    signals.connect(sender, signature, call)


def load(path: Path | str, parent: QWidget | None = None) -> QWidget:
    """The widget that a Designer file describes, with its dynamic properties and connections.

    Raises:
        UiError: for a class, property, signal or slot that Slicer does not have.
    """
    ui = _UiFile(Path(path).read_bytes())
    buffer = QBuffer()
    buffer.setData(QByteArray(ElementTree.tostring(ui.root)))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    loader = _Loader()
    widget = loader.load(buffer, parent)
    if widget is None:
        raise UiError(f"{path}: {loader.errorString()}")

    def find(name: str) -> QObject:
        return widget if widget.objectName() == name else widget.findChild(QObject, name)

    for name, key, value in ui.slicer_properties:
        setattr(wrap(find(name)), key, value)
    for sender, signal, receiver, slot in ui.connections:
        _connect(find(sender), signal, find(receiver), slot)
    return widget


def install(strict_class) -> None:
    """Let qt.QUiLoader use this loader."""

    def load_file(self, file, parent=None):
        return wrap(load(file._real.fileName(), parent and parent._real))

    type.__setattr__(strict_class("QUiLoader"), "load", load_file)
