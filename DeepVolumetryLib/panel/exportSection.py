"""Export: CSV, JSON or everything into a folder; says where it wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from slicer.i18n import tr as _

from ..errors import DeepVolumetryError
from .message import Message


class ExportSection:
    """The folder and the buttons.

    Args:
        ui: the panel's widgets.
        writers: name of the button -> function that writes into a folder and returns the path that it wrote; buttons that
            the panel does not have are left out.
    """

    def __init__(self, ui, writers: Mapping[str, Callable[[Path], Path]]) -> None:
        self.ui = ui
        self.message = Message(ui, "export")
        self._buttons = {name: getattr(ui, name) for name in writers if hasattr(ui, name)}
        for name, button in self._buttons.items():
            button.connect("clicked(bool)", lambda *_checked, write=writers[name]: self._export(write))
        ui.exportFolderPathLineEdit.connect("currentPathChanged(QString)", lambda: self.refresh(self._hasResult))
        self._hasResult = False
        self.refresh(False)

    def refresh(self, hasResult: bool) -> None:
        """Enable the buttons, or say what is missing."""
        self._hasResult = hasResult
        problem = ""
        if not hasResult:
            problem = _("There is nothing to export before a segmentation.")
        elif not self.ui.exportFolderPathLineEdit.currentPath:
            problem = _("Choose the folder to write to.")
        for button in self._buttons.values():
            button.setEnabled(not problem)
        self.message.hint(problem)

    def _export(self, write: Callable[[Path], Path]) -> None:
        try:
            written = write(Path(self.ui.exportFolderPathLineEdit.currentPath).expanduser())
        except DeepVolumetryError as error:
            self.message.error(str(error))
        except OSError as error:
            self.message.error(_("Could not write ({reason}). Choose another folder.").format(reason=error.strerror or error))
        else:
            self.ui.exportFolderPathLineEdit.addCurrentPathToHistory()
            self.message.info(_("Written to {path}").format(path=written))
