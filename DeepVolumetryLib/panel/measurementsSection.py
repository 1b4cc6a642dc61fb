"""Measurements: the live table, verdicts in words, and how far the intervals can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import DeepVolumetryError
from ..study import measurementTable
from .message import Message

if TYPE_CHECKING:
    from ..measure.measurement import Measurement

FRAME, PADDING, VALUE_WIDTH = 4, 4, 64


class MeasurementsSection:
    """Fills the table and copies it.

    Args:
        ui: the panel's widgets.
        changesSince: says in sentences what changed since the report.json of an earlier study; raises `InputError`.
    """

    def __init__(self, ui, changesSince: Callable[[Path], Sequence[str]]) -> None:
        self.ui, self._changesSince = ui, changesSince
        self.message = Message(ui, "measurements")
        self._measurements: Sequence[Measurement] = ()
        self._names: Mapping[str, str] = {}
        ui.measurementsTable.verticalHeader().setVisible(False)
        ui.measurementsTable.horizontalHeader().setHighlightSections(False)
        ui.measurementsTable.horizontalHeader().setMinimumSectionSize(VALUE_WIDTH)
        self.priorMessage = Message(ui, "prior")
        ui.copyButton.connect("clicked(bool)", self._onCopy)
        ui.priorPathLineEdit.connect("currentPathChanged(QString)", self._showChanges)
        self.show(())

    def show(self, measurements: Sequence[Measurement], notes: Sequence[str] = (), names: Mapping[str, str] | None = None) -> None:
        """New numbers, () before there is a result, the sentences that belong below them, and what segments are called."""
        self._measurements, self._names = measurements, names or {}
        hasResult = bool(measurements)
        self._fillTable()
        verdicts = measurementTable.verdicts(measurements, self._names)
        lines = (f"<b>{escape(subject)}:</b> {escape(verdict).replace(' %', '&nbsp;%')}" for subject, verdict in verdicts)
        self.ui.verdictLabel.setText("".join(f"<p style='margin: 3px 0'>{line}</p>" for line in lines))
        self.ui.verdictLabel.setVisible(bool(verdicts))
        self.ui.notesLabel.setText("\n".join(f"• {note}" for note in notes))
        self.ui.notesCollapsibleButton.setVisible(hasResult and bool(notes))
        self.ui.intervalLabel.setText(self._intervalText())
        shown = ("measurementsTable", "copyButton", "intervalLabel", "priorLabel", "priorPathLineEdit")
        for name in shown:
            getattr(self.ui, name).setVisible(hasResult)
        self._showChanges()
        if hasResult:
            self.message.clear()
        else:
            self.message.hint(_("Volumes and their intervals appear here after a segmentation."))

    def _showChanges(self) -> None:
        """What changed since the prior report, as far as both have it."""
        lines: Sequence[str] = ()
        self.priorMessage.clear()
        path = Path(self.ui.priorPathLineEdit.currentPath or ".")
        if self._measurements and path.is_file():
            try:
                lines = self._changesSince(path)
            except DeepVolumetryError as error:
                self.priorMessage.error(str(error))
            else:
                if not lines:
                    self.priorMessage.hint(_("The prior report has no volume in common with this study."))
        self.ui.changesLabel.setText("".join(f"<p style='margin: 3px 0'>{escape(line)}</p>" for line in lines))
        self.ui.changesLabel.setVisible(bool(lines))

    def _intervalText(self) -> str:
        levels = {measurement.level for measurement in self._measurements if measurement.level and measurement.low is not None}
        if not levels:
            return _("No intervals are stated.")
        return _("In parentheses: {level} % interval.").format(level=" / ".join(f"{100 * level:g}" for level in sorted(levels)))

    def _fillTable(self) -> None:
        table = self.ui.measurementsTable
        rows = measurementTable.rows(self._measurements)
        sides = measurementTable.columns(rows)
        names = {"left": _("Left"), "right": _("Right"), "total": _("Total") if len(sides) > 1 else _("Value")}
        table.clearSpans()
        table.clearContents()
        table.setColumnCount(len(sides) + 1)
        table.setHorizontalHeaderLabels(["", *(names[side] for side in sides)])
        lines = []
        for row in rows:
            if not lines or row.structure != lines[-1].structure:
                lines.append(measurementTable.Row(row.structure, "", ""))
            lines.append(row)
        table.setRowCount(len(lines))
        for index, row in enumerate(lines):
            if row.cells:
                self._fillRow(index, row, sides)
            else:
                self._fillHeading(index, row.structure)
        header = table.horizontalHeader()
        for column in range(len(sides) + 1):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents if column else qt.QHeaderView.Stretch)
        table.resizeRowsToContents()
        for index in range(len(lines)):
            table.setRowHeight(index, table.rowHeight(index) + PADDING)
        height = sum(table.rowHeight(index) for index in range(len(lines)))
        table.setFixedHeight(height + header.sizeHint.height() + FRAME)

    def _fillHeading(self, index: int, structure: str) -> None:
        item = qt.QTableWidgetItem(measurementTable.heading(structure, self._names))
        font = item.font()
        font.setBold(True)
        item.setFont(font)
        self.ui.measurementsTable.setItem(index, 0, item)
        self.ui.measurementsTable.setSpan(index, 0, 1, self.ui.measurementsTable.columnCount)

    def _fillRow(self, index: int, row: measurementTable.Row, sides: Sequence[str]) -> None:
        self.ui.measurementsTable.setItem(index, 0, qt.QTableWidgetItem(row.title))
        for column, side in enumerate(sides, 1):
            measurement = row.cells.get(side)
            # Side by side, value and interval of several columns leave no room for the names in a narrow panel.
            separator = "\n" if len(sides) > 1 else " "
            item = qt.QTableWidgetItem(measurementTable.cell(measurement, separator) if measurement else "")
            item.setTextAlignment(qt.Qt.AlignVCenter | qt.Qt.AlignRight)
            if measurement and measurement.verdict:
                item.setToolTip(measurement.verdict)
            self.ui.measurementsTable.setItem(index, column, item)

    def _onCopy(self) -> None:
        slicer.app.clipboard().setText(measurementTable.as_text(self._measurements, self._names))
        self.message.info(_("Copied."))
