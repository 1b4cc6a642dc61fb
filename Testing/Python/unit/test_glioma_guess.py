"""Which sequence an image is taken for, by its name and by its DICOM header."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from GliomaUncertaintyLib.guess import assign, from_dicom, from_name, guess

NAMES = {
    "t1": [
        "t1", "T1.nii.gz", "BraTS20_Training_001_t1.nii.gz", "BraTS-GLI-00000-000-t1n.nii.gz", "sub-01_T1w.nii.gz", "t1_pre.nrrd",
        "T1 axial without contrast", "MPRAGE", "t1_mprage_sag", "Ax T1 FLAIR", "T1-native",
        "BRATS_001_0000.nii.gz", "T1WI SE", "post_op_t1.nii.gz", "3D T1 non-contrast",
    ],
    "t1ce": [
        "t1c", "T1ce.nii.gz", "t1gd", "T1_post", "mprage+gd", "t1post", "T1 + C", "T1W post contrast", "MPRAGE_Gd",
        "BraTS-GLI-00000-000-t1c.nii.gz",
        "sub-01_ce-gadolinium_T1w", "Ax T1 FLAIR +C", "BRATS_001_0001.nii.gz", "t1_km", "T1Contrast", "T1-Gad", "SPGR post", "t1w_ce",
        "CT1", "T1 C+",
    ],
    "t2": [
        "t2", "T2w.nii.gz", "BraTS-GLI-00000-000-t2w.nii.gz", "t2_tse_tra", "T2 SPACE sag", "T2_post_op",
        "BRATS_001_0002.nii.gz", "Ax T2 FSE",
    ],
    "flair": [
        "flair", "T2_FLAIR", "t2flair", "FLAIR.nii.gz", "t2_tirm_tra_dark-fluid", "BraTS-GLI-00000-000-t2f.nii.gz", "3D_FLAIR_fs",
        "darkfluid", "t2_space_dark-fluid_sag", "BRATS_001_0003.nii.gz", "FLAIR post contrast", "tirm_tra",
    ],
    "": [
        "", "volume", "T2*", "T2star", "ep2d_diff_trace", "ADC", "SWI", "localizer", "t1_seg.nrrd", "T1 map", "perfusion", "PD T2",
        "CT head",
        "reference.nrrd", "T2_STIR", "TOF MRA", "t1_t2_registered", "BRATS_001_0004.nii.gz", "BRATS_10001.nii.gz",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("sequence", "name"), [(sequence, name) for sequence, names in NAMES.items() for name in names])
def test_names_are_understood(sequence, name):
    assert from_name(name).sequence == sequence


def test_the_folder_of_a_file_says_nothing():
    assert from_name("/data/t1ce/series.nrrd").sequence == ""
    assert from_name("C:\\data\\t1\\flair.nrrd").sequence == "flair"
    assert from_name("/data/flair/").sequence == "flair", "a DICOM folder is named for its series"


def test_a_number_at_the_end_is_less_sure_than_a_name():
    assert from_name("case_0001.nii.gz").confidence < from_name("case_t1.nii.gz").confidence < from_name("case_t1ce.nii.gz").confidence


def test_the_reason_names_what_was_read():
    assert guess("/data/case7_flair.nii.gz").reason == "its name “case7_flair.nii.gz”"


@pytest.mark.parametrize(
    ("sequence", "tags"),
    [
        ("flair", {"EchoTime": "120", "RepetitionTime": "9000", "InversionTime": "2500", "ScanningSequence": "SE\\IR"}),
        ("t2", {"EchoTime": "95", "RepetitionTime": "4500", "ScanningSequence": "SE"}),
        ("t1", {"EchoTime": "9", "RepetitionTime": "550", "ScanningSequence": "SE"}),
        ("t1", {"EchoTime": "2.9", "RepetitionTime": "2300", "InversionTime": "900", "ScanningSequence": "GR\\IR"}),
        ("t1ce", {"EchoTime": "3", "RepetitionTime": "800", "InversionTime": "900", "ScanningSequence": "GR", "ContrastBolusAgent": "x"}),
        ("t1ce", {"SeriesDescription": "t1_mprage_sag", "ContrastBolusAgent": "Dotarem"}),
        ("t1", {"SeriesDescription": "t1_mprage_sag", "ContrastBolusAgent": "NONE"}),
        ("t1", {"SeriesDescription": "T1 pre", "ContrastBolusAgent": "Dotarem"}),
        ("t1ce", {"SeriesDescription": "AX T1 POST"}),
        ("flair", {"SeriesDescription": "AX FLAIR", "ContrastBolusAgent": "Dotarem"}),
        ("t2", {"ProtocolName": "T2 TSE", "SeriesDescription": "tra"}),
        ("", {"SeriesDescription": "ep2d_diff", "EchoTime": "90", "RepetitionTime": "5000", "ScanningSequence": "EP"}),
        ("", {"EchoTime": "90", "RepetitionTime": "5000", "ScanningSequence": "EP\\SE"}),
        ("", {"EchoTime": "70", "RepetitionTime": "4000", "InversionTime": "160"}),
        ("", {"SeriesDescription": "T1 map"}),
        ("", {"EchoTime": "many", "RepetitionTime": ""}),
        ("", {}),
    ],
)  # fmt: skip
def test_dicom_headers_are_understood(sequence, tags):
    assert from_dicom(tags).sequence == sequence


def test_times_that_contradict_the_description_make_it_less_sure():
    said = {"SeriesDescription": "T2 axial"}
    assert from_dicom({**said, "EchoTime": "9", "RepetitionTime": "500"}).confidence < from_dicom(said).confidence


def test_the_header_counts_where_the_name_says_nothing():
    assert guess("series_5", {"SeriesDescription": "AX FLAIR"}).sequence == "flair"


def test_each_sequence_is_given_once():
    names = ["p1_t1.nii.gz", "p1_t1ce.nii.gz", "p1_t2.nii.gz", "p1_flair.nii.gz", "p1_mprage.nii.gz", "p1_seg.nii.gz"]
    assert assign(names) == {"t1": 0, "t1ce": 1, "t2": 2, "flair": 3}


def test_words_that_all_names_share_say_nothing():
    names = ["Gd_study_t1", "Gd_study_t1_ce", "Gd_study_flair"]
    assert assign(names) == {"t1": 0, "t1ce": 1, "flair": 2}


def test_sequences_that_are_taken_are_left_alone():
    assert assign(["a_t1.nrrd", "a_flair.nrrd"], taken=["flair"]) == {"t1": 0}


def test_unknown_names_are_assigned_to_nothing():
    assert assign(["one", "two"]) == {}


def test_guessing_needs_neither_torch_nor_simpleitk():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "import sys, GliomaUncertaintyLib.guess; sys.exit(bool({'torch', 'SimpleITK', 'monai', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
