"""Label map: what its values mean, said below the choice; ExportSection has the button."""

from __future__ import annotations


class LabelMapSection:
    """Says what the chosen scheme means.

    Args:
        ui: the panel's widgets, among them those of LabelMap.ui.
        logic: its `labelSchemes` are explained; the parameter node fills the choice.
    """

    def __init__(self, ui, logic) -> None:
        self.ui, self._meanings = ui, logic.labelSchemes()
        ui.schemeComboBox.connect("currentTextChanged(QString)", self.refresh)
        self.refresh()

    def refresh(self, *_changed) -> None:
        """Another scheme was chosen."""
        meaning = dict(self._meanings.values()).get(self.ui.schemeComboBox.currentText, "")
        self.ui.schemeMeaningLabel.setText(meaning)
        self.ui.schemeMeaningLabel.setVisible(bool(meaning))

    def cleanup(self) -> None:
        """Nothing of it is in the scene."""
