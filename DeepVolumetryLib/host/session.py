"""The one scene of this process, with the application and module logics around it."""

from __future__ import annotations

import tempfile
from types import SimpleNamespace
from typing import Any

from ..errors import ResourceError


class Application:
    """What stands for ``slicer.app``: the calls that code without a window makes."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self.temporaryPath = tempfile.gettempdir()

    def applicationLogic(self) -> Any:
        """vtkSlicerApplicationLogic."""
        return self._logic

    def layoutManager(self) -> None:
        """None: there are no views."""

    def dicomDatabase(self) -> None:
        """None: there is no database of DICOM files."""

    def processEvents(self) -> None:
        """Nothing waits."""

    def pauseRender(self) -> None:
        """Nothing renders by itself."""

    def resumeRender(self) -> None:
        """Nothing renders by itself."""

    def testingEnabled(self) -> bool:
        """True: nothing may ask the user."""
        return True


class Module:
    """What ``slicer.modules.<name>`` offers: its name and its logic."""

    def __init__(self, name: str, logic: Any) -> None:
        self.name = name
        self._logic = logic

    def logic(self) -> Any:
        """The module's logic, connected to the scene."""
        return self._logic


def start() -> Any:
    """The scene, made at the first call; in Slicer the one that is there.

    Raises:
        ResourceError: if slicer-core is not installed.
    """
    try:
        import slicer
    except ImportError as error:
        raise ResourceError("A scene needs the slicer-core package. Install it with: pip install 'deepvolumetry[scene]'") from error
    if not hasattr(slicer, "mrmlScene"):
        _build(slicer)
    return slicer.mrmlScene


def adopt(scene: Any, application: Any) -> None:
    """Take a scene and an application logic that somebody else made, with the modules that are there, as those of this process.

    Raises:
        ResourceError: if there is another scene already.
    """
    import slicer
    import slicer.util  # makes slicer.util an attribute, as in Slicer

    if hasattr(slicer, "mrmlScene") and slicer.mrmlScene is not scene:
        raise ResourceError("This process has a scene already. Start another one.")
    _add_cache(slicer, scene)
    _add_modules(slicer, scene, application)


def _build(slicer: Any) -> None:
    import slicer.util  # makes slicer.util an attribute, as in Slicer
    from vtkmodules.vtkCommonCore import vtkCollection, vtkOutputWindow

    messages = vtkOutputWindow()
    messages.SetDisplayModeToAlwaysStdErr()  # stdout belongs to what the command line prints
    vtkOutputWindow.SetInstance(messages)

    scene = slicer.vtkMRMLScene()
    _add_cache(slicer, scene)
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)

    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    application.SetTemporaryPath(tempfile.gettempdir())
    application.GetColorLogic().SetMRMLScene(scene)
    application.GetColorLogic().AddDefaultColorNodes()
    application.SetSliceLogics(vtkCollection())
    application.SetViewLogics(vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)  # patient right is on the left of the screen
    _add_modules(slicer, scene, application)


def _add_cache(slicer: Any, scene: Any) -> None:
    """A bundle (.mrb) is unpacked into it when it is read."""
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(tempfile.gettempdir())
    cache.SetMRMLScene(scene)
    storage = slicer.vtkDataIOManager()
    storage.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(storage)


def _add_modules(slicer: Any, scene: Any, application: Any) -> None:
    """Logics of the modules that are not there yet, and the names under which Slicer offers all of them."""
    from vtkmodules.vtkCommonCore import vtkObject

    logics = {
        "Volumes": slicer.vtkSlicerVolumesLogic,
        "Terminologies": slicer.vtkSlicerTerminologiesModuleLogic,
        "SubjectHierarchy": slicer.vtkSlicerSubjectHierarchyModuleLogic,
        "Segmentations": slicer.vtkSlicerSegmentationsModuleLogic,
        "Colors": slicer.vtkSlicerColorLogic,
        "Tables": slicer.vtkSlicerTablesLogic,
        "Transforms": slicer.vtkSlicerTransformLogic,
    }
    modules = SimpleNamespace()
    # slicer-core ships without Slicer's terminology and color files; that two logics look for them is no error here.
    vtkObject.GlobalWarningDisplayOff()
    for name, kind in logics.items():
        logic = application.GetModuleLogic(name)
        if not isinstance(logic, kind):
            logic = kind()
            logic.SetMRMLApplicationLogic(application)
            logic.SetMRMLScene(scene)
            application.SetModuleLogic(name, logic)
        setattr(modules, name.lower(), Module(name, logic))
    vtkObject.GlobalWarningDisplayOn()

    slicer.mrmlScene = scene
    slicer.modules = modules
    slicer.app = Application(application)
