"""CTK's collapsible sections, path and directory pickers and color button, drawn as in Slicer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QFileDialog,
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStyleOptionFrame,
    QToolButton,
    QWidget,
)

from .dialogs import script
from .signals import emit
from .strict import implements


class _HidesContents:
    """Hides the children while collapsed; what is shown or hidden meanwhile takes effect when it is opened, as in CTK."""

    _collapsed = _forcing = False

    def _apply_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        for child in self.children():
            if isinstance(child, QWidget) and not child.isWindow():
                self._force_visibility(child)
        self.updateGeometry()
        self.update()

    def _force_visibility(self, child: QWidget) -> None:
        wanted = child.property("visibilityToParent")
        self._forcing = True
        child.setVisible(not self._collapsed and wanted is not False)
        self._forcing = False

    def childEvent(self, event) -> None:
        if event.added() and isinstance(event.child(), QWidget):
            event.child().installEventFilter(self)
            if self._collapsed:
                self._force_visibility(event.child())
        super().childEvent(event)

    def eventFilter(self, child, event) -> bool:
        shown = {QEvent.Type.ShowToParent: True, QEvent.Type.HideToParent: False}.get(event.type())
        if shown is not None and not self._forcing and isinstance(child, QWidget):
            child.setProperty("visibilityToParent", shown)
            if self._collapsed:
                self._force_visibility(child)
        return False

    def collapsed(self) -> bool:
        return self._collapsed


@implements
class ctkCollapsibleButton(_HidesContents, QAbstractButton):
    """A section: a bar with an arrow, and the contents below."""

    def __init__(self, *arguments):
        texts = [a for a in arguments if isinstance(a, str)]
        parents = [a for a in arguments if isinstance(a, QWidget)]
        self._collapsed_height = 10
        super().__init__(*parents)
        self.setText(texts[0] if texts else "")
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self.setContentsMargins(0, self._header_height(), 0, 0)
        self.toggled.connect(lambda checked: self.setCollapsed(not checked))

    def setCollapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._apply_collapsed(bool(collapsed))
        self.setChecked(not collapsed)
        emit(self, "contentsCollapsed(bool)", bool(collapsed))

    def collapsedHeight(self) -> int:
        return self._collapsed_height

    def setCollapsedHeight(self, height: int) -> None:
        self._collapsed_height = height
        self.updateGeometry()

    def _header_height(self) -> int:
        return max(self.fontMetrics().height() + 6, 22)

    def hitButton(self, position) -> bool:
        return position.y() < self._header_height()

    def sizeHint(self) -> QSize:
        header = QSize(self.fontMetrics().horizontalAdvance(self.text()) + 40, self._header_height())
        if self._collapsed:
            return QSize(header.width(), header.height() + self._collapsed_height)
        return header.expandedTo(super().sizeHint()) if self.layout() else header

    minimumSizeHint = sizeHint

    def paintEvent(self, _event) -> None:
        painter, style, header = QPainter(self), self.style(), self._header_height()
        frame = QStyleOptionFrame()
        frame.initFrom(self)
        frame.rect = QRect(0, header - 2, self.width(), self.height() - header + 2)
        frame.state |= QStyle.StateFlag.State_Sunken
        frame.frameShape = QFrame.Shape.StyledPanel
        style.drawPrimitive(QStyle.PrimitiveElement.PE_Frame, frame, painter, self)
        button = QStyleOptionButton()
        button.initFrom(self)
        button.rect = QRect(0, 0, self.width(), header)
        button.state |= QStyle.StateFlag.State_Raised
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelButtonCommand, button, painter, self)
        arrow = QStyleOptionButton(button)
        arrow.rect = QRect(6, header // 2 - 5, 10, 10)
        element = QStyle.PrimitiveElement.PE_IndicatorArrowRight if self._collapsed else QStyle.PrimitiveElement.PE_IndicatorArrowDown
        style.drawPrimitive(element, arrow, painter, self)
        text = QRect(22, 0, self.width() - 26, header)
        role = QPalette.ColorRole.ButtonText
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextShowMnemonic
        style.drawItemText(painter, text, flags, self.palette(), self.isEnabled(), self.text(), role)
        painter.end()


@implements
class ctkCollapsibleGroupBox(_HidesContents, QGroupBox):
    """A group box whose check box folds it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(lambda checked: self._apply_collapsed(not checked))

    def setCollapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)


@implements
class ctkPathLineEdit(QWidget):
    """An editable path with its history and a browse button."""

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._combo, self._button = QComboBox(), QToolButton()
        self._combo.setEditable(True)
        self._combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._button.setText("…")
        layout.addWidget(self._combo)
        layout.addWidget(self._button)
        self._combo.editTextChanged.connect(lambda text: emit(self, "currentPathChanged(QString)", text))
        self._button.clicked.connect(self.browse)

    def comboBox(self) -> QComboBox:
        return self._combo

    def currentPath(self) -> str:
        return self._combo.currentText()

    def setCurrentPath(self, path: str) -> None:
        if path != self.currentPath():
            self._combo.setEditText(path)

    def setShowBrowseButton(self, shown: bool) -> None:
        self._button.setVisible(shown)

    def showBrowseButton(self) -> bool:
        return not self._button.isHidden()

    def addCurrentPathToHistory(self) -> None:
        if self._combo.findText(self.currentPath()) < 0:
            self._combo.addItem(self.currentPath())

    def browse(self) -> None:
        path = script.ask("ctkPathLineEdit.browse", QFileDialog.__name__, self.currentPath())
        if path:
            self.setCurrentPath(path)


@implements
class ctkDirectoryButton(QPushButton):
    """A button that shows a folder and asks for another one when it is clicked."""

    def __init__(self, *arguments):
        texts = [a for a in arguments if isinstance(a, str)]
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self.setIcon(self.style().standardIcon(QStyle.StandardPixmap.SP_DirOpenIcon))
        self.setDirectory(texts[0] if texts else ".")
        self.clicked.connect(self.browse)

    def directory(self) -> str:
        return self.text()

    def setDirectory(self, path: str) -> None:
        if path != self.text():
            self.setText(path)
            emit(self, "directoryChanged(QString)", path)

    def browse(self) -> None:
        path = script.ask("ctkDirectoryButton.browse", "", self.directory())
        if path:
            self.setDirectory(path)
            emit(self, "directorySelected(QString)", path)


@implements
class ctkColorPickerButton(QPushButton):
    """A button that shows a color."""

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, (str, QWidget))])
        self._color = QColor(Qt.GlobalColor.black)
        self.setColor(next((a for a in arguments if isinstance(a, QColor)), QColor(Qt.GlobalColor.black)))

    def color(self) -> QColor:
        return QColor(self._color)

    def setColor(self, color: QColor) -> None:
        changed, self._color = color != self._color, QColor(color)
        swatch = QPixmap(16, 16)
        swatch.fill(self._color)
        self.setIcon(swatch)
        if changed:
            emit(self, "colorChanged(QColor)", self._color)


@implements
class ctkCheckablePushButton(QPushButton):
    """A push button with a check box in it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._check_controls_button = False

    def checkBoxControlsButtonToggleState(self) -> bool:
        return self._check_controls_button

    def setCheckBoxControlsButtonToggleState(self, controls: bool) -> None:
        self._check_controls_button = controls


@implements
class ctkSearchBox(QLineEdit):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.setPlaceholderText("Search...")
        self.setClearButtonEnabled(True)
