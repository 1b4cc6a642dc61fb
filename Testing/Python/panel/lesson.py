"""A tutorial, the panel that it is about, and a reader who does step by step what it says."""

from __future__ import annotations

import json
import math
import re

from driver import PanelDriver
from reader import Reader
from tutorial import Tutorial

from DeepVolumetryLib.bundle.store import open_bundle

PATIENCE_S = 600


class Lesson:
    """A tutorial, the panel it is about, and the reader."""

    def __init__(self, key, module, wait, dialogs, folder):
        self.key, self.dialogs, self.folder = key, dialogs, folder
        self.panel, self.text = PanelDriver(module, wait), Tutorial(f"tutorial-{key}")
        self.reader, self.ui, self.logic = Reader(self.panel), module.ui, module.logic
        self.said = set()  # what the panel said only for a while

    @property
    def result(self):
        return self.logic.result

    def segment(self):
        """Press Segment and wait; while it runs the button says Cancel. Before its first use a model may ask for its license."""
        import qt

        asks = open_bundle(self.key, self.panel.widget.modelSection.bundle).requires_consent and not self.dialogs.shown
        if asks:
            self.dialogs.answer(qt.QMessageBox.Yes)
        self.reader.press("Segment")
        if self.panel.widget.runSection.isRunning:
            self.said.add(self.ui.runButton.text)
        self.panel.wait(lambda: not self.panel.widget.runSection.isRunning, PATIENCE_S)
        self.panel.wait()
        assert self.result is not None, self.panel.message

    def place(self):
        """Number of the place that the list shows, from 0."""
        return self.panel.widget.reviewSection.current

    def reviewed(self):
        """What the list says of each place."""
        table = self.ui.regionTable
        return [table.item(row, 3).text() for row in range(table.rowCount)]

    def press_key(self, key):
        """A key, while the module is shown."""
        import slicer
        from PySide6.QtGui import QKeySequence, QShortcut
        from standins.strict import unwrap

        wanted = QKeySequence(key.replace("Enter", "Return"))
        (shortcut,) = [each for each in unwrap(slicer.util.mainWindow()).findChildren(QShortcut) if each.key() == wanted]
        assert shortcut.isEnabled(), key
        shortcut.activated.emit()
        self.panel.wait()

    def review(self):
        """The section on places, which the tutorials have in common."""
        import slicer

        self.text.says("Next", "Previous")
        self.reader.press("Next")
        first = self.place()
        self.reader.press("Next")
        assert self.place() != first
        self.reader.press("Previous")
        assert self.place() == first
        part, number = self.result.places()[first]
        center = self.result.parts[part].regions[number].center_ras_mm
        for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            shown = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
            assert abs((shown[:3, 3] - center) @ shown[:3, 2]) < 1e-3  # the place lies in the plane that the view shows
        width = self.width()
        self.text.says("**Looks right** marks")
        self.reader.press("Looks right")
        assert self.reviewed()[first] == "looks right" and self.place() != first
        assert self.width() < width or not math.isfinite(width)  # the intervals narrow
        self.keys()

    def keys(self):
        """next, previous, looks right, fixed, and back again."""
        before = self.place()
        self.press_key("Alt+Right")
        self.press_key("Alt+Left")
        assert self.place() == before
        count = sum(map(bool, self.reviewed()))
        self.press_key("Alt+Enter")
        self.press_key("Alt+Shift+Enter")
        assert sum(map(bool, self.reviewed())) == count + 2 and "fixed" in self.reviewed()
        self.press_key("Alt+Backspace")
        self.press_key("Alt+Backspace")
        assert sum(map(bool, self.reviewed())) == count

    def width(self):
        """Of all intervals that are stated, mL."""
        return sum(m.high - m.low for m in self.result.measurements if m.name == "Volume" and m.low is not None)

    def cut_off(self):
        """The border moves in the current place only, and the place is fixed by itself."""
        open_places = [row for row, said in enumerate(self.reviewed()) if not said]
        self.panel.widget.reviewSection.select(open_places[0])
        before = {(part, key): int(mask.sum()) for part, each in self.result.parts.items() for key, mask in each.segments.items()}
        values = [(m.segment, m.value) for m in self.result.measurements]
        self.reader.beside("Cut-off here").value = 15
        self.panel.wait(lambda: [(m.segment, m.value) for m in self.result.measurements] != values, 30)
        after = {(part, key): int(mask.sum()) for part, each in self.result.parts.items() for key, mask in each.segments.items()}
        assert after != before and self.reviewed()[open_places[0]] == "fixed"

    def copy(self):
        """The table is on the clipboard."""
        import slicer

        from DeepVolumetryLib.study import measurementTable

        self.reader.press("Copy")
        copied = slicer.app.clipboard().text()
        assert all(measurementTable.value(m) in copied for m in self.result.measurements if m.name == "Volume")

    def export(self, *also):
        """The files that the section on export names, and no others; the last of them is the folder of DICOM objects."""
        folder = self.folder / "Report"
        self.text.says("Choose a folder.")
        self.ui.exportFolderPathLineEdit.currentPath = str(folder)
        for button, file in (("PDF", "report.pdf"), ("CSV", "measurements.csv"), ("JSON", "report.json")):
            self.text.says(f"**{button}** writes `{file}`")
            self.reader.press(button)
            assert (folder / file).is_file(), self.panel.widget.exportSection.message.text
        self.text.says("**Everything** adds", *also)
        self.reader.press("Everything")
        written = {path.name for path in folder.iterdir()}
        assert {"segmentation.seg.nrrd", "report.pdf", "report.json", "measurements.csv"} <= written
        assert any(name.startswith("uncertainty_") for name in written)
        self.text.says("No patient name is written", "those of the sample data did not, and you are told so")
        self.reader.press("DICOM")
        assert "was not loaded from DICOM" in self.panel.widget.exportSection.message.text and not (folder / "dicom").exists()
        return folder

    def follow_up(self, *quotes):
        """An earlier report, when everything was a third smaller."""
        self.text.says(*quotes)
        prior = self.logic.exportJson(self.folder / "now")
        document = json.loads(prior.read_text(encoding="utf-8"))
        for m in document["measurements"]:
            for bound in ("value", "low", "high"):
                if m["unit"] == "mL" and m.get(bound):
                    m[bound] *= 0.66
        document["inputs"] = []
        earlier = self.folder / "2025-11" / "report.json"
        earlier.parent.mkdir()
        earlier.write_text(json.dumps(document), encoding="utf-8")
        self.reader.beside("Prior report").currentPath = str(earlier)
        self.panel.wait()
        plain = self.ui.changesLabel.text
        assert "%" in plain
        self.reader.enter("Change by more than", 20)
        assert self.ui.changesLabel.text != plain and "20" in self.ui.changesLabel.text
        self.reader.press("Plot")
        import slicer

        assert slicer.util.getNodesByClass("vtkMRMLPlotChartNode")

    def bold_is_on_the_screen(self):
        """Everything printed bold can be found on the panel, in its table, or among the structures."""
        table = self.ui.measurementsTable
        rows = {table.item(row, 0).text().split(" (")[0] for row in range(table.rowCount)}
        on_screen = {
            text.lower()
            for text in self.reader.texts() | rows | self.said | {re.sub(r" \(\w+\)", "", spec.name) for spec in self.result.specs}
        }
        assert {text for text in self.text.bold() if text.lower().split(",")[0] not in on_screen} == set()

    def python(self, **names):
        """Run the block "From Python" as it stands, in a folder of its own; returns its variables."""
        self.text.says("## From Python")
        found = {"slicer": __import__("slicer"), **names}
        exec(compile(self.text.code(), f"{self.text.name}.md", "exec"), found)
        assert found["result"].measurements
        return found
