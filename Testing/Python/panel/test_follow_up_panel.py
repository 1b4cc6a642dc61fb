"""A study against an earlier one: from the scene or from report.json, with thresholds and a plot, on the kidneys of a toy model."""

from __future__ import annotations

import pytest
from driver import erase
from test_review_panel import panel, the_toy_model  # noqa: F401


@pytest.fixture
def two_studies(panel):
    """The same patient twice in one scene; before the second study the tumor was smaller."""
    first = panel.ui.inputSelector.currentNode()
    first.SetName("March")
    panel.run()
    erase(panel, "left_tumor", slice(0, 22))
    panel.wait(lambda: "left_tumor" in panel.logic.result.extras.get("edited_segments", ()))
    panel.before = panel.value("left_tumor").value
    second = panel.logic.makeSample()
    second.SetName("August")
    panel.ui.inputSelector.setCurrentNode(second)
    panel.run()
    return panel


def test_prior_study_of_the_scene_tells_change_and_probability(two_studies):
    panel, combo = two_studies, two_studies.ui.priorSceneComboBox
    assert [combo.itemText(n) for n in range(combo.count)] == ["none", "March"]
    assert not panel.ui.changesLabel.visible
    combo.currentIndex = 1
    now = panel.value("left_tumor").value
    text = panel.ui.changesLabel.text
    assert f"Left tumor: {panel.before:.2f} → {now:.2f} mL" in text and "probability" not in text
    panel.ui.priorThresholdSpinBox.value = 20
    assert "Left tumor: probability that the true volume rose by more than 20 %:" in panel.ui.changesLabel.text
    assert panel.ui.changesLabel.text.count(", fell by as much: ") == len(panel.ui.changesLabel.text.split("probability")) - 1


def test_plot_shows_every_study_of_the_scene_and_is_updated(two_studies):
    import slicer

    for _ in range(2):
        two_studies.ui.historyButton.click()
    charts = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    assert len(charts) == 1 and charts[0].GetYAxisTitle() == "Volume, mL"
    table = charts[0].GetNthPlotSeriesNode(0).GetTableNode()
    assert [table.GetTable().GetColumnByName("Study").GetValue(n) for n in range(2)] == ["March", "August"]
    tumor = table.GetTable().GetColumnByName("Left renal tumor")
    assert [tumor.GetValue(0), tumor.GetValue(1)] == pytest.approx([two_studies.before, two_studies.value("left_tumor").value])
    assert table.GetColumnUnitLabel("Left renal tumor, low") == "mL"
    assert len(slicer.util.getNodesByClass("vtkMRMLPlotSeriesNode")) == charts[0].GetNumberOfPlotSeriesNodes()


def test_plot_without_an_earlier_study_says_what_to_do(panel):
    panel.ui.historyButton.click()
    said = panel.widget.measurementsSection.priorMessage.text
    assert said == "There is no earlier study to plot. Choose a prior report, or segment another volume of this scene."
    assert not panel.ui.priorSceneComboBox.visible


def test_report_of_an_earlier_study_can_be_plotted(panel, tmp_path):
    import slicer

    (tmp_path / "2024").mkdir()
    panel.ui.priorPathLineEdit.currentPath = str(panel.logic.exportJson(tmp_path / "2024"))
    panel.ui.historyButton.click()
    table = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")[0].GetNthPlotSeriesNode(0).GetTableNode().GetTable()
    assert table.GetColumnByName("Study").GetValue(0) == "2024"
