"""Pictures of the PDF from the panel: Slicer's views draw them, and what the user looks at stays as it is."""

from __future__ import annotations

import logging

import numpy as np
import pypdfium2
import pypdfium2.raw
import pytest
from test_whole_way import study  # noqa: F401

from DeepVolumetryLib.errors import ResourceError
from DeepVolumetryLib.host import render


@pytest.fixture
def drawing():
    try:
        render.choose_window()
    except ResourceError as error:
        pytest.skip(str(error))


def pictures(path):
    """The pictures on the pages as arrays (rows, columns, 3)."""
    document = pypdfium2.PdfDocument(path)
    return [
        image.get_bitmap().to_numpy().astype(int)
        for page in document
        for image in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])
    ]


def state():
    """What the views and the data of the scene look like; a counter of changes is no look."""
    import slicer

    nodes = [slicer.mrmlScene.GetNthNode(n) for n in range(slicer.mrmlScene.GetNumberOfNodes())]
    looks = {}
    for node in nodes:
        if node.IsA("vtkMRMLDisplayNode") or node.IsA("vtkMRMLAbstractViewNode") or node.IsA("vtkMRMLSliceCompositeNode"):
            lines = [line.strip() for line in str(node).splitlines()]
            looks[node.GetID()] = [line for line in lines if not line.startswith(("MTime", "Modified Time", "Reference Count"))]
    return [node.GetID() for node in nodes], looks


def test_pdf_has_pictures_of_slicers_views_and_moves_nothing(study, drawing, caplog, tmp_path):  # noqa: F811
    import slicer

    segmentation = study.logic.segmentationNode
    first = segmentation.GetSegmentation().GetNthSegmentID(0)
    segmentation.GetDisplayNode().SetSegmentVisibility(first, False)
    before = state()
    with caplog.at_level(logging.WARNING, "DeepVolumetryLib"):
        path = study.logic.exportPdf(tmp_path)
    assert not caplog.records
    assert state() == before
    assert not segmentation.GetDisplayNode().GetSegmentVisibility(first)
    assert slicer.mrmlScene.GetNodesByClass("vtkMRMLSliceNode").GetNumberOfItems() == 3
    assert len(pypdfium2.PdfDocument(path)) <= 2
    found = pictures(path)
    isPicture = min(study.logic.result.image.shape) == 1
    assert len(found) == 2 + bool(study.logic.result.regions and not isPicture)
    for each in found:
        assert each.shape[0] == 480 and (each.max(axis=2) - each.min(axis=2) > 10).any()
        first, second = (each[:, x : x + 480] for x in (0, 480 + 10))
        assert (first != second).any()
    plain, hot = found[:2]
    assert np.abs(plain - hot).mean() > 0.1  # the uncertainty lies over the second row only


def test_without_a_way_to_draw_the_pdf_has_other_pictures(study, monkeypatch, caplog, tmp_path):  # noqa: F811
    def broken(*_arguments, **_options):
        raise RuntimeError("no graphics")

    monkeypatch.setattr(render, "draw_slice", broken)
    before = state()
    with caplog.at_level(logging.WARNING, "DeepVolumetryLib"):
        path = study.logic.exportPdf(tmp_path)
    assert "could not draw" in caplog.text and state() == before
    assert len(pictures(path)) >= 2
