"""What the viewer may open: the folder, and nothing outside of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from DeepVolumetryLib.app.viewer.folder import OpenedFolder
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import write_volume


@pytest.fixture
def a_study(tmp_path) -> Path:
    """A folder with an image, a result with files of its own, and a secret beside the folder."""
    folder = tmp_path / "study"
    (folder / "result").mkdir(parents=True)
    write_volume(folder / "ct.nrrd", Image.from_spacing(np.zeros((2, 3, 4), np.int16), (1, 1, 1)))
    (folder / "result" / "report.json").write_text("{}")
    write_volume(folder / "result" / "uncertainty_kidney.nrrd", Image.from_spacing(np.zeros((2, 3, 4), np.int16), (1, 1, 1)))
    (folder / "notes.txt").write_text("not an image")
    (tmp_path / "secret.nrrd").write_bytes((folder / "ct.nrrd").read_bytes())
    return folder


def test_images_and_results_are_offered_by_names_within_the_folder(a_study):
    opened = OpenedFolder(a_study)
    assert opened.results() == ["result"]
    assert opened.images() == ["ct.nrrd"]
    assert opened.path("ct.nrrd") == a_study.resolve() / "ct.nrrd"


@pytest.mark.parametrize(
    "name", ["../secret.nrrd", "result/../../secret.nrrd", "{outside}", "..", "/etc/passwd", "%2e%2e/secret.nrrd", "a\0b"]
)
def test_a_path_out_of_the_folder_is_refused(a_study, name):
    with pytest.raises(InputError, match=r"outside of the opened folder|was not found in the opened folder"):
        OpenedFolder(a_study).path(name.format(outside=a_study.parent / "secret.nrrd"))


def test_a_link_out_of_the_folder_is_neither_offered_nor_followed(a_study):
    (a_study / "link.nrrd").symlink_to(a_study.parent / "secret.nrrd")
    (a_study / "up").symlink_to(a_study.parent)
    (a_study / "series").mkdir()
    (a_study / "series" / "1.dcm").symlink_to(a_study.parent / "secret.nrrd")
    opened = OpenedFolder(a_study)
    assert opened.images() == ["ct.nrrd"]
    for name in ("link.nrrd", "up/secret.nrrd", "series"):
        with pytest.raises(InputError, match="outside of the opened folder"):
            opened.path(name)


def test_a_link_within_the_folder_is_followed(a_study):
    (a_study / "again.nrrd").symlink_to(a_study / "ct.nrrd")
    assert OpenedFolder(a_study).path("again.nrrd") == a_study.resolve() / "ct.nrrd"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.nrrd", "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 3 2\nencoding: raw\ndata file: /etc/passwd\n\n"),
        ("a.nrrd", "NRRD0004\ntype: short\nDataFile: ../secret.nrrd\n\n"),
        ("a.mha", "ObjectType = Image\nNDims = 3\nElementDataFile = /etc/passwd\n"),
        ("a.mhd", "ObjectType = Image\nElementDataFile = a.raw\n"),
        ("a.nhdr", "NRRD0004\n"),
    ],
)
def test_a_header_that_names_another_file_is_refused(a_study, name, text):
    """Else the voxels would come from wherever the header says."""
    (a_study / name).write_text(text)
    with pytest.raises(InputError, match="has its voxels in another file"):
        OpenedFolder(a_study).path(name)


def test_a_folder_of_dicom_files_is_one_image(a_study):
    (a_study / "series").mkdir()
    for number in range(3):
        (a_study / "series" / f"{number}.dcm").write_bytes(b"")
    assert OpenedFolder(a_study).images() == ["ct.nrrd", "series"]


def test_what_is_no_folder_is_said_so(a_study):
    with pytest.raises(InputError, match="is no folder"):
        OpenedFolder(a_study / "ct.nrrd")
