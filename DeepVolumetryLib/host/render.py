"""Pictures of the scene as Slicer's slice views draw it, without a window."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy

from ..errors import ResourceError
from ..mrml.masks import segment_images, volumes_ml

ORIENTATIONS = ("Axial", "Coronal", "Sagittal")
_MANAGERS = ("vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLColorLegendDisplayableManager")
_OFFSCREEN_WINDOWS = {"vtkEGLRenderWindow": "libEGL.so.1", "vtkOSOpenGLRenderWindow": "libOSMesa.so.8"}


def render_slices(
    volume: Any,
    out_png: str | os.PathLike,
    segmentation: Any = None,
    overlay: Any = None,
    center_ras: Sequence[float] | None = None,
    view_size: int = 420,
    orientations: Sequence[str] = ORIENTATIONS,
    extent_mm: float | None = None,
    middle_ras: Sequence[float] | None = None,
    legend: bool = True,
) -> Path:
    """Slices side by side: axial, coronal, sagittal, with segments and an overlay if given.

    Args:
        volume: the volume node in the background; its window is used.
        out_png: where the picture goes.
        segmentation: segmentation node to draw; others in the scene are not drawn.
        overlay: volume node laid over it, e.g. an uncertainty map; its color legend is in the last view.
        center_ras: the point in world coordinates where the slices meet; the center of the largest segment, else of the volume.
        view_size: width and height of one view in pixels.
        orientations: the views, from left to right.
        extent_mm: width and height of what a view shows; the whole volume if None.
        middle_ras: what is then in the middle of each view, as far as it lies in its plane; ``center_ras`` if None.
        legend: show the color legend of the overlay.

    Raises:
        ResourceError: if this machine cannot draw without a screen.
    """
    choose_window()
    point = tuple(center_ras) if center_ras is not None else _middle(segmentation, volume)
    hidden = _hide_others(segmentation)
    try:
        frame = None if extent_mm is None else (extent_mm, tuple(middle_ras) if middle_ras is not None else point)
        views = [(orientation, legend and orientation == orientations[-1]) for orientation in orientations]
        pictures = [_view(orientation, volume, overlay, point, view_size, last, frame) for orientation, last in views]
    finally:
        for display in hidden:
            display.SetVisibility(True)
    return _write_png(np.concatenate(pictures, axis=1), Path(out_png))


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


def _view(
    orientation: str,
    volume: Any,
    overlay: Any,
    point: Sequence[float],
    size: int,
    legend: bool,
    frame: tuple[float, Sequence[float]] | None = None,
) -> np.ndarray:
    """One slice view as an RGB array (rows from the top)."""
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

    before = {node.GetID() for node in _nodes()}
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(application)
    logic.SetMRMLScene(scene)
    slice_node = logic.AddSliceNode(f"DeepVolumetry{orientation}")
    application.GetSliceLogics().AddItem(logic)  # the color legend asks it which volumes are shown
    mapper = _image_mapper(renderer)  # before the managers: props are drawn in the order in which they were added
    managers = _displayable_managers(renderer, slice_node)
    try:
        _aim(logic, slice_node, orientation, volume, overlay, point, size, legend)
        if frame is not None:
            extent, middle = frame
            slice_node.SetFieldOfView(extent, extent, slice_node.GetFieldOfView()[2])
            slice_node.JumpSliceByCentering(*(float(coordinate) for coordinate in middle))
            slice_node.JumpSliceByOffsetting(*(float(coordinate) for coordinate in point))
        mapper.SetInputConnection(logic.GetImageDataConnection())
        window.Render()
        return _pixels(window)
    finally:
        managers.SetMRMLDisplayableNode(None)
        application.GetSliceLogics().RemoveItem(logic)
        logic.SetMRMLScene(None)
        for node in [node for node in _nodes() if node.GetID() not in before]:
            scene.RemoveNode(node)
        window.Finalize()


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
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
    for name in _MANAGERS:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    managers = slicer.vtkMRMLDisplayableManagerGroup()
    managers.SetRenderer(renderer)
    managers.Initialize(factory, renderer)
    managers.SetMRMLDisplayableNode(slice_node)
    return managers


def _aim(logic: Any, slice_node: Any, orientation: str, volume: Any, overlay: Any, point: Sequence[float], size: int, legend: bool) -> None:
    composite = logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(volume.GetID())
    composite.SetForegroundVolumeID(overlay.GetID() if overlay else None)
    composite.SetForegroundOpacity(0.6)
    if legend:  # it appears where it notices that layers changed: once is enough
        composite.SetInteractionFlags(composite.ForegroundVolumeFlag)
        composite.Modified()
        composite.SetInteractionFlags(0)
    slice_node.SetOrientation(orientation)
    logic.ResizeSliceNode(size, size)
    logic.FitSliceToBackground()
    slice_node.JumpSliceByOffsetting(*(float(coordinate) for coordinate in point))


def _pixels(window: Any) -> np.ndarray:
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    picture = grab.GetOutput()
    columns, rows, _ = picture.GetDimensions()
    return vtk_to_numpy(picture.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1].copy()


def _nodes() -> list[Any]:
    return [slicer.mrmlScene.GetNthNode(number) for number in range(slicer.mrmlScene.GetNumberOfNodes())]


def _hide_others(segmentation: Any) -> list[Any]:
    shown = [node.GetDisplayNode() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node is not segmentation]
    hidden = [display for display in shown if display and display.GetVisibility()]
    for display in hidden:
        display.SetVisibility(False)
    return hidden


def _middle(segmentation: Any, volume: Any) -> tuple[float, ...]:
    volumes = volumes_ml(segmentation) if segmentation else {}
    if any(volumes.values()):
        largest = max(volumes, key=volumes.__getitem__)
        image = segment_images(segmentation, [largest])[largest]
        k, j, i = np.argwhere(image.voxels).mean(axis=0)
        return tuple((image.ijk_to_ras @ (i, j, k, 1))[:3])
    bounds = np.zeros(6)
    volume.GetRASBounds(bounds)
    return tuple((bounds[::2] + bounds[1::2]) / 2)


def _write_png(pixels: np.ndarray, path: Path) -> Path:
    from vtkmodules.util.numpy_support import numpy_to_vtk

    picture = vtk.vtkImageData()
    picture.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
    picture.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(pixels[::-1]).reshape(-1, pixels.shape[-1]), deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(picture)
    writer.Write()
    return path
