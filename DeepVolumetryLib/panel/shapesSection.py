"""Shapes: which method gave the volume, and where this shape lies among those that the model learned from."""

from __future__ import annotations

import logging

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import DeepVolumetryError
from .message import Message


class ShapesSection:
    """The method in words and the button for the map.

    Args:
        ui: the panel's widgets, among them those of Shapes.ui.
        logic: `methodUsed` says how; `showShapes` draws the map and returns a sentence.
    """

    def __init__(self, ui, logic) -> None:
        self.ui, self._logic = ui, logic
        self.message = Message(ui, "shapes")
        ui.shapesButton.connect("clicked(bool)", self._onShow)
        self.refresh()

    def refresh(self) -> None:
        """Another result, or other numbers."""
        used = self._logic.methodUsed()
        self.ui.methodUsedLabel.setText(used)
        self.ui.methodUsedLabel.setVisible(bool(used))
        self.ui.shapesButton.setVisible(bool(used))
        self.message.clear()

    def cleanup(self) -> None:
        """Nothing of it has to leave the scene."""

    def _onShow(self) -> None:
        slicer.app.setOverrideCursor(qt.QCursor(qt.Qt.WaitCursor))
        try:
            self.message.hint(self._logic.showShapes())
        except DeepVolumetryError as error:
            self.message.warning(str(error))
        except Exception as error:
            logging.exception("The latent map could not be made")
            self.message.error(_("The map could not be made ({reason}).").format(reason=error))
        finally:
            slicer.app.restoreOverrideCursor()
