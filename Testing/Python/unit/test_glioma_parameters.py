from __future__ import annotations

import subprocess
import sys

import pytest

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image_io.terminology import terminology_entry
from GliomaUncertaintyLib import labels
from GliomaUncertaintyLib.parameters import SCHEMES, Parameters
from GliomaUncertaintyLib.segments import KEYS, SPECS, display_name


def test_parameters_come_back_from_json():
    chosen = Parameters(members=5, method="lsu", magnification=1.5, scheme="msd", prior="earlier/report.json")
    assert Parameters.from_dict(chosen.to_dict()) == chosen


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"members": 0}, "Members 0 is out of range; give 1 to 25."),
        ({"members": 2.5}, "Members must be a whole number"),
        ({"magnification": float("nan")}, "Magnification must be a number"),
        ({"method": "magic"}, "Method “magic” is not known; choose spu, unet, tta"),
        ({"skull_strip": "yes"}, "Skull strip “yes” is not known"),
        ({"prior": None}, "Prior must be the path of a file"),
        ({"centers": 9}, "no parameter “centers”"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(values, sentence):
    with pytest.raises(InputError, match=sentence):
        Parameters.from_dict(values)


@pytest.mark.parametrize(
    ("values", "count"),
    [({}, 10), ({"speed": "fast"}, 5), ({"speed": "fast", "members": 3}, 3), ({"speed": "thorough"}, 17), ({"method": "unet"}, 1)],
)
def test_speed_and_method_say_how_many_members_there_are(values, count):
    assert Parameters(**values).member_count == count


def test_schemes_are_those_that_labels_can_be_read_in():
    assert tuple(labels.SCHEMES) == SCHEMES


def test_the_parameters_need_neither_torch_nor_numpy():
    code = "import sys, GliomaUncertaintyLib.parameters; assert not {'torch', 'monai', 'numpy', 'SimpleITK'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_segment_has_a_name_and_a_coded_type_in_the_brain():
    assert tuple(spec.key for spec in SPECS) == KEYS == ("WT", "TC", "ET", "edema", "necrosis")
    assert display_name("TC") == "Tumor core (TC)"
    entries = {spec.key: terminology_entry(spec) for spec in SPECS}
    assert all("SCT^12738006^Brain" in entry for entry in entries.values())
    assert entries["ET"].startswith("DeepVolumetry~") and "NCIt^C113842^Enhancing Lesion" in entries["ET"]
    assert entries["edema"].startswith("Segmentation category and type - 3D Slicer General Anatomy list~")


def test_colors_differ():
    assert len({spec.color for spec in SPECS}) == len(SPECS)
