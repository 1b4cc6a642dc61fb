"""Calibration: which phantom, its rods with the densities of their certificate, and the fit that was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import qt
from slicer.i18n import tr as _

from ..study.measurementTable import number
from .message import Message

FOUND, MARKED, ENTERED = "found", "marked", "entered"
_CERTIFICATE, _COLUMNS = 1, 5
_HEADER_PX, _ROW_PX = 30, 22


class CalibrationSection:
    """The rows of the calibration in a module's own .ui file.

    Args:
        ui: the panel's widgets: phantomComboBox, calibrationSourceComboBox, rodsSelector, slopeSpinBox …, rodTable.
        densitiesOf: densities of the rods of a phantom, mg/cm³, by its key.
        onCertificate: called with the densities that the user typed, () for those of the phantom's type.
    """

    def __init__(self, ui, densitiesOf: Callable[[str], Sequence[float]], onCertificate: Callable[[Sequence[float]], None]) -> None:
        self.ui, self._densitiesOf, self._onCertificate = ui, densitiesOf, onCertificate
        self.message = Message(ui, "calibration")
        self._isFilling = False
        table = ui.rodTable
        table.setColumnCount(_COLUMNS)
        table.setHorizontalHeaderLabels([_("Rod"), _("Certificate"), _("HU"), _("Fitted"), _("Off")])
        table.verticalHeader().hide()
        table.connect("itemChanged(QTableWidgetItem*)", self._onItemChanged)

    def show(self, phantom: str, source: str, certificate: Sequence[float], calibration: dict | None, why: str) -> None:
        """Bring the rows up to date.

        Args:
            phantom: key of the preset, "" for none.
            source: ``FOUND``, ``MARKED`` or ``ENTERED``.
            certificate: densities that the user typed, () if none.
            calibration: of the result, as its extras have it; None if there is none.
            why: sentence that says why there is none, "" before the first run.
        """
        ui = self.ui
        has_rods = bool(phantom) and source != ENTERED
        for widgets, is_shown in (
            ((ui.calibrationSourceLabel, ui.calibrationSourceComboBox), bool(phantom)),
            ((ui.rodsLabel, ui.rodsSelector), has_rods and source == MARKED),
            (
                (ui.slopeLabel, ui.slopeSpinBox, ui.interceptLabel, ui.interceptSpinBox, ui.kvpLabel, ui.kvpSpinBox),
                bool(phantom) and source == ENTERED,
            ),
            ((ui.calibrationKvpLabel, ui.calibrationKvpSpinBox), bool(phantom) and source == ENTERED),
            ((ui.rodTable,), has_rods),
        ):
            for widget in widgets:
                widget.setVisible(is_shown)
        if has_rods:
            densities = certificate or self._densitiesOf(phantom)
            measured = calibration["rods"] if calibration and calibration["phantom"] == phantom else []
            self._fill(densities, measured)
        if calibration:
            self.message.info(_sentence(calibration))
        elif why:
            self.message.warning(why)
        else:
            self.message.hint("" if phantom else _("Without a phantom only Hounsfield units are measured."))

    def _fill(self, densities: Sequence[float], measured: Sequence[dict]) -> None:
        self._isFilling = True
        table = self.ui.rodTable
        table.setRowCount(len(densities))
        for row, density in enumerate(densities):
            rod = measured[row] if row < len(measured) else None
            fitted = rod["fitted"] if rod and rod["fitted"] is not None else math.nan
            values = (
                str(row + 1),
                f"{density:g}",
                number(rod["hu_mean"]) if rod else "",
                number(fitted) if math.isfinite(fitted) else "",
                number(fitted - rod["density"]) if rod and math.isfinite(fitted) else "",
            )
            for column, text in enumerate(values):
                item = qt.QTableWidgetItem(text)
                if column != _CERTIFICATE:
                    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
                table.setItem(row, column, item)
        table.resizeColumnsToContents()
        table.resizeRowsToContents()
        table.setFixedHeight(_HEADER_PX + _ROW_PX * len(densities))
        self._isFilling = False

    def _onItemChanged(self, item) -> None:
        if self._isFilling or item.column() != _CERTIFICATE:
            return
        texts = [self.ui.rodTable.item(row, _CERTIFICATE).text() for row in range(self.ui.rodTable.rowCount)]
        try:
            densities = [float(text.replace(",", ".")) for text in texts]
        except ValueError:
            self.message.warning(_("A density must be a number in mg/cm³."))
            return
        self._onCertificate(densities)


def _sentence(calibration: dict) -> str:
    unit = calibration["unit"]
    text = _("Density = {slope} · HU {intercept} {unit}.").format(
        slope=f"{calibration['slope']:.4f}", intercept=f"{calibration['intercept']:+.1f}", unit=unit
    )
    if calibration["r_squared"] is not None:
        text += " " + _("R² {r}").format(r=f"{calibration['r_squared']:.5f}")
    if calibration["residual_mg_cm3"] is not None:
        text += _(", standard error {error} mg/cm³").format(error=number(calibration["residual_mg_cm3"]))
    return text if text.endswith(".") else f"{text}."
