"""PDF and DICOM from the panel: what is written, and what is said where it cannot be."""

from __future__ import annotations

import dicom_series
import numpy as np
import pydicom
import pypdfium2
import pytest
from driver import say_it_was_dicom
from test_renal_panel import a_panel, a_segmented_panel, the_toy_model  # noqa: F401


@pytest.fixture
def a_panel_with_a_folder(a_segmented_panel, tmp_path):
    a_segmented_panel.ui.exportFolderPathLineEdit.currentPath = str(tmp_path / "out")
    return a_segmented_panel


def test_pdf_has_the_numbers_of_the_table_with_its_names(a_panel_with_a_folder, tmp_path):
    panel = a_panel_with_a_folder
    panel.ui.exportPdfButton.click()
    assert panel.widget.exportSection.message.text == f"Written to {tmp_path / 'out' / 'report.pdf'}"
    pages = pypdfium2.PdfDocument(tmp_path / "out" / "report.pdf")
    text = " ".join(" ".join(page.get_textpage().get_text_range().split()) for page in pages)
    assert "Left kidney" in text and "Both kidneys" in text
    assert f"{panel.value('left_kidney').value:.0f} mL" in text


def test_dicom_is_written_for_a_volume_from_the_database(a_panel_with_a_folder, tmp_path):
    panel = a_panel_with_a_folder
    say_it_was_dicom(panel.logic.inputNode, tmp_path / "series")
    panel.ui.exportDicomButton.click()
    assert panel.widget.exportSection.message.text == f"Written to {tmp_path / 'out' / 'dicom'}"
    segmentation = pydicom.dcmread(tmp_path / "out" / "dicom" / "segmentation.dcm")
    assert segmentation.SegmentSequence[0].SegmentLabel == "Left kidney"
    written = np.count_nonzero(segmentation.pixel_array)
    assert written == sum(np.count_nonzero(mask) for mask in panel.logic.result.segments.values())


def test_a_transform_above_the_volume_does_not_move_what_is_written(a_panel, a_warm_worker, tmp_path):
    import slicer
    import vtk

    node = a_panel.choose()
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    turned = vtk.vtkTransform()
    turned.Translate(15, -20, 30)
    transform.SetMatrixTransformToParent(turned.GetMatrix())
    node.SetAndObserveTransformNodeID(transform.GetID())
    a_panel.logic._client = a_warm_worker
    a_panel.run()
    say_it_was_dicom(node, tmp_path / "series")
    a_panel.logic.exportDicom(tmp_path / "out")
    segmentation = pydicom.dcmread(tmp_path / "out" / "dicom" / "segmentation.dcm")
    assert np.count_nonzero(segmentation.pixel_array) == sum(np.count_nonzero(mask) for mask in a_panel.logic.result.segments.values())


def test_deidentified_dicom_names_nobody(a_panel_with_a_folder, tmp_path):
    panel = a_panel_with_a_folder
    say_it_was_dicom(panel.logic.inputNode, tmp_path / "series")
    panel.ui.exportDeidentifyCheckBox.checked = True
    panel.ui.exportDicomButton.click()
    segmentation = pydicom.dcmread(tmp_path / "out" / "dicom" / "segmentation.dcm")
    assert str(segmentation.PatientName).startswith("Anonymous")
    assert segmentation.StudyInstanceUID != dicom_series.uid("study")


def test_a_volume_that_was_no_dicom_is_explained(a_panel_with_a_folder, tmp_path):
    panel = a_panel_with_a_folder
    panel.ui.exportDicomButton.click()
    assert panel.widget.exportSection.message.text == (
        "Abdomen was not loaded from DICOM, and DICOM results must name the images that they belong to. Export CSV, PDF or files instead."
    )
    assert not (tmp_path / "out").exists()


def test_files_that_left_the_database_are_explained(a_panel_with_a_folder, tmp_path):
    panel = a_panel_with_a_folder
    panel.logic.inputNode.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    panel.ui.exportDicomButton.click()
    assert panel.widget.exportSection.message.text == (
        "2 of 2 DICOM files of Abdomen are not in Slicer's database any more. Import the study again."
    )


def test_packages_that_are_missing_are_asked_for_at_the_first_export(a_panel_with_a_folder, packages, dialogs):
    import qt

    packages.missing.add("reportlab")
    dialogs.answer(qt.QMessageBox.Cancel)
    a_panel_with_a_folder.ui.exportPdfButton.click()
    message = a_panel_with_a_folder.widget.exportSection.message.text
    assert message == "RenalParenchyma needs Python packages that were not installed. Press PDF again to install them."
