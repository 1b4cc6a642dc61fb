"""``deepvolumetry … spleen``: good and bad input; a toy outlines what is bright, everything else is the real thing."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import spleen_toys as toys
from ultrasound_files import region, write_ultrasound

from DeepVolumetryLib import modules
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, write_volume

VIEWS = ("coronal", "transverse")


@pytest.fixture(scope="session")
def the_toy_spleen(tmp_path_factory):
    sys.path.insert(0, str(Path(__file__).parents[1] / "panel" / "toy"))
    import toy_model

    return toy_model.make(tmp_path_factory.mktemp("toy_spleen"), "spleen")


@pytest.fixture
def command(deepvolumetry, monkeypatch, the_toy_spleen):
    """The command line with the toy in place of the model of SpleenVolume."""
    monkeypatch.setitem(modules.MODULES, "spleen", the_toy_spleen)
    return deepvolumetry


@pytest.fixture
def pictures(tmp_path) -> dict[str, Path]:
    """PNG files, which state no size that means anything."""
    paths = {view: tmp_path / f"{view}.png" for view in VIEWS}
    for view, path in paths.items():
        sitk.WriteImage(sitk.GetImageFromArray(toys.gray_picture(view)), str(path))
    return paths


@pytest.fixture
def refused(command, pictures, tmp_path):
    """Segments, checks that it was refused with one sentence and left nothing behind, and gives the sentence."""

    def run(*options, coronal=None, code=2) -> str:
        answer = command("segment", "spleen", "--input", f"coronal={coronal or pictures['coronal']}", "--out", tmp_path / "out", *options)
        assert answer.code == code, answer.err
        assert answer.out == "" and answer.err.count("\n") == 1 and "Traceback" not in answer.err, answer.err
        assert not (tmp_path / "out").exists()
        return answer.sentence

    return run


def segment(command, pictures, out, *options, views=VIEWS, spacing="0.5,0.5"):
    inputs = [word for view in views for word in ("--input", f"{view}={pictures[view]}", "--spacing", f"{view}={spacing}")]
    answer = command("segment", "spleen", *inputs, "--out", out, "--json", *options)
    assert answer.code == 0, answer.err
    return answer.json


def volume(report, name="Volume"):
    return next(m for m in report["measurements"] if m["name"] == name)


# ---- good input


def test_two_pictures_give_a_volume_an_interval_a_verdict_and_the_files_of_both(command, pictures, tmp_path):
    report = segment(command, pictures, tmp_path / "out", "--age", 40, "--sex", "male", "--height", 180, "--pictures")
    found = volume(report)
    assert found["low"] < found["value"] < found["high"] and found["level"] == 0.95
    assert found["verdict"].endswith("the adult limit (314.5 mL)")
    assert volume(report, "Volume limit by sex and height")["value"] == pytest.approx(331.3, abs=0.1)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    kinds = ("segmentation{}.seg.nrrd", "probability_spleen{}.nrrd", "uncertainty_spleen{}.nrrd")
    assert names == {kind.format(view) for kind in kinds for view in ("", "_transverse")} | {"measurements.csv", "report.json", "pictures"}
    assert [(given["name"], given["spacing_mm"][:2]) for given in report["inputs"]] == [("coronal", [0.5, 0.5]), ("transverse", [0.5, 0.5])]
    assert {place["target"] for place in report["review"]} == {"spleen", "transverse spleen"}


def test_outline_is_written_in_the_geometry_of_the_picture(command, pictures, tmp_path):
    segment(command, pictures, tmp_path / "out")
    outline = read_image(tmp_path / "out" / "segmentation.seg.nrrd")
    assert outline.spacing[:2] == (0.5, 0.5) and outline.shape == (1, *toys.SHAPE)
    assert outline.voxels.sum() * 0.25 == pytest.approx(toys.area_mm2("coronal"), rel=0.04)


def test_dicom_with_a_region_needs_no_spacing_and_a_frame_is_chosen(command, tmp_path, pictures):
    frames = np.stack([np.zeros(toys.SHAPE, np.uint8), toys.gray_picture("coronal")])
    path = write_ultrasound(tmp_path / "cine.dcm", frames, [region((0.05, 0.05), (0, 399, 0, 479))])
    answer = command("segment", "spleen", "--input", f"coronal={path}", "--frame", "coronal=1", "--out", tmp_path / "dicom", "--json")
    assert answer.code == 0, answer.err
    png = segment(command, pictures, tmp_path / "png", views=("coronal",))
    assert volume(answer.json)["value"] == pytest.approx(volume(png)["value"], rel=0.01)


def test_a_single_picture_without_a_name_is_the_coronal_one_and_that_is_said(command, pictures, tmp_path):
    path = pictures["coronal"].rename(tmp_path / "spleen.png")
    answer = command("segment", "spleen", "--input", path, "--spacing", "0.5,0.5", "--out", tmp_path / "out", "--json")
    assert answer.code == 0 and "was taken for coronal" in answer.json["warnings"][0], answer.err


def test_turned_picture_gives_the_same_volume_when_it_is_said_how(command, pictures, tmp_path):
    upright = segment(command, pictures, tmp_path / "a", views=("coronal",))
    turned = np.fliplr(np.rot90(toys.gray_picture("coronal"), 2))
    sitk.WriteImage(sitk.GetImageFromArray(np.ascontiguousarray(turned)), str(pictures["coronal"]))
    found = segment(command, pictures, tmp_path / "b", "--turn", "coronal=mirror,180", views=("coronal",))
    assert volume(found)["value"] == pytest.approx(volume(upright)["value"], rel=0.02)


def test_child_is_judged_by_length_and_calipers_are_used(command, pictures, tmp_path):
    report = segment(command, pictures, tmp_path / "out", "--age", 8, "--length", 120, "--depth", 95)
    assert volume(report)["verdict"] == "the adult limit of 314.5 mL is not used at 8 years; see the length"
    assert volume(report, "Craniocaudal length")["value"] == 120
    assert "the caliper for the length and the caliper for the depth" in report["notes"][0]


# ---- pixel size


def test_picture_without_pixel_size_asks_for_it_and_says_why(refused):
    said = refused()
    assert said.startswith("coronal: the size of a pixel is not known. Give it, in mm: --spacing coronal=DX,DY (width, height).")
    assert said.endswith("the volume goes with its third power, so 10 % too much make it a third too large.")


def test_file_that_states_exactly_one_millimeter_is_not_believed(refused, tmp_path):
    write_volume(tmp_path / "one.nrrd", Image.from_spacing(toys.gray_picture("coronal")[None], (1, 1, 1)))
    assert "states pixels of exactly 1×1 mm, which is what programs write that do not know" in refused(coronal=tmp_path / "one.nrrd")


def test_file_that_states_its_pixels_is_believed(command, tmp_path):
    write_volume(tmp_path / "stated.nrrd", toys.picture())
    answer = command("segment", "spleen", "--input", f"coronal={tmp_path / 'stated.nrrd'}", "--out", tmp_path / "out", "--json")
    assert answer.code == 0 and answer.json["inputs"][0]["spacing_mm"][:2] == [0.5, 0.5]


def test_pixel_size_that_contradicts_the_file_is_refused_and_one_that_agrees_is_not(command, refused, tmp_path):
    path = write_ultrasound(tmp_path / "one.dcm", toys.gray_picture("coronal"), [region((0.05, 0.05), (0, 399, 0, 479))])
    said = refused("--spacing", "coronal=0.6,0.6", coronal=path)
    assert said.startswith("coronal: the file states pixels of 0.5×0.5 mm (") and "but --spacing says 0.6×0.6 mm" in said
    answer = command("segment", "spleen", "--input", f"coronal={path}", "--spacing", "coronal=0.5,0.5", "--out", tmp_path / "out")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--spacing", "coronal=0.5,0.5", "--spacing", "coronal=0.6,0.6"), "--spacing was given twice for coronal. Give it once."),
        (("--spacing", "coronal=0.5"), "--spacing must look like coronal=0.31,0.31 (width,height in mm), not “0.5”."),
        (
            ("--spacing", "coronal=50,50"),
            "coronal: pixels of 50×50 mm cannot be right. Give --spacing in mm per pixel, 0.02 to 5 for",
        ),
        (("--spacing", "transverse=0.5,0.5"), "--spacing or --frame names transverse, but no --input transverse=PATH is given. Add it."),
        (("--spacing", "flair=0.5,0.5"), "--spacing and --frame are for single pictures; there is no picture “flair” here."),
        (
            ("--spacing", "coronal=0.5,0.5", "--turn", "coronal=left"),
            "--turn must look like coronal=90, coronal=mirror or",
        ),
        (("--spacing", "coronal=0.5,0.5", "--turn", "axial=90"), "--turn is for pictures; there is no picture “axial” in SpleenVolume."),
        (("--spacing", "coronal=0.5,0.5", "--frame", "coronal=x"), "--frame must look like coronal=12, counted from 0, not “x”."),
        (("--spacing", "coronal=0.5,0.5", "--frame", "coronal=4"), "coronal.png has 1 frame, numbered from 0; there is no frame 4."),
        (("--spacing", "coronal=0.5,0.5", "--method", "magic"), "There is no method “magic”. Choose one of: auto,"),
        (("--spacing", "coronal=0.5,0.5", "--length", 11), "Length 11 mm is out of range; give 20 to 400 mm. Is it in cm? Give it in mm."),
        (("--spacing", "coronal=0.04,0.04"), "With pixels of 0.04×0.04 mm the picture would be"),
    ],
)
def test_options_that_cannot_be_right_are_refused(refused, options, sentence):
    assert refused(*options).startswith(sentence)


def test_unusual_depth_is_a_warning(command, pictures, tmp_path):
    report = segment(command, pictures, tmp_path / "out", views=("coronal",), spacing="0.95,0.95")
    assert any("35.3 cm deep, which is unusual: check the pixel size" in warning for warning in report["warnings"]), report["warnings"]


# ---- pictures that are none


def test_several_frames_ct_and_files_that_are_no_pictures_are_refused(refused, tmp_path):
    frames = np.stack([toys.gray_picture("coronal")] * 3)
    path = write_ultrasound(tmp_path / "cine.dcm", frames, [region()])
    assert "cine.dcm has 3 frames. Choose one: --frame coronal=N, from 0 to 2." in refused(coronal=path)
    write_volume(tmp_path / "ct.nrrd", Image.from_spacing(np.arange(5 * 40 * 40).reshape(5, 40, 40), (2, 2, 2)))
    assert "ct.nrrd has 5 slices or frames. Choose one: --frame coronal=N" in refused(coronal=tmp_path / "ct.nrrd")
    assert "not ultrasound (DICOM modality CT)" in refused(
        coronal=write_ultrasound(tmp_path / "ct.dcm", toys.gray_picture("coronal"), Modality="CT")
    )
    (tmp_path / "text.png").write_text("no picture")
    assert refused(coronal=tmp_path / "text.png").startswith("text.png")


def test_picture_without_a_fan_is_refused(refused, tmp_path):
    gray = np.zeros(toys.SHAPE, np.uint8)
    gray[200, 200] = 255
    sitk.WriteImage(sitk.GetImageFromArray(gray), str(tmp_path / "black.png"))
    said = refused("--spacing", "coronal=0.5,0.5", coronal=tmp_path / "black.png")
    assert said == "No ultrasound fan was found in this picture. Choose a B-mode picture of the spleen."


def test_transverse_picture_alone_is_not_enough(command, pictures, tmp_path):
    answer = command("segment", "spleen", "--input", f"transverse={pictures['transverse']}", "--out", tmp_path / "out")
    assert (answer.code, answer.sentence) == (2, "The input coronal is missing. Add --input coronal=PATH.")


def test_other_modules_take_no_spacing(command, a_kidney_file, tmp_path):
    answer = command("segment", "renal", "--input", a_kidney_file, "--spacing", "volume=1,1", "--out", tmp_path / "out")
    assert answer.code == 2 and "there is no picture “volume” here. Leave them out." in answer.sentence


# ---- evaluate


def test_pictures_with_references_give_overlap_in_both_views_and_the_accuracy_of_the_volume(command, tmp_path):
    for view in VIEWS:
        image = toys.picture(view)
        write_volume(tmp_path / f"{view}.nrrd", image)
        write_volume(tmp_path / f"truth_{view}.nrrd", image.with_voxels(toys.ellipse(view)[None].astype(np.uint8)))
    with (tmp_path / "cases.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("case", *VIEWS, "reference", "reference_transverse", "volume_ml", "group"))
        writer.writerow(("one", "coronal.nrrd", "transverse.nrrd", "truth_coronal.nrrd", "truth_transverse.nrrd", 300, "simulated"))
        writer.writerow(("two", "coronal.nrrd", "", "truth_coronal.nrrd", "", "", "simulated"))
    answer = command("evaluate", "spleen", "--cases", tmp_path / "cases.csv", "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    group = answer.json["groups"]["simulated"]["targets"]
    assert group["spleen"]["dice"]["mean"] > 0.95 and group["spleen_transverse"]["dice"]["cases"] == 1
    assert group["spleen"]["volume_agreement"]["cases"] == 1  # the other case states no volume
    one = answer.json["cases"][0]["targets"]["spleen"]
    assert one["reference_ml"] == 300 and one["volume_ml"] > 100 and one["interval_hit"] in (True, False)


@pytest.fixture
def label_maps(tmp_path):
    """A folder with the label maps of two ellipsoids of 113 and 226 mL."""
    folder = tmp_path / "maps"
    folder.mkdir()
    k, j, i = np.indices((50, 50, 50)) - 24.5
    for name, scale in (("small", 1.0), ("large", 2 ** (1 / 3))):
        inside = (k / 22) ** 2 + (j / 12) ** 2 + (i / 13) ** 2 < 1
        write_volume(folder / f"{name}.nrrd", Image.from_spacing(inside.astype(np.uint8), (2 * scale,) * 3))
    return folder


def test_folder_of_label_maps_gives_a_table_of_methods_and_views(command, label_maps, tmp_path):
    answer = command("evaluate", "spleen", "--cases", label_maps, "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    settings = answer.json["settings"]
    assert list(settings) == ["coronal", "both", "both-calipers", "three"]
    numbers = settings["both"]["all"]["ellipsoid"]
    assert numbers["cases"] == 2 and numbers["mrva"] > 90 and "prassopoulos" not in settings["coronal"]["all"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"metrics.json", "volumes.csv", "rotation.png"}
    assert set(answer.json["rotation"]["coronal"]["all"]) == {str(degrees) for degrees in range(-20, 21, 5)}
    truths = sorted(case["volume_ml"] for case in answer.json["cases"])
    assert truths == pytest.approx([115, 230], rel=0.03)


def test_column_of_label_maps_one_choice_of_views_and_one_method(command, label_maps, tmp_path):
    (tmp_path / "cases.csv").write_text("case,spleen,labels,group\na,maps/small.nrrd,1=spleen,real\nb,maps/large.nrrd,,generated\n")
    arguments = ("--cases", tmp_path / "cases.csv", "--views", "both", "--method", "prassopoulos", "--out", tmp_path / "out", "--json")
    answer = command("evaluate", "spleen", *arguments)
    assert answer.code == 0, answer.err
    assert {group: list(methods) for group, methods in answer.json["settings"]["both"].items()} == {
        "real": ["prassopoulos"],
        "generated": ["prassopoulos"],
    }


def test_label_maps_that_are_none_are_told_apart_from_the_others(command, label_maps, tmp_path):
    write_volume(label_maps / "empty.nrrd", Image.from_spacing(np.zeros((9, 9, 9), np.uint8), (2, 2, 2)))
    answer = command("evaluate", "spleen", "--cases", label_maps, "--views", "coronal", "--out", tmp_path / "out")
    assert answer.code == 2 and answer.sentence == (
        "1 of 3 label maps could not be evaluated (empty). empty: empty holds no spleen. Choose another file."
    )
    assert len(json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["cases"]) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--views", "axial"), "There are no views “axial”. Choose one of: coronal, both, both-calipers, three."),
        (("--method", "magic"), "There is no method “magic”. Choose one of: auto,"),
    ],
)
def test_evaluation_options_that_are_not_known_are_refused(command, label_maps, tmp_path, arguments, sentence):
    answer = command("evaluate", "spleen", "--cases", label_maps, "--out", tmp_path / "out", *arguments)
    assert answer.code == 2 and answer.sentence.startswith(sentence)


def test_empty_folder_is_refused(command, tmp_path):
    (tmp_path / "nothing").mkdir()
    answer = command("evaluate", "spleen", "--cases", tmp_path / "nothing", "--out", tmp_path / "out")
    assert answer.code == 2 and "holds no label maps" in answer.sentence
