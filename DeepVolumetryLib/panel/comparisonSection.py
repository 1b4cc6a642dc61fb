"""Comparison: the result against a reference segmentation that is in the scene."""

from __future__ import annotations

import math

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import DeepVolumetryError
from .message import Message

HEIGHT_OF_FRAME = 4
NUMBER_WIDTH = 44
ROW_HEIGHT = 24


class ComparisonSection:
    """The reference, what its labels mean, and the table.

    Args:
        ui: the panel's widgets, among them those of Comparison.ui.
        logic: compares; its `labelSchemes` are offered.
    """

    def __init__(self, ui, logic) -> None:
        self.ui, self._logic = ui, logic
        self.message = Message(ui, "comparison")
        self._meanings = logic.labelSchemes()
        for scheme, (title, _meaning) in self._meanings.items():
            ui.referenceSchemeComboBox.addItem(title, scheme)
        self._setUpTable()
        ui.compareButton.connect("clicked(bool)", self._onCompare)
        ui.referenceSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.refresh)
        ui.referenceSchemeComboBox.connect("currentIndexChanged(int)", self.refresh)
        self.refresh()

    @property
    def _scheme(self) -> str:
        combo = self.ui.referenceSchemeComboBox
        return combo.itemData(combo.currentIndex) if combo.currentIndex >= 0 else ""

    def refresh(self, *_changed) -> None:
        """Numbers of another result, another reference or masks before an edit must not stay."""
        hasResult = self._logic.result is not None
        self.ui.referenceMeaningLabel.setText(self._meanings[self._scheme][1] if self._scheme else "")
        self.ui.comparisonCollapsibleButton.setVisible(hasResult)
        self.ui.comparisonTable.setVisible(False)
        self.ui.compareButton.setEnabled(hasResult and self.ui.referenceSelector.currentNode() is not None)
        self.message.clear()

    def cleanup(self) -> None:
        """Nothing of it is in the scene."""

    def _onCompare(self) -> None:
        slicer.app.setOverrideCursor(qt.QCursor(qt.Qt.WaitCursor))
        try:
            compared = self._logic.compare(self.ui.referenceSelector.currentNode(), self._scheme)
        except DeepVolumetryError as error:
            self.ui.comparisonTable.setVisible(False)
            self.message.error(str(error))
        else:
            self._fillTable(compared)
            self.message.hint(_("Score: QU-BraTS, the mean of Dice area, 1 − FTP and 1 − FTN."))
        finally:
            slicer.app.restoreOverrideCursor()

    def _setUpTable(self) -> None:
        table = self.ui.comparisonTable
        titles = ["", _("Dice"), _("HD95"), _("Score"), _("Dice area"), _("FTP"), _("FTN")]
        tips = [
            "",
            _("Overlap, 1 is best"),
            _("95th percentile of the distance between the surfaces, mm"),
            _("QU-BraTS score of the uncertainty, 1 is best"),
            _("Area under Dice over the thresholds, 1 is best"),
            _("Share of true positives that hiding throws away, 0 is best"),
            _("Share of true negatives that hiding throws away, 0 is best"),
        ]
        table.setColumnCount(len(titles))
        table.setHorizontalHeaderLabels(titles)
        for column, tip in enumerate(tips):
            table.horizontalHeaderItem(column).setToolTip(tip)
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(NUMBER_WIDTH)
        for column in range(len(titles)):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents if column else qt.QHeaderView.Stretch)

    def _fillTable(self, compared) -> None:
        table = self.ui.comparisonTable
        table.setRowCount(len(compared))
        for row, each in enumerate(compared):
            score = each.score
            numbers = (each.overlap.dice, each.overlap.hd95_mm, score.score, score.dice_auc, score.ftp_auc, score.ftn_auc)
            table.setItem(row, 0, qt.QTableWidgetItem(each.target))
            table.item(row, 0).setToolTip(self._logic.targetName(each.target))
            for column, value in enumerate(numbers, 1):
                item = qt.QTableWidgetItem(self._text(value, 1 if column == 2 else 3))
                item.setTextAlignment(qt.Qt.AlignVCenter | qt.Qt.AlignRight)
                table.setItem(row, column, item)
        height = sum(table.rowHeight(row) for row in range(len(compared)))
        table.setFixedHeight(height + table.horizontalHeader().sizeHint.height() + HEIGHT_OF_FRAME)
        table.setVisible(True)

    def _text(self, value: float, decimals: int) -> str:
        return f"{value:.{decimals}f}" if math.isfinite(value) else "–"
