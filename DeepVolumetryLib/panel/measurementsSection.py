"""Measurements: the live table, verdicts in words, and how far the intervals can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from . import measurementTable
from .message import Message

if TYPE_CHECKING:
    from ..measure.measurement import Measurement

ROW_HEIGHT = 24


class MeasurementsSection:
    """Fills the table and copies it."""

    def __init__(self, ui) -> None:
        self.ui = ui
        self.message = Message(ui, "measurements")
        self._measurements: Sequence[Measurement] = ()
        ui.measurementsTable.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        ui.copyButton.connect("clicked(bool)", self._onCopy)
        self.show(())

    def show(self, measurements: Sequence[Measurement], note: str = "") -> None:
        """New numbers.

        Args:
            measurements: what was measured, () before there is a result.
            note: one sentence about the intervals ("95 % intervals; …").
        """
        self._measurements = measurements
        hasResult = bool(measurements)
        self._fillTable()
        self._showVerdicts()
        self.ui.measurementsTable.setVisible(hasResult)
        self.ui.copyButton.setVisible(hasResult)
        self.ui.intervalLabel.setVisible(hasResult and bool(note))
        self.ui.intervalLabel.text = note
        if hasResult:
            self.message.clear()
        else:
            self.message.hint(_("Volumes and their intervals appear here after a segmentation."))

    def _fillTable(self) -> None:
        table = self.ui.measurementsTable
        rows = measurementTable.rows(self._measurements)
        sides = measurementTable.columns(rows)
        names = {"left": _("Left"), "right": _("Right"), "total": _("Total") if len(sides) > 1 else _("Value")}
        table.setColumnCount(len(sides))
        table.setRowCount(len(rows))
        table.setHorizontalHeaderLabels([names[side] for side in sides])
        table.setVerticalHeaderLabels([row.title for row in rows])
        for index, row in enumerate(rows):
            for column, side in enumerate(sides):
                table.setItem(index, column, self._item(row.cells.get(side)))
        for column in range(len(sides)):
            table.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.Stretch)
        table.setFixedHeight(ROW_HEIGHT * len(rows) + table.horizontalHeader().sizeHint.height() + 4)

    def _item(self, measurement: Measurement | None):
        item = qt.QTableWidgetItem(measurementTable.cell(measurement) if measurement else "")
        item.setTextAlignment(int(qt.Qt.AlignVCenter) | int(qt.Qt.AlignRight))
        if measurement and measurement.verdict:
            item.setToolTip(measurement.verdict)
        return item

    def _showVerdicts(self) -> None:
        verdicts = list(dict.fromkeys(measurement.verdict for measurement in self._measurements if measurement.verdict))
        self.ui.verdictLabel.setText("\n".join(f"• {verdict}" for verdict in verdicts))
        self.ui.verdictLabel.setVisible(bool(verdicts))

    def _onCopy(self) -> None:
        slicer.app.clipboard().setText(measurementTable.as_text(self._measurements))
        self.message.info(_("Copied."))
