"""Loading scripted modules as Slicer does: folder on sys.path, module and widget objects, enter and exit, reload."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import qt
import slicer
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from .node_combobox import qSlicerWidget
from .signals import disconnect, emit
from .strict import implements, unwrap


@implements
class qSlicerScriptedLoadableModule(QObject):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._widget: QWidget | None = None

    def widgetRepresentation(self):
        return self._widget

    def logic(self):
        return None

    def mrmlScene(self):
        return slicer.mrmlScene


@implements
class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """The container of a module's widget: a vertical layout that the module fills in setup()."""

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._python_widget, self._entered = None, False
        self._module: LoadedModule | None = None

    def self(self):
        return self._python_widget

    def isEntered(self) -> bool:
        return self._entered

    def reload(self) -> None:
        self._module.make_widget()

    def enter(self) -> None:
        self._entered = True
        if hasattr(self._python_widget, "enter"):
            self._python_widget.enter()

    def exit(self) -> None:
        self._entered = False
        if hasattr(self._python_widget, "exit"):
            self._python_widget.exit()


@dataclass
class LoadedModule:
    """A module as a test uses it; `widget` is the module's own Python object."""

    name: str
    folder: Path
    python: ModuleType
    instance: object
    parent: object  # the strict qSlicerScriptedLoadableModule
    container: object  # the strict qSlicerScriptedLoadableModuleWidget

    @property
    def widget(self):
        return unwrap(self.container).self()

    @property
    def logic(self):
        return self.widget.logic

    @property
    def ui(self):
        return self.widget.ui

    def make_widget(self) -> None:
        """Make the module's widget in its container and run setup(), as on the first visit and on reload."""
        python = sys.modules[self.name]
        widget = getattr(python, f"{self.name}Widget")(self.container)
        unwrap(self.container)._python_widget = widget
        setattr(slicer.modules, f"{self.name}Widget", widget)
        widget.setup()

    def enter(self) -> None:
        unwrap(self.container).enter()

    def exit(self) -> None:
        unwrap(self.container).exit()

    def reload(self) -> None:
        """What the Reload button does."""
        self.python = slicer.util.reloadScriptedModule(self.name)

    def unload(self) -> None:
        """What Slicer does when it closes: cleanup(), then the widgets go."""
        emit(unwrap(slicer.app).moduleManager(), "moduleAboutToBeUnloaded(QString)", self.name)
        unwrap(self.container).deleteLater()
        unwrap(slicer.app).moduleManager().modules.pop(self.name, None)
        for attribute in (self.name.lower(), f"{self.name}Widget", f"{self.name}Instance"):
            vars(slicer.modules).pop(attribute, None)
        sys.modules.pop(self.name, None)
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))


def _complete_startup() -> None:
    """Modules register sample data when Slicer has started; that happens once, so the connections are used up."""
    application = unwrap(slicer.app)
    emit(application, "startupCompleted()")
    disconnect(application, "startupCompleted()")


def load_module(name: str, folder: Path | str, show: bool = False) -> LoadedModule:
    """Load `folder/name.py`, make its module object and its widget, and run setup().

    Args:
        name: module name, also the name of its main class.
        folder: where the .py file is.
        show: show the container, as when the user opens the module; enter() is then called.
    """
    folder = Path(folder).resolve()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    python = importlib.util.module_from_spec(spec)
    sys.modules[name] = python
    spec.loader.exec_module(python)

    parent = slicer.qSlicerScriptedLoadableModule()
    unwrap(parent).setProperty("_path", str(folder / f"{name}.py"))
    unwrap(parent).setProperty("_name", name)
    instance = getattr(python, name)(parent)
    container = slicer.qSlicerScriptedLoadableModuleWidget()
    container.setLayout(qt.QVBoxLayout())
    unwrap(container).setMRMLScene(slicer.mrmlScene)
    unwrap(parent)._widget = unwrap(container)
    manager = unwrap(slicer.app).moduleManager()
    manager.modules[name] = unwrap(parent)
    setattr(slicer.modules, name.lower(), parent)
    setattr(slicer.modules, f"{name}Instance", instance)
    emit(manager, "moduleLoaded(QString)", name)
    _complete_startup()
    loaded = LoadedModule(name, folder, python, instance, parent, container)
    unwrap(container)._module = loaded
    loaded.make_widget()
    if show:
        container.resize(480, 900)
        container.show()
        loaded.enter()
    return loaded
