"""Bone: density over the image, planes between the regions to drag, strength on demand."""

from __future__ import annotations

import logging

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import DeepVolumetryError
from .message import Message


class BoneSection:
    """What can be done with a calibrated femur after the run.

    Args:
        ui: the panel's widgets, among them those of Bone.ui.
        logic: `hasDensity`, `showDensity`, `showPlanes`, `loads` and `estimateStrength` do it.
    """

    def __init__(self, ui, logic) -> None:
        self.ui, self._logic = ui, logic
        self.message = Message(ui, "bone")
        for load, title in logic.loads().items():
            ui.loadComboBox.addItem(title, load)
        ui.densityCheckBox.connect("toggled(bool)", self._onDensity)
        ui.planesCheckBox.connect("toggled(bool)", self._onPlanes)
        ui.strengthButton.connect("clicked(bool)", self._onStrength)
        self.refresh()

    def refresh(self) -> None:
        """Another result, or other numbers."""
        has_density, has_planes = self._logic.hasDensity(), self._logic.hasPlanes()
        self.ui.densityCheckBox.setEnabled(has_density)
        self.ui.planesCheckBox.setEnabled(has_planes)
        for widget in (self.ui.loadComboBox, self.ui.strengthButton):
            widget.setEnabled(has_density and has_planes)
        if not has_density:
            self.ui.densityCheckBox.checked = False
        if not has_planes:
            self.ui.planesCheckBox.checked = False
        self.message.hint(self._logic.boneHint())

    def cleanup(self) -> None:
        """Take the planes out of the scene."""
        self._logic.showPlanes(False)

    def _onDensity(self, is_shown: bool) -> None:
        self._logic.showDensity(is_shown)

    def _onPlanes(self, is_shown: bool) -> None:
        self._logic.showPlanes(is_shown)

    def _onStrength(self) -> None:
        slicer.app.setOverrideCursor(qt.QCursor(qt.Qt.WaitCursor))
        try:
            self.message.info(self._logic.estimateStrength(self.ui.loadComboBox.itemData(self.ui.loadComboBox.currentIndex)))
        except DeepVolumetryError as error:
            self.message.warning(str(error))
        except Exception as error:
            logging.exception("The strength could not be estimated")
            self.message.error(_("The strength could not be estimated ({reason}).").format(reason=error))
        finally:
            slicer.app.restoreOverrideCursor()
