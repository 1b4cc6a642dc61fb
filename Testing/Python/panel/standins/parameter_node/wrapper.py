"""@parameterNodeWrapper: typed attributes on a real vtkMRMLScriptedModuleNode, connected to widgets."""

from __future__ import annotations

import qt
import slicer
import vtk

from .annotations import splitDotted
from .connectors import GuiConnector, createGuiConnector
from .packs import ParameterInfo, data_type, parameters_of

SlicerParameterNamePropertyName = "SlicerParameterName"


def _stored_property(info: ParameterInfo) -> property:
    storage, name = info.storage, info.basename

    def getter(self):
        node, key = self.parameterNode, f"{self._prefix}{name}"
        if not storage.is_in(node, key):
            storage.write(node, key, info.default.value)
        return storage.read(node, key)

    return property(getter, lambda self, value: storage.write(self.parameterNode, f"{self._prefix}{name}", value))


class _Wrapper:
    """What every wrapped class can do, beside its parameters."""

    def __init__(self, parameterNode, prefix: str | None = None):
        self.parameterNode, self._prefix = parameterNode, prefix or ""
        self._connections: dict[int, tuple[dict[str, GuiConnector], int]] = {}
        self._next_tag, self._updating_gui = 0, False
        for name, info in self.allParameters.items():
            if not info.storage.is_in(parameterNode, f"{self._prefix}{name}"):
                info.storage.write(parameterNode, f"{self._prefix}{name}", info.default.value)

    def default(self, name: str):
        data_type(self.allParameters, name)
        return self.allParameters[name].default

    def getValue(self, name: str):
        data_type(self.allParameters, name)
        top, rest = splitDotted(name)
        return getattr(self, top).getValue(rest) if rest else getattr(self, top)

    def setValue(self, name: str, value) -> None:
        data_type(self.allParameters, name)
        top, rest = splitDotted(name)
        getattr(self, top).setValue(rest, value) if rest else setattr(self, top, value)

    def connectGui(self, gui) -> int:
        """Connect every widget with a SlicerParameterName; `gui` is a widget or an object whose attributes are widgets."""
        is_widget = getattr(gui, "isWidgetType", lambda: False)()
        widgets = gui.findChildren(qt.QWidget) if is_widget else list(vars(gui).values())
        named = {widget.property(SlicerParameterNamePropertyName): widget for widget in widgets}
        return self.connectParametersToGui({name: widget for name, widget in named.items() if name})

    def connectParametersToGui(self, mapping: dict) -> int:
        for name in mapping:
            data_type(self.allParameters, name)
        connectors = {
            name: target if isinstance(target, GuiConnector) else createGuiConnector(target, data_type(self.allParameters, name))
            for name, target in mapping.items()
        }
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.onChanged(self._gui_changed(name, connector))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._update_gui())
        self._connections[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, tag: int) -> None:
        connectors, observer = self._connections.pop(tag, ({}, None))
        for connector in connectors.values():
            connector.onChanged(None)
        if observer is not None:
            self.RemoveObserver(observer)

    def _gui_changed(self, name: str, connector: GuiConnector):
        def write() -> None:
            if not self._updating_gui:
                with slicer.util.NodeModify(self):
                    self.setValue(name, connector.read())

        return write

    def _update_gui(self) -> None:
        if self._updating_gui:
            return
        self._updating_gui = True
        try:
            with slicer.util.NodeModify(self):
                for connectors, _ in list(self._connections.values()):
                    for name, connector in connectors.items():
                        connector.write(self.getValue(name))
        finally:
            self._updating_gui = False

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified):
        return self.parameterNode.EndModify(wasModified)

    def AddObserver(self, event, callback, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        self.parameterNode.Modified()


def parameterNodeWrapper(cls=None):
    """Class decorator, with or without parentheses."""
    if cls is None:
        return parameterNodeWrapper
    parameters = parameters_of(cls)
    reserved = [name for name in vars(_Wrapper) if not name.startswith("__")]
    for name in [*parameters, *vars(cls)]:
        if name in reserved or name == "allParameters":
            raise ValueError(f"the name '{name}' is taken by parameterNodeWrapper")
    for name, info in parameters.items():
        setattr(cls, name, _stored_property(info))
    for name, member in vars(_Wrapper).items():
        if not name.startswith("__") or name == "__init__":
            setattr(cls, name, member)
    cls.allParameters, cls._is_parameter_node_wrapper = parameters, True
    cls.dataType = staticmethod(lambda name: data_type(parameters, name))
    return cls


def isParameterNodeWrapper(obj) -> bool:
    return getattr(obj, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget, parameter: str):
    found = [w for w in widget.findChildren(qt.QWidget) if w.property(SlicerParameterNamePropertyName) == parameter]
    return found[0] if found else None
