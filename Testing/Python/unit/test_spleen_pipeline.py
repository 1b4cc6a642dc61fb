"""From pictures to the table, with a network that outlines what is bright and formulas for the volume."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import spleen_toys as toys

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from SpleenVolumeLib.measurements import measure_spleen, remeasure, widened
from SpleenVolumeLib.outlines import Outline, doubt_of_volume
from SpleenVolumeLib.parameters import Parameters
from SpleenVolumeLib.picture import Picture, from_ct, to_ct, turned_pixel
from SpleenVolumeLib.volume import VolumeModel


@pytest.fixture(scope="module")
def the_pipeline(tmp_path_factory):
    return toys.pipeline(tmp_path_factory.mktemp("spleen") / "toy_spleen")


def run(pipeline, *views, **parameters):
    return pipeline.run({view: toys.picture(view) for view in views}, Parameters(**parameters), RunProgress(lambda *_: None))


def number(result, name="Volume"):
    return next(m for m in result.measurements if m.name == name)


@pytest.fixture(scope="module")
def a_result(the_pipeline):
    return run(the_pipeline, "coronal", "transverse", age=40)


@pytest.fixture
def an_edited_result(the_pipeline):
    return run(the_pipeline, "coronal", "transverse", age=40)


# ---- pictures


def test_picture_is_seen_as_stored_where_the_file_has_no_position():
    image = toys.picture()
    seen = Picture.of(image)
    np.testing.assert_array_equal(seen.gray, image.voxels[0])
    assert seen.pixel_mm == toys.PIXEL_MM


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 0, 1)])
def test_picture_is_the_same_in_any_order_of_axes_and_the_way_back_is_exact(order):
    image = toys.picture(pixel_mm=(0.4, 0.5))
    voxels = np.transpose(image.voxels, order)[:, ::-1]
    matrix = image.ijk_to_ras.copy()
    columns = [2 - axis for axis in order[::-1]]
    matrix[:, :3] = image.ijk_to_ras[:, columns]
    matrix[:, 3] += matrix[:, 1] * (voxels.shape[1] - 1)
    matrix[:, 1] *= -1
    moved = Picture.of(Image(voxels, matrix, "US", spacing_source="the test"))
    np.testing.assert_array_equal(moved.gray, image.voxels[0])
    assert moved.pixel_mm == pytest.approx((0.4, 0.5))
    np.testing.assert_array_equal(moved.stored(moved.gray), voxels)


def test_color_and_other_ranges_become_gray_from_0_to_255():
    gray = toys.gray_picture("coronal")
    color = np.repeat(gray[None, None], 3, axis=0)
    image = toys.picture()
    np.testing.assert_allclose(Picture.of(dataclasses.replace(image, voxels=color)).gray, gray, atol=1)
    np.testing.assert_allclose(Picture.of(dataclasses.replace(image, voxels=gray[None] / 255.0)).gray.max(), 255)


@pytest.mark.parametrize("view", ["coronal", "transverse", "sagittal"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turning_a_picture_goes_back_exactly(view, mirrored, turn):
    mask = np.arange(12).reshape(3, 4)
    shown = from_ct(mask, view, mirrored, turn)
    np.testing.assert_array_equal(to_ct(shown, view, mirrored, turn), mask)
    flipped = (turn // 90 + (view != "sagittal")) % 2
    assert turned_pixel((0.3, 0.4), view, turn) == ((0.4, 0.3) if flipped else (0.3, 0.4))


def test_head_is_on_the_left_of_a_coronal_picture_and_on_top_in_ct_orientation():
    shown = np.zeros((4, 6), bool)
    shown[0, 0] = True  # near the probe, towards the head
    ct = to_ct(shown, "coronal", False, 0)
    row, column = np.argwhere(ct)[0]
    assert ct.shape == (6, 4) and (row, column) == (0, 3)  # superior, and lateral on the patient's left, which is on the right


# ---- pixel size


def test_pixel_size_that_nobody_stated_is_refused_and_the_cube_is_explained(the_pipeline):
    with pytest.raises(InputError) as caught:
        the_pipeline.run({"coronal": toys.picture(source="")}, Parameters(), RunProgress(lambda *_: None))
    assert str(caught.value).startswith("coronal: the size of a pixel is not known, and the volume goes with its third power.")


def test_sheared_pixels_are_refused():
    image = toys.picture()
    matrix = image.ijk_to_ras.copy()
    matrix[0, 1] = 0.2
    with pytest.raises(InputError, match="sheared: its rows and columns are not at right angles"):
        Picture.of(dataclasses.replace(image, ijk_to_ras=matrix))


def test_anisotropic_pixels_give_the_volume_of_the_same_spleen(the_pipeline, a_result):
    images = {view: toys.picture(view, pixel_mm=(0.45, 0.6)) for view in ("coronal", "transverse")}
    found = the_pipeline.run(images, Parameters(age=40), RunProgress(lambda *_: None))
    assert number(found).value == pytest.approx(number(a_result).value, rel=0.04)


def test_ten_percent_larger_pixels_make_the_volume_a_third_larger(the_pipeline):
    def volume(scale):
        image = toys.picture()
        matrix = image.ijk_to_ras @ np.diag([scale, scale, 1, 1])
        changed = dataclasses.replace(image, ijk_to_ras=matrix)
        return number(the_pipeline.run({"coronal": changed}, Parameters(), RunProgress(lambda *_: None))).value

    assert volume(1.1) / volume(1.0) == pytest.approx(1.331, rel=0.03)


@pytest.mark.parametrize(("scale", "depth"), [(0.3, "5.6 cm"), (1.8, "33.5 cm")])
def test_pictures_too_shallow_or_too_deep_are_warned_of(the_pipeline, scale, depth):
    image = toys.picture()
    changed = dataclasses.replace(image, ijk_to_ras=image.ijk_to_ras @ np.diag([scale, scale, 1, 1]))
    found = the_pipeline.run({"coronal": changed}, Parameters(), RunProgress(lambda *_: None))
    said = [warning for warning in found.warnings if "picture is" in warning]
    assert len(said) == 1 and depth in said[0] and said[0].endswith("The volume goes with its third power.")


# ---- result


def test_two_views_are_a_result_with_a_companion_on_its_own_picture(a_result):
    assert list(a_result.companions) == ["transverse"]
    for view, part in (("coronal", a_result), ("transverse", a_result.companions["transverse"])):
        area = np.count_nonzero(part.segments["spleen"]) * 0.25
        assert area == pytest.approx(toys.area_mm2(view), rel=0.04)
        assert part.segments["spleen"].shape == part.image.shape == part.uncertainty["spleen"].shape
    assert not a_result.companions["transverse"].measurements


def test_table_has_volume_verdict_lengths_and_formulas(a_result):
    names = [m.name for m in a_result.measurements]
    assert names[:2] == ["Volume", "Probability of more than 314.5 mL"]
    assert {"Length (largest diameter)", "Width", "Thickness", "Splenic index (L × W × T)", "Volume, Prassopoulos formula"} <= set(names)
    volume = number(a_result)
    assert volume.low < volume.value < volume.high and volume.code.value == "118565006" and volume.level == 0.95
    assert number(a_result, "Length (largest diameter)").value == pytest.approx(110, abs=2)


def test_notes_name_method_views_and_where_the_interval_comes_from(a_result):
    notes = a_result.extras["notes"]
    assert notes[0] == "Method: ellipsoid formula, from two views."
    assert "not calibrated on real spleens" in notes[1] and any("Prassopoulos 1997" in note for note in notes)


def test_child_gets_no_probability_of_an_adult_limit(the_pipeline):
    names = [m.name for m in run(the_pipeline, "coronal", age=6).measurements]
    assert not any("314.5" in name for name in names)


def test_calipers_replace_the_length_that_the_picture_shows(the_pipeline):
    found = run(the_pipeline, "coronal", length_mm=131)
    assert number(found, "Craniocaudal length").value == 131
    assert found.extras["notes"][0] == "Method: ellipsoid formula, from one view and the caliper for the length."


def test_formula_that_needs_two_views_is_refused_with_one(the_pipeline):
    found = run(the_pipeline, "coronal", method="prassopoulos")
    assert np.isnan(number(found).value) and "cannot be used with coronal" in found.warnings[0]


def test_places_are_ranked_through_both_views_by_what_they_change_in_the_volume(a_result):
    ranks = [region.rank for region in a_result.review_list()]
    stakes = [region.at_stake_ml for region in a_result.review_list()]
    assert ranks == list(range(1, len(ranks) + 1)) and stakes == sorted(stakes, reverse=True)
    assert sum(stakes) < 0.2 * number(a_result).value


def test_same_seed_gives_the_same_numbers(the_pipeline, a_result):
    again = run(the_pipeline, "coronal", "transverse", age=40)
    assert again.measurements == a_result.measurements


# ---- measuring again


def test_edit_of_either_view_changes_the_volume_and_review_narrows_the_interval(the_pipeline, an_edited_result):
    result = an_edited_result
    measured = measure_spleen(result, Parameters(age=40), the_pipeline.model)
    before = measured.estimate
    result.companions["transverse"].segments["spleen"][0, :220] = False
    edited = remeasure(result, measured, changed={"transverse spleen"})
    assert edited.estimate.volume_ml < 0.8 * before.volume_ml
    for part in result.parts.values():
        part.regions = [dataclasses.replace(region, reviewed="looks_right") for region in part.regions]
    reviewed = remeasure(result, edited, changed=())
    assert reviewed.estimate.volume_ml == edited.estimate.volume_ml
    assert reviewed.estimate.high_ml < edited.estimate.high_ml and reviewed.estimate.low_ml > edited.estimate.low_ml


def test_outline_that_was_erased_is_no_volume_and_the_other_view_alone_still_is_one(the_pipeline, an_edited_result):
    result = an_edited_result
    measured = measure_spleen(result, Parameters(), the_pipeline.model)
    result.companions["transverse"].segments["spleen"][:] = False
    one = remeasure(result, measured, changed={"transverse spleen"})
    assert one.notes[0].endswith("from one view.") and "No spleen was found in the transverse view" in one.warnings[0]
    result.segments["spleen"][:] = False
    none = remeasure(result, one, changed={"spleen"})
    assert np.isnan(none.measurements[0].value) and none.measurements[0].verdict == "not measured"
    assert none.warnings == ["No spleen was found in the coronal view. Draw it with the tools of Correct, or choose another picture."]


def test_outline_along_the_edge_of_the_fan_is_warned_of(the_pipeline, an_edited_result):
    result = an_edited_result
    result.segments["spleen"] |= result.probability["spleen"] > 0
    result.segments["spleen"][0, :, :240] = False
    measured = measure_spleen(result, Parameters(), the_pipeline.model)
    assert any(w.startswith("The spleen reaches the edge of the picture in the coronal view") for w in measured.warnings)


def test_doubt_about_outlines_is_added_in_quadrature_and_shared_between_views():
    one = doubt_of_volume({"coronal": Outline(5000, 0.1, False)})
    two = doubt_of_volume({"coronal": Outline(5000, 0.1, False), "transverse": Outline(5000, 0.1, False)})
    assert one == pytest.approx(0.15) and two == pytest.approx(0.15 / np.sqrt(2))


def test_widened_interval_holds_the_narrow_one_and_keeps_the_volume(a_result):
    estimate = measure_spleen(a_result, Parameters(), VolumeModel.simple()).raw
    wide = widened(estimate, 0.2)
    assert wide.volume_ml == estimate.volume_ml and wide.low_ml < estimate.low_ml < estimate.high_ml < wide.high_ml
    assert np.std(np.log(wide.samples_ml)) > np.std(np.log(estimate.samples_ml))
    assert widened(estimate, 0.0) is estimate
