"""Slice and 3D views without rendering: real slice logics and view nodes behind the widgets that panels ask for."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from .signals import emit
from .strict import implements


class _View(QWidget):
    """What the views share; renderings asked for are counted."""

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self.renderings = 0
        self._node = None

    def forceRender(self) -> None:
        self.renderings += 1

    scheduleRender = forceRender


@implements
class qMRMLSliceView(_View):
    def mrmlSliceNode(self):
        return self._node


@implements
class qMRMLThreeDView(_View):
    def mrmlViewNode(self):
        return self._node

    def resetFocalPoint(self) -> None:
        self.renderings += 1

    def resetCamera(self, *_flags) -> None:
        self.renderings += 1


@implements
class qMRMLSliceControllerWidget(QWidget):
    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._logic = None

    def setSliceOffsetValue(self, offset: float) -> None:
        self._logic.SetSliceOffset(offset)

    def sliceOffset(self) -> float:
        return self._logic.GetSliceOffset()

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


@implements
class qMRMLSliceWidget(QWidget):
    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._view, self._controller, self._logic = qMRMLSliceView(self), qMRMLSliceControllerWidget(self), None
        self._controller.setObjectName("SliceController")

    def set_logic(self, logic) -> None:
        self._logic = self._controller._logic = logic
        self._view._node = logic.GetSliceNode()

    def sliceLogic(self):
        return self._logic

    logic = sliceLogic

    def sliceView(self) -> qMRMLSliceView:
        return self._view

    viewWidget = sliceView

    def sliceController(self) -> qMRMLSliceControllerWidget:
        return self._controller

    controllerWidget = sliceController

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def sliceViewName(self) -> str:
        return self._logic.GetSliceNode().GetLayoutName()

    def sliceOrientation(self) -> str:
        return self._logic.GetSliceNode().GetOrientation()

    def setSliceOrientation(self, orientation: str) -> None:
        self._logic.GetSliceNode().SetOrientation(orientation)

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


@implements
class qMRMLThreeDWidget(QWidget):
    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._view = qMRMLThreeDView(self)

    def threeDView(self) -> qMRMLThreeDView:
        return self._view

    viewWidget = threeDView

    def mrmlViewNode(self):
        return self._view._node


@implements
class qSlicerLayoutManager(QObject):
    """The four-up layout: Red, Yellow, Green and one 3D view."""

    def __init__(self, scene):
        super().__init__()
        self._scene, self._layout, self._holder = scene, 3, QWidget()
        self._slices: dict[str, qMRMLSliceWidget] = {}
        for name, logic in scene.slice_logics.items():
            self._slices[name] = qMRMLSliceWidget(self._holder)
            self._slices[name].set_logic(logic)
        self._three_d = qMRMLThreeDWidget(self._holder)
        self._three_d._view._node = scene.view_node

    def sliceViewNames(self) -> list[str]:
        return list(self._slices)

    def sliceWidget(self, name: str) -> qMRMLSliceWidget | None:
        return self._slices.get(name)

    def threeDWidget(self, index) -> qMRMLThreeDWidget | None:
        return self._three_d if index in (0, self._scene.view_node.GetName()) else None

    def threeDViewCount(self) -> int:
        return 1

    def mrmlSliceLogics(self):
        return self._scene.slice_logic_collection

    def mrmlScene(self):
        return self._scene.mrml_scene

    def layout(self) -> int:
        return self._layout

    def setLayout(self, layout: int) -> None:
        if layout != self._layout:
            self._layout = layout
            emit(self, "layoutChanged(int)", layout)

    def resetSliceViews(self) -> None:
        for logic in self._scene.slice_logics.values():
            logic.FitSliceToBackground()

    def resetThreeDViews(self) -> None:
        self._three_d._view.resetFocalPoint()

    def activeMRMLThreeDViewNode(self):
        return self._scene.view_node
