"""Certainty: hide what is more uncertain than a threshold, and say between which volumes the structure lies then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from ..study.measurementTable import number

if TYPE_CHECKING:
    from ..study.certainty import Certainty


class CertaintySection:
    """The slider, the check box and the volume range of the target that is looked at.

    Args:
        ui: the panel's widgets, among them those of Certainty.ui.
        logic: its result is what is shown.
    """

    def __init__(self, ui, logic) -> None:
        self.ui, self._logic = ui, logic
        self._certainty: Certainty | None = None
        ui.hideCheckBox.connect("toggled(bool)", self._show)
        ui.hideAboveSlider.connect("valueChanged(double)", self._show)
        ui.overlayTargetComboBox.connect("currentIndexChanged(int)", self._show)
        self.refresh()

    def refresh(self) -> None:
        """The result, its masks or what was reviewed changed."""
        result, node = self._logic.result, self._logic.segmentationNode
        if self._certainty and self._certainty.isOf(result):
            self._certainty.forgetMasks()
        else:
            self.cleanup()
            self._certainty = self._make(result, node)
        for widget in (self.ui.hideCheckBox, self.ui.hideAboveSlider):
            widget.setEnabled(self._certainty is not None)
        if self._certainty is None:
            self.ui.hideCheckBox.checked = False
        self._show()

    def cleanup(self) -> None:
        """Show the segmentation as it is."""
        if self._certainty:
            self._certainty.showAll()

    def _make(self, result, node) -> Certainty | None:
        if result is None or node is None:
            return None
        from ..study.certainty import Certainty  # needs scipy, which Slicer's start must not wait for

        return Certainty(result, node)

    def _show(self, *_changed) -> None:
        combo = self.ui.overlayTargetComboBox
        target = combo.itemData(combo.currentIndex) if self._certainty and combo.currentIndex >= 0 else ""
        self.ui.volumeRangeLabel.setVisible(bool(target))
        if not target:
            return
        threshold = self.ui.hideAboveSlider.value
        low, high = self._certainty.rangeMl(target, threshold)
        text = _("{name}: {low} mL without what is more uncertain, {high} mL with all of it.")
        self.ui.volumeRangeLabel.setText(text.format(name=self._logic.targetName(target), low=number(low), high=number(high)))
        if self.ui.hideCheckBox.checked:
            self._certainty.showPart(target, threshold)
        else:
            self._certainty.showAll()
