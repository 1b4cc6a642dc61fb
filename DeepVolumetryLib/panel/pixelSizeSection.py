"""Pixel size: how large the pixels of each picture are, and a line along the depth scale where nobody says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from ..errors import InputError
from .message import Message

if TYPE_CHECKING:
    from .inputsSection import InputsSection


class PixelSizeSection:
    """A row per picture: its size, a line, how long that is, and a button.

    Args:
        ui: the panel's widgets; <view>SizeLabel, <view>LineSelector, <view>LineSpinBox and <view>CalibrateButton for each picture.
        inputs: where the pictures are chosen.
        prefixes: name of the input -> what the names of its widgets begin with.
        onCalibrated: called when a picture got another size.
    """

    def __init__(self, ui, inputs: InputsSection, prefixes: Mapping[str, str], onCalibrated: Callable[[], None]) -> None:
        self.ui, self._inputs, self._prefixes, self._onCalibrated = ui, inputs, prefixes, onCalibrated
        self.message = Message(ui, "size")
        for name, prefix in prefixes.items():
            self._widget(prefix, "LineSelector").connect("nodeAddedByUser(vtkMRMLNode*)", self._onLineAdded)
            self._widget(prefix, "LineSelector").connect("currentNodeChanged(vtkMRMLNode*)", self.refresh)
            self._widget(prefix, "LineSpinBox").connect("valueChanged(double)", self.refresh)
            self._widget(prefix, "CalibrateButton").connect("clicked(bool)", lambda *_checked, name=name: self._onCalibrate(name))
        self.refresh()

    def refresh(self, *_changed) -> None:
        """Another picture or line was chosen."""
        nodes = self._inputs.nodes
        for name, prefix in self._prefixes.items():
            self._widget(prefix, "SizeLabel").setText(self._text(nodes[name]))
            ready = nodes[name] and self._widget(prefix, "LineSelector").currentNode() and self._widget(prefix, "LineSpinBox").value > 0
            self._widget(prefix, "CalibrateButton").setEnabled(bool(ready))

    def _text(self, node) -> str:
        if node is None or node.GetImageData() is None:
            return _("no picture")
        from ..mrml.pixel_size import pixel_size

        size, source = pixel_size(node)
        if size is None:
            return _("not known")
        return _("{width} × {height} mm, from the {source}").format(width=f"{size[0]:.3g}", height=f"{size[1]:.3g}", source=source)

    def _onLineAdded(self, node) -> None:
        from ..mrml.pixel_size import start_drawing

        start_drawing(node)
        self.message.hint(_("Click the two ends of a stretch of the depth scale in the slice view."))

    def _onCalibrate(self, name: str) -> None:
        from ..mrml.pixel_size import calibrate

        node, prefix = self._inputs.nodes[name], self._prefixes[name]
        try:
            width, height = calibrate(node, self._widget(prefix, "LineSelector").currentNode(), self._widget(prefix, "LineSpinBox").value)
        except InputError as error:
            self.message.error(str(error))
            return
        self.message.info(_("A pixel has {width} × {height} mm now.").format(width=f"{width:.3g}", height=f"{height:.3g}"))
        self.refresh()
        self._onCalibrated()

    def _widget(self, prefix: str, kind: str):
        return getattr(self.ui, f"{prefix}{kind}")
