"""Pictures of the scene as Slicer's slice views draw it, off screen: without Slicer's window, and in it without touching its views.

A view is made for one picture and taken away again: the logic, the displayable managers and the nodes of a slice view, but no
widget. Nothing that the user looks at moves.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import vtk_to_numpy

from ..errors import ResourceError

_OFFSCREEN_WINDOWS = {"vtkEGLRenderWindow": "libEGL.so.1", "vtkOSOpenGLRenderWindow": "libOSMesa.so.8"}
_OPACITY = 0.6
Vector = Sequence[float]


@dataclass(frozen=True)
class Look:
    """What a view shows.

    Attributes:
        point: in world coordinates (RAS, mm), on the plane.
        plane: one of Slicer's orientations, or the directions to the right and up, each of length 1.
        width_mm: width and height of what is seen; the whole volume if None.
        middle: what is then in the middle, as far as it lies in the plane; ``point`` if None.
    """

    point: Vector
    plane: str | tuple[Vector, Vector] = "Axial"
    width_mm: float | None = None
    middle: Vector | None = None


def draw_slice(
    look: Look, volume: Any, size: int, segmentation: Any = None, overlay: Any = None, legend: bool = False
) -> NDArray[np.uint8]:
    """One slice view as an RGB picture, shape (size, size, 3), rows from the top.

    Args:
        look: what the view shows.
        volume: the volume node in the background; its window is used.
        size: width and height in pixels.
        segmentation: segmentation node to draw; others in the scene are not drawn.
        overlay: volume node laid over it, e.g. an uncertainty map.
        legend: draw the color legend of the overlay too.

    Raises:
        ResourceError: if this machine cannot draw without a screen.
    """
    choose_window()
    hidden = _hide_others(segmentation)
    try:
        return _view(look, volume, overlay, size, legend)
    finally:
        for display in hidden:
            display.SetVisibility(True)


def choose_window() -> None:
    """Pick a window that needs no screen; VTK ends the process if it is asked for one whose library is missing.

    Raises:
        ResourceError: if there is none.
    """
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY"):
        return
    wanted = os.environ.get("VTK_DEFAULT_OPENGL_WINDOW")
    for window, library in _OFFSCREEN_WINDOWS.items():
        if wanted not in (None, "", window):
            continue
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        os.environ["VTK_DEFAULT_OPENGL_WINDOW"] = window
        return
    raise ResourceError("Pictures cannot be drawn without a screen here: install libegl1 and libgl1-mesa-dri, or libosmesa6.")


def _view(look: Look, volume: Any, overlay: Any, size: int, legend: bool) -> NDArray[np.uint8]:
    scene, application = slicer.mrmlScene, slicer.app.applicationLogic()
    window, renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetDPI(72)
    window.SetSize(size, size)
    window.AddRenderer(renderer)
    renderer.GetActiveCamera().ParallelProjectionOn()
    interactor = vtk.vtkRenderWindowInteractor()  # displayable managers observe it
    interactor.SetRenderWindow(window)

    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(application)
    logic.SetMRMLScene(scene)
    slice_node = _slice_node(volume)
    logic.SetSliceNode(slice_node)
    application.GetSliceLogics().AddItem(logic)  # the color legend asks it which volumes are shown
    mapper = _image_mapper(renderer)  # before the managers: props are drawn in the order in which they were added
    managers = _displayable_managers(renderer, slice_node)
    try:
        _aim(logic, slice_node, look, volume, overlay, size, legend)
        mapper.SetInputConnection(logic.GetImageDataConnection())
        window.Render()
        return _pixels(window)
    finally:
        managers.SetMRMLDisplayableNode(None)
        application.GetSliceLogics().RemoveItem(logic)
        made = (logic.GetSliceModelNode(), logic.GetSliceModelDisplayNode(), logic.GetSliceModelTransformNode())
        made += (logic.GetSliceCompositeNode(), slice_node)
        logic.SetMRMLScene(None)
        for node in made:
            if node is not None and node.GetScene() is scene:
                scene.RemoveNode(node)
        window.Finalize()


def _slice_node(owner: Any) -> Any:
    """A slice node that belongs to another node, so that Slicer's window does not make a view for it."""
    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSliceNode")  # with the scene's orientations
    node.UnRegister(None)
    name = slicer.mrmlScene.GenerateUniqueName("DeepVolumetryPicture")
    node.SetName(name)
    node.SetLayoutName(name)
    node.SetAndObserveParentLayoutNodeID(owner.GetID())
    node.SetSaveWithScene(False)
    slicer.mrmlScene.AddNode(node)
    return node


def _image_mapper(renderer: Any) -> Any:
    """The slice logic hands over colors, so the window is that of bytes."""
    mapper, actor = vtk.vtkImageMapper(), vtk.vtkActor2D()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    actor.SetMapper(mapper)
    actor.GetProperty().SetDisplayLocationToBackground()
    renderer.AddViewProp(actor)
    return mapper


def _displayable_managers(renderer: Any, slice_node: Any) -> Any:
    """Segments and the color legend; what else Slicer's views may draw does not belong into a picture of a result."""
    group = slicer.vtkMRMLDisplayableManagerGroup()
    group.SetRenderer(renderer)
    for manager in (slicer.vtkMRMLSegmentationsDisplayableManager2D(), slicer.vtkMRMLColorLegendDisplayableManager()):
        manager.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        group.AddDisplayableManager(manager)
    group.SetMRMLDisplayableNode(slice_node)
    return group


def _aim(logic: Any, slice_node: Any, look: Look, volume: Any, overlay: Any, size: int, legend: bool) -> None:
    composite = logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(volume.GetID())
    composite.SetForegroundVolumeID(overlay.GetID() if overlay else None)
    composite.SetForegroundOpacity(_OPACITY)
    if legend:  # it appears where it notices that layers changed: once is enough
        composite.SetInteractionFlags(composite.ForegroundVolumeFlag)
        composite.Modified()
        composite.SetInteractionFlags(0)
    point = [float(coordinate) for coordinate in look.point]
    if isinstance(look.plane, str):
        slice_node.SetOrientation(look.plane)
    else:
        right, up = look.plane
        slice_node.SetSliceToRASByNTP(*np.cross(right, up), *map(float, right), *point, 0)
    logic.ResizeSliceNode(size, size)
    logic.FitSliceToBackground()
    if look.width_mm is not None:
        slice_node.SetFieldOfView(look.width_mm, look.width_mm, slice_node.GetFieldOfView()[2])
        slice_node.JumpSliceByCentering(*map(float, look.point if look.middle is None else look.middle))
    slice_node.JumpSliceByOffsetting(*point)


def _pixels(window: Any) -> NDArray[np.uint8]:
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    picture = grab.GetOutput()
    columns, rows, _ = picture.GetDimensions()
    return vtk_to_numpy(picture.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1].copy()


def _hide_others(segmentation: Any) -> list[Any]:
    shown = [node.GetDisplayNode() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node is not segmentation]
    hidden = [display for display in shown if display and display.GetVisibility()]
    for display in hidden:
        display.SetVisibility(False)
    return hidden
