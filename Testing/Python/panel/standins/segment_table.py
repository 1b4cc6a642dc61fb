"""The list of segments, of a real segmentation node."""

from __future__ import annotations

import slicer
from PySide6.QtCore import QItemSelectionModel, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from .node_combobox import qMRMLWidget
from .observers import Observations
from .signals import emit
from .strict import implements

SEGMENT_EVENTS = ("SegmentAdded", "SegmentRemoved", "SegmentModified", "SegmentsOrderModified")
STATUS_MARKS = {"notstarted": "○", "inprogress": "◑", "completed": "●", "flagged": "⚑"}
VISIBILITY, COLOR, NAME, STATUS = range(4)


def _eye(visible: bool) -> QIcon:
    """An eye, open or closed."""
    pixmap = QPixmap(16, 12)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor("#404040"), 1.2))
    if visible:
        painter.drawEllipse(QRectF(1, 2, 14, 8))
        painter.setBrush(QColor("#404040"))
        painter.drawEllipse(QRectF(5.5, 3.5, 5, 5))
    else:
        painter.drawLine(2, 6, 14, 6)
    painter.end()
    return QIcon(pixmap)


def _swatch(color: tuple[float, float, float]) -> QIcon:
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor.fromRgbF(*color))
    return QIcon(pixmap)


@implements
class qMRMLSegmentsTableView(qMRMLWidget):
    """Visibility, color, name and status of every segment; follows the node."""

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._node, self._ids, self._hidden_ids = None, [], ()
        self._observations = Observations(self, self.refresh)
        self._table = QTableWidget(0, 4)
        self._table.setObjectName("SegmentsTable")
        self._table.setHorizontalHeaderLabels(["", "", "Name", "⚑"])
        self._table.horizontalHeaderItem(VISIBILITY).setIcon(_eye(True))
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(22)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setShowGrid(False)
        self._table.setIconSize(QSize(16, 12))
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column in (VISIBILITY, COLOR, STATUS):
            self._table.setColumnWidth(column, 28)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._table.selectionModel().selectionChanged.connect(self._selection_changed)
        self._table.cellClicked.connect(self._clicked)

    def _selection_changed(self, selected, deselected) -> None:
        emit(self, "selectionChanged(QItemSelection,QItemSelection)", selected, deselected)

    def _clicked(self, row: int, column: int) -> None:
        if column == VISIBILITY:
            display, segment_id = self._node.GetDisplayNode(), self._ids[row]
            display.SetSegmentVisibility(segment_id, not display.GetSegmentVisibility(segment_id))

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        self._node = node
        self._observations.clear()
        if node is not None:
            self._observations.observe(node, *(getattr(slicer.vtkSegmentation, name) for name in SEGMENT_EVENTS))
            self._observations.observe(node, "ModifiedEvent", slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent)
        self.refresh()

    def refresh(self) -> None:
        selected = self.selectedSegmentIDs()
        segmentation = self._node.GetSegmentation() if self._node else None
        every = [segmentation.GetNthSegmentID(i) for i in range(segmentation.GetNumberOfSegments())] if segmentation else []
        self._ids = [segment_id for segment_id in every if segment_id not in self._hidden_ids]
        self._table.selectionModel().blockSignals(True)
        self._table.setRowCount(len(self._ids))
        display = self._node.GetDisplayNode() if self._node else None
        for row, segment_id in enumerate(self._ids):
            segment = segmentation.GetSegment(segment_id)
            visible = display.GetSegmentVisibility(segment_id) if display else True
            status = slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentStatus(segment)
            mark = list(STATUS_MARKS.values())[status] if 0 <= status < len(STATUS_MARKS) else ""
            for column, text in ((VISIBILITY, ""), (COLOR, ""), (NAME, segment.GetName()), (STATUS, mark)):
                item = QTableWidgetItem(text)
                if column != NAME:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self._table.setItem(row, column, item)
            self._table.item(row, VISIBILITY).setIcon(_eye(bool(visible)))
            self._table.item(row, COLOR).setIcon(_swatch(segment.GetColor()))
        self._table.selectionModel().blockSignals(False)
        self.setSelectedSegmentIDs(selected)

    def segmentCount(self) -> int:
        return len(self._ids)

    def selectedSegmentIDs(self) -> list[str]:
        rows = sorted({index.row() for index in self._table.selectionModel().selectedIndexes()})
        return [self._ids[row] for row in rows if row < len(self._ids)]

    def setSelectedSegmentIDs(self, segment_ids) -> None:
        model, self_model = self._table.selectionModel(), self._table.model()
        if list(segment_ids) == self.selectedSegmentIDs():
            return
        model.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for segment_id in segment_ids:
            if segment_id in self._ids:
                model.select(self_model.index(self._ids.index(segment_id), 0), flags)

    def clearSelection(self) -> None:
        self._table.clearSelection()

    def displayedSegmentIDs(self) -> list[str]:
        return list(self._ids)

    def setHideSegments(self, segment_ids) -> None:
        self._hidden_ids = tuple(segment_ids)
        self.refresh()

    def hideSegments(self) -> list[str]:
        return list(self._hidden_ids)

    def rowForSegmentID(self, segment_id: str) -> int:
        return self._ids.index(segment_id) if segment_id in self._ids else -1

    def segmentIDForRow(self, row: int) -> str:
        return self._ids[row] if 0 <= row < len(self._ids) else ""

    def tableWidget(self) -> QTableWidget:
        return self._table

    def setSelectionMode(self, mode) -> None:
        self._table.setSelectionMode(QAbstractItemView.SelectionMode(mode))

    def setHeaderVisible(self, visible: bool) -> None:
        self._table.horizontalHeader().setVisible(visible)

    def setReadOnly(self, read_only: bool) -> None:
        triggers = QAbstractItemView.EditTrigger
        self._table.setEditTriggers(triggers.NoEditTriggers if read_only else triggers.DoubleClicked)

    def setVisibilityColumnVisible(self, visible: bool) -> None:
        self._table.setColumnHidden(VISIBILITY, not visible)

    def setColorColumnVisible(self, visible: bool) -> None:
        self._table.setColumnHidden(COLOR, not visible)

    def setStatusColumnVisible(self, visible: bool) -> None:
        self._table.setColumnHidden(STATUS, not visible)
