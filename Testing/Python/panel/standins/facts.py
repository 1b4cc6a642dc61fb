"""What classes offer to Python in Slicer: Slicer's and CTK's from slicer_api.json, Qt's own from PySide6."""

from __future__ import annotations

import difflib
import enum
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

from PySide6 import QtCore, QtGui, QtPrintSupport, QtSvg, QtSvgWidgets, QtTest, QtUiTools, QtWidgets

QT_MODULES = (QtCore, QtGui, QtWidgets, QtUiTools, QtPrintSupport, QtSvg, QtSvgWidgets, QtTest)
API = json.loads((Path(__file__).parent.parent / "slicer_api.json").read_text(encoding="utf-8"))
CLASSES: dict[str, dict] = API["classes"]
EMPTY_VALUES = {"bool": False, "int": 0, "double": 0.0, "QString": "", "QStringList": ()}


@dataclass(frozen=True)
class PropertyFacts:
    name: str
    type_name: str
    writable: bool


def class_name(real: QtCore.QObject) -> str:
    """Name of the most derived class that Slicer or Qt has."""
    return next(c.__name__ for c in type(real).__mro__ if c.__name__ in CLASSES or qt_class(c.__name__) is c)


def suggestion(word: str, candidates) -> str:
    close = difflib.get_close_matches(word, sorted(candidates), 1)
    return f"; did you mean '{close[0]}'?" if close else ""


def normalized(signature: str) -> str:
    """The signature as Qt itself spells it, e.g. without spaces and 'const &'."""
    return bytes(QtCore.QMetaObject.normalizedSignature(signature)).decode()


def method_name(signature: str) -> str:
    return signature.split("(")[0]


@functools.cache
def qt_class(name: str) -> type | None:
    name = "QFrame" if name == "Line" else name  # Designer's name for a separator
    return next((getattr(module, name) for module in QT_MODULES if hasattr(module, name)), None)


def is_known(name: str) -> bool:
    return name in CLASSES or qt_class(name) is not None


def base_name(name: str) -> str | None:
    """Name of the base class, None for QObject and for classes that are no QObject."""
    if name in CLASSES:
        return CLASSES[name]["base"].split("::")[-1]
    for base in qt_class(name).__mro__[1:]:
        if issubclass(base, QtCore.QObject):
            return base.__name__
    return None


@functools.cache
def lineage(name: str) -> tuple[str, ...]:
    """The class and its bases, most derived first."""
    base = base_name(name)
    return (name, *(lineage(base) if base else ()))


@functools.cache
def own_properties(name: str) -> dict[str, PropertyFacts]:
    if name in CLASSES:
        facts = CLASSES[name].get("properties", {})
        return {key: PropertyFacts(key, p["type"], p["writable"]) for key, p in facts.items()}
    meta = getattr(qt_class(name), "staticMetaObject", None)
    found = [meta.property(index) for index in range(meta.propertyOffset(), meta.propertyCount())] if meta else []
    return {p.name(): PropertyFacts(p.name(), p.typeName(), p.isWritable()) for p in found}


@functools.cache
def properties(name: str) -> dict[str, PropertyFacts]:
    return {key: facts for ancestor in reversed(lineage(name)) for key, facts in own_properties(ancestor).items()}


@functools.cache
def own_signatures(name: str, kind: str) -> tuple[str, ...]:
    """Normalized signatures of the 'signals' or 'slots' that the class itself declares."""
    if name in CLASSES:
        return tuple(CLASSES[name].get(kind, ()))
    meta = getattr(qt_class(name), "staticMetaObject", None)
    wanted = {"signals": QtCore.QMetaMethod.MethodType.Signal, "slots": QtCore.QMetaMethod.MethodType.Slot}[kind]
    found = [meta.method(index) for index in range(meta.methodOffset(), meta.methodCount())] if meta else []
    return tuple(bytes(m.methodSignature()).decode() for m in found if m.methodType() == wanted)


@functools.cache
def signatures(name: str, kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s for ancestor in lineage(name) for s in own_signatures(ancestor, kind)))


@functools.cache
def is_qt_signal(name: str, signature: str) -> bool:
    """Whether Qt itself declares the signal. Never ask an object's metaObject(): it takes the class's own one with it."""
    return any(signature in own_signatures(ancestor, "signals") for ancestor in lineage(name) if ancestor not in CLASSES)


@functools.cache
def own_methods(name: str) -> frozenset[str]:
    """Names of the methods that a Slicer or CTK class itself offers to Python."""
    entry = CLASSES[name]
    declared = {method_name(s) for kind in ("slots", "invokables") for s in entry.get(kind, ())}
    return frozenset(declared.union(re.search(r"(\w+)\(", text).group(1) for text in entry.get("decorators", ())))


@functools.cache
def own_enums(name: str) -> dict[str, type]:
    """Enums of a Slicer or CTK class by name; a set of flags is plain int. `None` cannot be a Python name."""
    found: dict[str, type] = {}
    for key, values in CLASSES[name].get("enums", {}).items():
        numbers = {k: v for k, v in values.items() if k != "None" and isinstance(v, int)}  # the rest are C++ macros
        found[key] = int if "__flags_of__" in values else enum.IntEnum(key, numbers)
    return found


@functools.cache
def own_enum_values(name: str) -> dict[str, int]:
    return {k: v for values in CLASSES[name].get("enums", {}).values() for k, v in values.items() if isinstance(v, int)}


@functools.cache
def ui_children(name: str) -> dict[str, str]:
    """Objects of the Designer file that a class was built from: {object name: class}."""
    return {k: v for ancestor in reversed(lineage(name)) for k, v in CLASSES.get(ancestor, {}).get("ui_children", {}).items()}


@functools.cache
def members(name: str) -> frozenset[str]:
    """Everything that can follow the dot, for suggestions."""
    found = set(properties(name)) | set(ui_children(name)) | {method_name(s) for s in signatures(name, "signals")}
    for ancestor in lineage(name):
        found |= own_methods(ancestor) | set(own_enum_values(ancestor)) if ancestor in CLASSES else set(dir(qt_class(ancestor)))
    return frozenset(found)
