"""Review: the uncertainty overlay and the ranked places to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

from ..study.reviewList import decision, structure, summary
from .message import Message

if TYPE_CHECKING:
    from ..uncertainty.regions import ReviewRegion

COLUMNS = 4
ROW_HEIGHT = 24


class ReviewSection:
    """Shows review regions and jumps to them.

    Args:
        ui: the panel's widgets.
        onReviewed: called with the index of a region and what was decided, "looks_right" or "fixed".
        onSelected: called with the index of the region that the views are to show.
        onOverlayChanged: called when the overlay must be drawn anew.
        onUndo: takes the last decision back and returns the index of its region, -1 if there is none.
    """

    def __init__(
        self,
        ui,
        onReviewed: Callable[[int, str], None],
        onSelected: Callable[[int], None],
        onOverlayChanged: Callable[[], None],
        onUndo: Callable[[], int],
    ) -> None:
        self.ui = ui
        self._onReviewed, self._onSelected, self._onOverlayChanged, self._onUndo = onReviewed, onSelected, onOverlayChanged, onUndo
        self._regions: Sequence[ReviewRegion] = ()
        self._names: Mapping[str, str] = {}
        self._filling = False
        self.message = Message(ui, "review")
        self._setUpTable()
        ui.regionTable.connect("itemSelectionChanged()", self._onRowSelected)
        ui.previousButton.connect("clicked(bool)", lambda: self.step(-1))
        ui.nextButton.connect("clicked(bool)", lambda: self.step(1))
        ui.looksRightButton.connect("clicked(bool)", lambda: self._decide("looks_right"))
        ui.fixedButton.connect("clicked(bool)", lambda: self._decide("fixed"))
        ui.undoReviewButton.connect("clicked(bool)", self._undo)
        ui.zoomCheckBox.connect("toggled(bool)", self._onZoomToggled)
        ui.overlayCheckBox.connect("toggled(bool)", self._overlayChanged)
        ui.overlayTargetComboBox.connect("currentIndexChanged(int)", self._overlayChanged)
        ui.backgroundComboBox.connect("currentIndexChanged(int)", self._overlayChanged)
        ui.opacitySlider.connect("valueChanged(double)", self._overlayChanged)
        ui.thresholdSlider.connect("valueChanged(double)", self._overlayChanged)
        self.show((), {})
        self.showBackgrounds({})

    @property
    def current(self) -> int:
        """Index of the selected region, -1 if none is."""
        return self.ui.regionTable.currentRow()

    @property
    def overlayTarget(self) -> str:
        """Target whose uncertainty is to be shown, "" for none."""
        return self.target if self.ui.overlayCheckBox.checked else ""

    @property
    def target(self) -> str:
        """Target that is looked at, whether its overlay is shown or not; "" before there is a result."""
        combo = self.ui.overlayTargetComboBox
        return combo.itemData(combo.currentIndex) if combo.currentIndex >= 0 else ""

    @property
    def background(self) -> str:
        """Name of the input below the overlay, "" if there is no choice."""
        combo = self.ui.backgroundComboBox
        return combo.itemData(combo.currentIndex) if combo.currentIndex >= 0 else ""

    def show(self, regions: Sequence[ReviewRegion], targets: Mapping[str, str], preferred: str = "") -> None:
        """New regions, and the targets that have an uncertainty map; empty before there is a result.

        Args:
            regions: ranked.
            targets: target -> its name.
            preferred: target that is chosen first.
        """
        self._regions, self._names = regions, targets
        self._filling = True
        combo = self.ui.overlayTargetComboBox
        if self._fillComboBox(combo, targets) and targets:
            combo.setCurrentIndex(max(combo.findData(preferred), 0))
        self._fillTable()
        self._filling = False
        for widget in (self.ui.overlayCheckBox, combo, self.ui.opacitySlider, self.ui.thresholdSlider):
            widget.setEnabled(bool(targets))
        ui = self.ui
        for widget in (ui.previousButton, ui.nextButton, ui.looksRightButton, ui.fixedButton, ui.undoReviewButton, ui.regionTable):
            widget.setEnabled(bool(regions))
        self._summarize(bool(targets))

    def showBackgrounds(self, inputs: Mapping[str, str], preferred: str = "") -> None:
        """The inputs that the overlay can lie over: name -> title; the row vanishes where there is no choice."""
        self._filling = True
        combo = self.ui.backgroundComboBox
        if self._fillComboBox(combo, inputs) and inputs:
            combo.setCurrentIndex(max(combo.findData(preferred), 0))
        self._filling = False
        for widget in (self.ui.backgroundLabel, combo):
            widget.setVisible(len(inputs) > 1)

    def step(self, by: int) -> None:
        """Select the region that many rows further on, round the ends."""
        if self._regions:
            self.select((self.current + by) % len(self._regions) if self.current >= 0 else 0)

    def select(self, index: int) -> None:
        """Select a region; all views jump to it."""
        if self.current == index:
            self._onRowSelected()
        self.ui.regionTable.selectRow(index)

    def _onRowSelected(self) -> None:
        if self._filling or not 0 <= self.current < len(self._regions):
            return
        combo = self.ui.overlayTargetComboBox
        combo.setCurrentIndex(max(combo.findData(self._regions[self.current].target), 0))
        self._onSelected(self.current)

    def _onZoomToggled(self, isOn: bool) -> None:
        if isOn:
            self._onRowSelected()
        else:
            slicer.util.resetSliceViews()

    def _undo(self) -> None:
        index = self._onUndo()
        if index >= 0:
            self.select(index)

    def _decide(self, how: str) -> None:
        if not self._regions:
            return
        index = max(self.current, 0)
        self._onReviewed(index, how)
        left = [i for i, region in enumerate(self._regions) if not region.reviewed]
        if left:
            self.select(next((i for i in left if i > index), left[0]))

    def _overlayChanged(self) -> None:
        if not self._filling:
            self._onOverlayChanged()

    def _setUpTable(self) -> None:
        table = self.ui.regionTable
        table.setColumnCount(COLUMNS)
        table.setHorizontalHeaderLabels([_("#"), _("Structure"), _("At stake"), _("Reviewed")])
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        for column, mode in enumerate(["ResizeToContents", "Stretch", "ResizeToContents", "ResizeToContents"]):
            header.setSectionResizeMode(column, getattr(qt.QHeaderView, mode))

    def _fillComboBox(self, combo, items: Mapping[str, str]) -> bool:
        """True if other items came in; the choice stays where they are the same."""
        if [combo.itemData(index) for index in range(combo.count)] == list(items):
            return False
        combo.clear()
        for key, text in items.items():
            combo.addItem(text, key)
        return True

    def _fillTable(self) -> None:
        table, selected = self.ui.regionTable, self.current
        table.setRowCount(len(self._regions))
        for row, region in enumerate(self._regions):
            stake = _("{volume} mL").format(volume=f"{region.at_stake_ml:.2f}")
            for column, text in enumerate([str(region.rank), structure(region, self._names), stake, decision(region)]):
                item = qt.QTableWidgetItem(text)
                item.setTextAlignment(qt.Qt.AlignVCenter | (qt.Qt.AlignRight if column in (0, 2) else qt.Qt.AlignLeft))
                table.setItem(row, column, item)
        if 0 <= selected < len(self._regions):
            table.selectRow(selected)

    def _summarize(self, hasResult: bool) -> None:
        if not hasResult:
            self.message.hint(_("Places to look at appear here after a segmentation."))
        elif not self._regions:
            self.message.info(summary(()))
        else:
            self.message.hint(summary(self._regions))
