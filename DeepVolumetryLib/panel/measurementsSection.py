"""Measurements: the live table, verdicts in words, and how far the intervals can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        logic: says in sentences what changed since an earlier study, knows the other results in the scene, and plots.
    """

    def __init__(self, ui, logic) -> None:
        self.ui, self._logic = ui, logic
        self._filling = False
        self.message = Message(ui, "measurements")
        self._measurements: Sequence[Measurement] = ()
        self._names: Mapping[str, str] = {}
        ui.measurementsTable.verticalHeader().setVisible(False)
        ui.measurementsTable.horizontalHeader().setHighlightSections(False)
        ui.measurementsTable.horizontalHeader().setMinimumSectionSize(VALUE_WIDTH)
        self.priorMessage = Message(ui, "prior")
        ui.copyButton.connect("clicked(bool)", self._onCopy)
        ui.priorThresholdSpinBox.value = logic.changeThreshold
        ui.priorPathLineEdit.connect("currentPathChanged(QString)", self._showChanges)
        ui.priorSceneComboBox.connect("currentIndexChanged(int)", self._showChanges)
        ui.priorThresholdSpinBox.connect("valueChanged(double)", self._showChanges)
        ui.historyButton.connect("clicked(bool)", self._onHistory)
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
        for name in ("priorThresholdLabel", "priorThresholdSpinBox", "historyButton"):
            getattr(self.ui, name).setVisible(hasResult)
        self._fillPriors()
        self._showChanges()
        if hasResult:
            self.message.clear()
        else:
            self.message.hint(_("Volumes and their intervals appear here after a segmentation."))

    def _fillPriors(self) -> None:
        """Other results in the scene; the row vanishes where there is none."""
        combo, chosen = self.ui.priorSceneComboBox, self._chosenTable
        tables = self._logic.priorTables() if self._measurements else {}
        self._filling = True
        combo.clear()
        for table, name in {"": _("none"), **tables}.items():
            combo.addItem(name, table)
        combo.setCurrentIndex(max(combo.findData(chosen), 0))
        self._filling = False
        for widget in (self.ui.priorSceneLabel, combo):
            widget.setVisible(bool(tables))

    @property
    def _chosenTable(self) -> str:
        combo = self.ui.priorSceneComboBox
        return combo.itemData(combo.currentIndex) or "" if combo.currentIndex >= 0 else ""

    @property
    def _prior(self) -> Path | Sequence[Measurement] | None:
        """The earlier study that was chosen: a result in the scene, else a report."""
        if self._chosenTable:
            return self._logic.priorMeasurements(self._chosenTable)
        path = Path(self.ui.priorPathLineEdit.currentPath or ".")
        return path if path.is_file() else None

    def _onHistory(self) -> None:
        from ..mrml.history import open_chart

        try:
            prior = self._prior
            open_chart(self._logic.showHistory([prior] if isinstance(prior, Path) else []))
        except DeepVolumetryError as error:
            self.priorMessage.error(str(error))

    def _showChanges(self, *_changed) -> None:
        """What changed since the prior study, as far as both have it."""
        if self._filling:
            return
        lines: Sequence[str] = ()
        self.priorMessage.clear()
        prior = self._prior if self._measurements else None
        if prior is not None:
            try:
                lines = self._logic.changesSince(prior, self.ui.priorThresholdSpinBox.value)
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
