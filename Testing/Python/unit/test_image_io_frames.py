"""DICOM files with many frames: each frame lies where its header says, whatever the order in the file."""

from __future__ import annotations

from dataclasses import replace

import dicom_series
import numpy as np
import pydicom
import pytest

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image_io import read_image


@pytest.fixture
def an_mr(a_kidney_phantom):
    return replace(a_kidney_phantom, voxels=a_kidney_phantom.voxels + 100, modality="MR")


def test_frames_of_an_enhanced_mr_are_put_in_their_places(an_mr, tmp_path):
    image = read_image(dicom_series.write_enhanced_mr(tmp_path / "enhanced.dcm", an_mr), "volume")
    assert image.same_grid(an_mr)
    assert np.array_equal(image.voxels, an_mr.voxels)
    assert (image.modality, image.uid) == ("MR", dicom_series.uid("study", "enhanced"))


def test_an_enhanced_mr_in_a_folder_is_read_alike(an_mr, tmp_path):
    dicom_series.write_enhanced_mr(tmp_path / "folder" / "enhanced.dcm", an_mr)
    assert read_image(tmp_path / "folder", "volume").same_grid(an_mr)


def test_a_series_of_slices_and_one_file_of_frames_are_the_same_image(an_mr, tmp_path):
    dicom_series.write_series(tmp_path / "slices", an_mr)
    frames = read_image(dicom_series.write_enhanced_mr(tmp_path / "enhanced.dcm", an_mr), "volume")
    slices = read_image(tmp_path / "slices", "volume")
    assert slices.same_grid(frames)
    assert np.array_equal(slices.voxels, frames.voxels)


def test_time_points_in_one_file_are_refused(an_mr, tmp_path):
    path = dicom_series.write_enhanced_mr(tmp_path / "times.dcm", an_mr)
    dataset = pydicom.dcmread(path)
    frames = dataset.PerFrameFunctionalGroupsSequence
    frames[1].PlanePositionSequence[0].ImagePositionPatient = frames[0].PlanePositionSequence[0].ImagePositionPatient
    dataset.save_as(path)
    with pytest.raises(InputError, match="several slices lie at the same place"):
        read_image(path, "volume")
