"""slicer.app, its settings and module manager, and the main window, on one offscreen QApplication."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSettings, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QMainWindow

from . import appearance
from .strict import implements
from .views import qSlicerLayoutManager

OFFSCREEN_NOISE = "This plugin does not support propagateSizeHints()"


def _show_qt_message(_type, _context, text: str) -> None:
    if text != OFFSCREEN_NOISE:
        print(text, file=sys.stderr)


@implements
class qSlicerModuleManager(QObject):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.modules: dict[str, QObject] = {}

    def modulesNames(self) -> list[str]:
        return list(self.modules)

    def module(self, name: str):
        return self.modules.get(name)


@implements
class ctkDICOMDatabase(QObject):
    """Headers and paths of files: `headers[instance UID][tag]` and `files[instance UID]`, to be filled by a test."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.setProperty("_isOpen", True)
        self.headers: dict[str, dict[str, str]] = {}
        self.files: dict[str, str] = {}

    def fileForInstance(self, uid: str) -> str:
        return self.files.get(uid, "")

    def instanceValue(self, uid: str, tag: str) -> str:
        return self.headers.get(uid, {}).get(tag, "")


@implements
class qSlicerMainWindow(QMainWindow):
    pass


@implements
class qSlicerApplication(QApplication):
    """What panels ask of the application; everything else raises NotImplementedError."""

    def __init__(self, scene):
        qInstallMessageHandler(_show_qt_message)
        super().__init__([])
        appearance.apply(self)
        self._scene = scene
        self._folder = Path(tempfile.mkdtemp(prefix="slicer_standins_"))
        self.setOrganizationName("NA-MIC")
        self.setApplicationName("Slicer")
        self.setProperty("_temporaryPath", str(self._folder))
        self.setProperty("_cachePath", str(self._folder))
        self.setProperty("_slicerHome", str(self._folder))
        for name, value in (("majorVersion", 5), ("minorVersion", 12), ("revision", "0"), ("documentationVersion", "latest")):
            self.setProperty(f"_{name}", value)
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(self._folder))
        self._module_manager = qSlicerModuleManager()
        self._layout_manager = qSlicerLayoutManager(scene)
        self._dicom_database = ctkDICOMDatabase()
        self._main_window = qSlicerMainWindow()
        self._main_window.setObjectName("qSlicerMainWindow")

    def settings(self) -> QSettings:
        return QSettings()

    userSettings = revisionUserSettings = settings

    def moduleManager(self) -> qSlicerModuleManager:
        return self._module_manager

    def layoutManager(self) -> qSlicerLayoutManager:
        return self._layout_manager

    def dicomDatabase(self) -> ctkDICOMDatabase:
        return self._dicom_database

    def applicationLogic(self):
        return self._scene.application_logic

    def mrmlScene(self):
        return self._scene.mrml_scene

    def moduleLogic(self, name: str):
        return self._scene.application_logic.GetModuleLogic(name)

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"https://slicer.readthedocs.io/en/latest/user_guide/modules/{name.lower()}.html"

    def translate(self, _context: str, text: str) -> str:
        return text

    @staticmethod
    def testingEnabled() -> bool:
        return False

    def processEvents(self) -> None:
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # Slicer's event loop also deletes

    def pauseRender(self) -> None:
        pass

    resumeRender = pauseRender

    def setRenderPaused(self, _paused: bool) -> None:
        pass
