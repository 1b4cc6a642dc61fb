"""CTK's number widgets: sliders with a spin box, ranges, and spin boxes of doubles."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QStyle, QStyleOptionSlider, QWidget

from .signals import emit
from .strict import implements

STEPS = 10_000  # resolution of the slider below a spin box


class _SpinBoxSettings:
    """Properties that go through to the spin boxes of a widget."""

    def _spin_boxes(self) -> tuple[QDoubleSpinBox, ...]:
        raise NotImplementedError

    def decimals(self) -> int:
        return self._spin_boxes()[0].decimals()

    def setDecimals(self, decimals: int) -> None:
        for box in self._spin_boxes():
            box.setDecimals(decimals)
        emit(self, "decimalsChanged(int)", decimals)

    def singleStep(self) -> float:
        return self._spin_boxes()[0].singleStep()

    def setSingleStep(self, step: float) -> None:
        for box in self._spin_boxes():
            box.setSingleStep(step)

    def minimum(self) -> float:
        return self._spin_boxes()[0].minimum()

    def setMinimum(self, minimum: float) -> None:
        self.setRange(minimum, max(minimum, self.maximum()))

    def maximum(self) -> float:
        return self._spin_boxes()[0].maximum()

    def setMaximum(self, maximum: float) -> None:
        self.setRange(min(maximum, self.minimum()), maximum)

    def setRange(self, minimum: float, maximum: float) -> None:
        for box in self._spin_boxes():
            box.setRange(minimum, maximum)

    def prefix(self) -> str:
        return self._spin_boxes()[0].prefix()

    def setPrefix(self, prefix: str) -> None:
        for box in self._spin_boxes():
            box.setPrefix(prefix)

    def suffix(self) -> str:
        return self._spin_boxes()[0].suffix()

    def setSuffix(self, suffix: str) -> None:
        for box in self._spin_boxes():
            box.setSuffix(suffix)


def _row(widget: QWidget, *children: QWidget) -> None:
    layout = QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for child in children:
        layout.addWidget(child)


@implements
class ctkDoubleSpinBox(_SpinBoxSettings, QWidget):
    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._box = QDoubleSpinBox()
        _row(self, self._box)
        self._box.valueChanged.connect(self._changed)
        self._box.editingFinished.connect(lambda: emit(self, "editingFinished()"))

    def _changed(self, value: float) -> None:
        emit(self, "valueChanged(double)", value)
        emit(self, "valueChanged(QString)", self._box.text())

    def _spin_boxes(self):
        return (self._box,)

    def value(self) -> float:
        return self._box.value()

    def setValue(self, value: float) -> None:
        self._box.setValue(value)

    setValueIfDifferent = setValueAlways = setValue

    def stepUp(self) -> None:
        self._box.stepUp()

    def stepDown(self) -> None:
        self._box.stepDown()

    def readOnly(self) -> bool:
        return self._box.isReadOnly()

    def setReadOnly(self, read_only: bool) -> None:
        self._box.setReadOnly(read_only)


@implements
class qMRMLSpinBox(ctkDoubleSpinBox):
    def setMRMLScene(self, scene) -> None:
        self._scene = scene

    def mrmlScene(self):
        return getattr(self, "_scene", None)


@implements
class ctkSliderWidget(_SpinBoxSettings, QWidget):
    """A slider and a spin box of the same value."""

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._slider, self._box, self._tracking = QSlider(Qt.Orientation.Horizontal), QDoubleSpinBox(), True
        self._slider.setRange(0, STEPS)
        self._slider.setObjectName("Slider")
        self._box.setObjectName("SpinBox")
        self._box.setRange(0, 99)
        self._box.setSingleStep(1)
        _row(self, self._slider, self._box)
        self._slider.sliderMoved.connect(self._slider_moved)
        self._slider.sliderReleased.connect(lambda: self._slider_moved(self._slider.value(), released=True))
        self._box.valueChanged.connect(self._box_changed)

    def _spin_boxes(self):
        return (self._box,)

    def _slider_moved(self, position: int, released: bool = False) -> None:
        value = self.minimum() + position / STEPS * (self.maximum() - self.minimum())
        step = self.singleStep() or 1.0
        value = self.minimum() + round((value - self.minimum()) / step) * step
        if self._tracking or released:
            self._box.setValue(value)
        else:
            emit(self, "valueIsChanging(double)", value)

    def _box_changed(self, value: float) -> None:
        self._place_slider()
        emit(self, "valueIsChanging(double)", value)
        emit(self, "valueChanged(double)", value)

    def _place_slider(self) -> None:
        span = self.maximum() - self.minimum()
        self._slider.setSliderPosition(round((self.value() - self.minimum()) / span * STEPS) if span else 0)

    def setRange(self, minimum: float, maximum: float) -> None:
        super().setRange(minimum, maximum)
        self._place_slider()

    def value(self) -> float:
        return self._box.value()

    def setValue(self, value: float) -> None:
        self._box.setValue(value)

    def reset(self) -> None:
        self.setValue(0.0)

    def tracking(self) -> bool:
        return self._tracking

    def setTracking(self, tracking: bool) -> None:
        self._tracking = tracking

    def spinBoxVisible(self) -> bool:
        return not self._box.isHidden()

    def setSpinBoxVisible(self, visible: bool) -> None:
        self._box.setVisible(visible)

    def pageStep(self) -> float:
        return self._slider.pageStep() / STEPS * (self.maximum() - self.minimum())

    def setPageStep(self, step: float) -> None:
        span = self.maximum() - self.minimum()
        self._slider.setPageStep(max(1, round(step / span * STEPS)) if span else 1)


@implements
class qMRMLSliderWidget(ctkSliderWidget):
    def setMRMLScene(self, scene) -> None:
        self._scene = scene

    def mrmlScene(self):
        return getattr(self, "_scene", None)


@implements
class ctkDoubleSlider(ctkSliderWidget):
    """A slider of doubles: the slider widget without its spin box."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.setSpinBoxVisible(False)


class _RangeBar(QWidget):
    """A groove with two handles."""

    def __init__(self, owner: ctkRangeWidget):
        super().__init__()
        self._owner = owner
        self.setMinimumSize(60, 20)

    def paintEvent(self, _event) -> None:
        painter, option = QPainter(self), QStyleOptionSlider()
        option.initFrom(self)
        option.orientation = Qt.Orientation.Horizontal
        option.minimum, option.maximum = 0, STEPS
        low, high = (self._position(v) for v in (self._owner.minimumValue(), self._owner.maximumValue()))
        option.subControls = QStyle.SubControl.SC_SliderGroove
        self.style().drawComplexControl(QStyle.ComplexControl.CC_Slider, option, painter)
        for position in (low, high):
            option.sliderPosition, option.subControls = position, QStyle.SubControl.SC_SliderHandle
            self.style().drawComplexControl(QStyle.ComplexControl.CC_Slider, option, painter)
        inner = QRect(
            QPoint(low * self.width() // STEPS, self.height() // 2 - 2), QPoint(high * self.width() // STEPS, self.height() // 2 + 1)
        )
        painter.setOpacity(0.5)
        painter.fillRect(inner, self.palette().highlight())
        painter.end()

    def _position(self, value: float) -> int:
        span = self._owner.maximum() - self._owner.minimum()
        return round((value - self._owner.minimum()) / span * STEPS) if span else 0


@implements
class ctkRangeWidget(_SpinBoxSettings, QWidget):
    """Two values with low <= high."""

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QWidget)])
        self._low, self._high, self._bar = QDoubleSpinBox(), QDoubleSpinBox(), None
        self._bar = _RangeBar(self)
        self._low.setObjectName("MinimumSpinBox")
        self._high.setObjectName("MaximumSpinBox")
        self._high.setValue(99)
        _row(self, self._low, self._bar, self._high)
        self._low.valueChanged.connect(lambda value: self._changed("minimum", value))
        self._high.valueChanged.connect(lambda value: self._changed("maximum", value))

    def _spin_boxes(self):
        return (self._low, self._high)

    def _changed(self, which: str, value: float) -> None:
        self._bar.update()
        if self._low.value() > self._high.value():  # the other one follows and reports both
            (self._high if which == "minimum" else self._low).setValue(value)
            return
        emit(self, f"{which}ValueChanged(double)", value)
        emit(self, "valuesChanged(double,double)", self._low.value(), self._high.value())

    def minimumValue(self) -> float:
        return self._low.value()

    def setMinimumValue(self, value: float) -> None:
        self._low.setValue(value)

    def maximumValue(self) -> float:
        return self._high.value()

    def setMaximumValue(self, value: float) -> None:
        self._high.setValue(value)

    def setValues(self, low: float, high: float) -> None:
        if (low, high) == (self._low.value(), self._high.value()):
            return
        for box in self._spin_boxes():
            box.blockSignals(True)
        self._low.setValue(low)
        self._high.setValue(high)
        for box in self._spin_boxes():
            box.blockSignals(False)
        self._bar.update()
        emit(self, "valuesChanged(double,double)", self._low.value(), self._high.value())

    def setRange(self, minimum: float, maximum: float) -> None:
        super().setRange(minimum, maximum)
        self._bar.update()
        emit(self, "rangeChanged(double,double)", minimum, maximum)

    def reset(self) -> None:
        self.setValues(self.minimum(), self.maximum())


@implements
class qMRMLRangeWidget(ctkRangeWidget):
    def setMRMLScene(self, scene) -> None:
        self._scene = scene

    def mrmlScene(self):
        return getattr(self, "_scene", None)


@implements
class ctkDoubleRangeSlider(ctkRangeWidget):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        for box in self._spin_boxes():
            box.hide()
