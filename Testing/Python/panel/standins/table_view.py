"""qMRMLTableView: a real table node in a Qt table."""

from __future__ import annotations

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtWidgets import QTableView, QWidget

from .observers import Observations
from .signals import emit
from .strict import implements


class _TableModel(QAbstractTableModel):
    def __init__(self, view: qMRMLTableView):
        super().__init__(view)
        self.node = None

    def _table(self):
        return self.node.GetTable() if self.node else None

    def rowCount(self, parent=QModelIndex()) -> int:  # noqa: B008
        return self._table().GetNumberOfRows() if self._table() and not parent.isValid() else 0

    def columnCount(self, parent=QModelIndex()) -> int:  # noqa: B008
        return self._table().GetNumberOfColumns() if self._table() and not parent.isValid() else 0

    def data(self, index, role=Qt.ItemDataRole.DisplayRole):
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._table().GetValue(index.row(), index.column()).ToString()
        return None

    def headerData(self, section, orientation, role=Qt.ItemDataRole.DisplayRole):
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return self.node.GetColumnDescription(self._table().GetColumnName(section))
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1)
        name = self._table().GetColumnName(section)
        return self.node.GetColumnTitle(name) or name

    def refresh(self) -> None:
        self.beginResetModel()
        self.endResetModel()


@implements
class qMRMLTableView(QTableView):
    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._scene, self._model, self._proxy = None, _TableModel(self), QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self._model)
        self.setModel(self._proxy)
        self._observations = Observations(self, self._model.refresh)
        self.selectionModel().selectionChanged.connect(lambda *_: emit(self, "selectionChanged()"))

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is not self._scene:
            self._scene = scene
            emit(self, "mrmlSceneChanged(vtkMRMLScene*)", scene)

    def mrmlTableNode(self):
        return self._model.node

    def setMRMLTableNode(self, node) -> None:
        self._observations.clear()
        self._model.node = node
        if node is not None:
            self._observations.observe(node, "ModifiedEvent")
            self._observations.observe(node.GetTable(), "ModifiedEvent")
        self._model.refresh()

    def sortFilterProxyModel(self) -> QSortFilterProxyModel:
        return self._proxy
