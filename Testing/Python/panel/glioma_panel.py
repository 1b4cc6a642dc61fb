"""GliomaUncertainty's panel in the hands of the tests: real .ui files, real MRML, the real worker; a toy in place of the model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from driver import PanelDriver

from DeepVolumetryLib import modules

ROOT = Path(__file__).resolve().parents[3]
SEQUENCES = ("t1", "t1ce", "t2", "flair")


@pytest.fixture(scope="session")
def the_toy_model(tmp_path_factory):
    sys.path.insert(0, str(Path(__file__).parent / "toy"))
    import toy_model

    return toy_model.make(tmp_path_factory.mktemp("toy_glioma"), "glioma")


class Panel(PanelDriver):
    """The panel, and what one does with it."""

    def add(self, **names):
        """Volumes of the phantom under other names, e.g. add(flair="Axial T2 FLAIR"); not chosen yet."""
        from DeepVolumetryLib.mrml.volumes import node_from_image

        images = modules.MODULES["glioma"].submodule("demo").study()
        return {sequence: node_from_image(images[sequence], name) for sequence, name in names.items()}

    def choose(self, **names):
        nodes = self.add(**names)
        for sequence in SEQUENCES:
            self.selector(sequence).setCurrentNode(nodes.get(sequence))
        return nodes

    def selector(self, sequence):
        return getattr(self.ui, f"{sequence}Selector")

    def chosen(self):
        return {s: node.GetName() for s in SEQUENCES if (node := self.selector(s).currentNode())}

    def said(self, sequence):
        """What is written below a selector."""
        return self.widget.inputsSection.messages[sequence].text

    def begin(self):
        """Start a run that will not end by itself; returns when the worker is at it."""
        nodes = self.choose(flair="slow")
        self.ui.runButton.click()
        self.wait(lambda: "Segmenting" in self.ui.phaseLabel.text, 60)
        return nodes["flair"]

    def segment(self):
        nodes = self.choose(t1="T1", t1ce="T1ce", t2="T2", flair="FLAIR")
        self.run()
        return nodes

    def region(self, target, kind=""):
        """Position of the first region of a target, and the region."""
        regions = self.logic.result.regions
        return next((i, r) for i, r in enumerate(regions) if r.target == target and kind in ("", r.kind))

    def unfold_comparison(self):
        self.ui.measurementsCollapsibleButton.collapsed = self.ui.comparisonCollapsibleButton.collapsed = False

    def look_at(self, target):
        """Choose the target whose uncertainty is shown."""
        self.ui.overlayTargetComboBox.currentIndex = self.ui.overlayTargetComboBox.findData(target)


@pytest.fixture
def a_panel(load_module, process_events, monkeypatch, the_toy_model):
    monkeypatch.setitem(modules.MODULES, "glioma", the_toy_model)
    return Panel(load_module("GliomaUncertainty", ROOT / "GliomaUncertainty", show=True), process_events)


@pytest.fixture
def a_segmented_panel(a_panel, a_warm_worker):
    a_panel.logic._client = a_warm_worker
    a_panel.segment()
    assert a_panel.logic.result is not None, a_panel.message
    return a_panel
