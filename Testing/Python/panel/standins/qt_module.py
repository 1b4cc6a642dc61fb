"""The `qt` and `ctk` modules: strict classes for QObjects, PySide6's own for values such as QColor and for enums."""

from __future__ import annotations

import functools
import types

from PySide6 import QtCore

from . import facts
from .strict import strict_class, unwrap

# Values whose constructors or methods take widgets: their arguments have to be unwrapped.
TAKES_WIDGETS = ("QPainter", "QStylePainter", "QListWidgetItem", "QTableWidgetItem", "QTreeWidgetItem")


@functools.cache
def _value_class(name: str) -> type:
    base = facts.qt_class(name)
    if name not in TAKES_WIDGETS:
        return base

    def __init__(self, *arguments):
        base.__init__(self, *(unwrap(a) for a in arguments))

    return type(name, (base,), {"__init__": __init__})


class QtModule(types.ModuleType):
    """`import qt`: every Qt class by its name, as PythonQt offers them without submodules."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        found = facts.qt_class(name)
        if found is None or name == "Signal":
            raise AttributeError(f"qt has no '{name}'")
        if isinstance(found, type) and issubclass(found, QtCore.QObject):
            return strict_class(name)
        return _value_class(name) if isinstance(found, type) else found


class SlicerClassesModule(types.ModuleType):
    """`import ctk`, and the base of what `slicer` gains: classes named with one of the prefixes."""

    prefixes: tuple[str, ...] = ("ctk",)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return slicer_class(self.__name__, name, self.prefixes)


def slicer_class(module_name: str, name: str, prefixes: tuple[str, ...]):
    """The strict class of a Slicer or CTK name; says whether the name is wrong or only missing here."""
    if name.startswith(prefixes) and name in facts.CLASSES:
        return strict_class(name)
    if name.startswith(prefixes) and name in facts.API["class_names"]:
        raise NotImplementedError(f"Slicer has {name}, but slicer_api.json lacks it: add it to extract_api.py")
    hint = facts.suggestion(name, [n for n in facts.API["class_names"] if n.startswith(prefixes)])
    raise AttributeError(f"module '{module_name}' has no attribute '{name}'{hint}")
