"""Puts the stand-ins where `import` finds them."""

from __future__ import annotations

import atexit
import gc

import shiboken6
import slicer
from PySide6.QtWidgets import QApplication

from . import dialogs, facts, ui_loader
from .qt_module import QtModule, SlicerClassesModule, slicer_class
from .scene import Scene
from .strict import strict_class, wrap

SLICER_PREFIXES = ("qMRML", "qSlicer")


def _slicer_attribute(name: str):
    if name.startswith(("qMRML", "qSlicer")):
        return slicer_class("slicer", name, SLICER_PREFIXES)
    candidates = [n for n in vars(slicer) if not n.startswith("_")]
    raise AttributeError(f"module 'slicer' has no attribute '{name}'{facts.suggestion(name, candidates)}")


def _shut_down(scene: Scene) -> None:
    """Widgets and logics have to go before the interpreter does: Qt and VTK would call into it."""
    scene.close()
    for widget in QApplication.topLevelWidgets():
        if shiboken6.isValid(widget) and widget.parent() is None:
            shiboken6.delete(widget)
    gc.collect()


def install(modules: dict) -> Scene:
    modules["qt"], modules["ctk"] = QtModule("qt"), SlicerClassesModule("ctk")
    dialogs.install(strict_class)
    ui_loader.install(strict_class)
    slicer.__getattr__ = _slicer_attribute
    scene = Scene()

    from . import ctk_numbers, ctk_widgets, node_combobox, segment_editor, table_view, views  # noqa: F401  (they register what they implement)
    from .application import qSlicerApplication

    slicer.app = wrap(qSlicerApplication(scene))
    atexit.register(_shut_down, scene)
    from . import i18n, loading, packaging, parameter_node, sample_data, scripted_module  # noqa: F401

    for name, module in (
        ("i18n", i18n),
        ("packaging", packaging),
        ("parameterNodeWrapper", parameter_node),
        ("ScriptedLoadableModule", scripted_module),
    ):
        modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
    modules["SampleData"] = sample_data
    slicer.pip_install = slicer.util.pip_install = packaging.replacement_of_util_pip_install
    return scene
