"""From outlines of a spleen to its volume."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.errors import InputError
from SpleenVolumeLib.shapes import Cut, Shape, cut_views, load_templates
from SpleenVolumeLib.volume import (
    PLANES,
    Views,
    VolumeModel,
    from_ultrasound_orientation,
    latent_map,
    on_grid,
    to_ultrasound_orientation,
)
from SpleenVolumeLib.volume.descriptors import combinations, describe, key
from SpleenVolumeLib.volume.features import (
    ellipsoid_ml,
    lengths,
    measure_outline,
    prassopoulos_ml,
    splenic_index_cm3,
)


def ellipse(height_mm: float, width_mm: float, tilt_deg: float = 0.0, side: int = 256) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    turn = np.radians(tilt_deg)
    along, across = rows * np.cos(turn) + columns * np.sin(turn), -rows * np.sin(turn) + columns * np.cos(turn)
    return (2 * along / height_mm) ** 2 + (2 * across / width_mm) ** 2 < 1


@pytest.fixture(scope="module")
def a_real_spleen() -> Shape:
    return Shape.of_template(next(template for template in load_templates() if template.name == "ts_s0011"))


@pytest.fixture(scope="module")
def its_views(a_real_spleen: Shape) -> Views:
    return Views(cut_views(a_real_spleen, dict.fromkeys(PLANES[:2], Cut())))


def test_an_outline_keeps_its_size_on_the_grid() -> None:
    mask = on_grid(ellipse(200, 80)[::2, ::1], (2.0, 1.0))
    assert mask.shape == (256, 256)
    assert mask.sum() == pytest.approx(np.pi / 4 * 200 * 80, rel=0.01)


@pytest.mark.parametrize("pixel_mm", [(0.3, 0.3), (0.7, 1.4), (2.5, 2.5)])
def test_the_area_does_not_depend_on_the_pixel_size(pixel_mm: tuple[float, float]) -> None:
    rows, columns = np.mgrid[:500, :500]
    fine = ((rows - 250) * pixel_mm[0] / 55) ** 2 + ((columns - 250) * pixel_mm[1] / 30) ** 2 < 1
    assert on_grid(fine, pixel_mm).sum() == pytest.approx(np.pi * 55 * 30, rel=0.02)


def test_the_outline_is_centered() -> None:
    moved = np.roll(ellipse(90, 40), (37, -50), (0, 1))
    assert [float(index.mean()) for index in np.nonzero(on_grid(moved, (1, 1)))] == pytest.approx([127.5, 127.5], abs=0.3)


def test_a_giant_spleen_gets_the_larger_grid() -> None:
    assert on_grid(ellipse(280, 120, side=384), (1, 1)).shape == (384, 384)


@pytest.mark.parametrize(
    ("mask", "pixel_mm", "said"),
    [
        (np.zeros((50, 50), bool), (1, 1), "outline is empty"),
        (ellipse(100, 50), (0, 1), "has no size"),
        (ellipse(250, 50), (3, 3), "which no spleen is"),
    ],
)
def test_what_cannot_be_measured_is_refused(mask: np.ndarray, pixel_mm: tuple[float, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        on_grid(mask, pixel_mm)


def test_views_need_a_coronal_outline() -> None:
    with pytest.raises(InputError, match="needs a coronal view"):
        Views({"transverse": ellipse(100, 50)})


def test_a_speck_is_no_spleen() -> None:
    with pytest.raises(InputError, match="too little for a spleen"):
        Views({"coronal": ellipse(10, 10)})


@pytest.mark.parametrize("calipers", [{"length_mm": 3.0}, {"length_mm": float("nan")}, {"girth_mm": 100.0}])
def test_calipers_must_be_lengths_of_a_spleen(calipers: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Views({"coronal": ellipse(100, 50)}, calipers)


def test_ultrasound_orientation_puts_the_left_side_on_top_and_the_head_left() -> None:
    mask = np.zeros((256, 256), bool)
    mask[10:60, 200:230] = True  # toward the head, at the patient's left
    seen = to_ultrasound_orientation(mask)
    rows, columns = np.nonzero(seen)
    assert rows.mean() < 60 and columns.mean() < 60
    np.testing.assert_array_equal(from_ultrasound_orientation(seen), mask)


def test_diameters_of_a_tilted_ellipse() -> None:
    found = measure_outline(ellipse(120, 50, 30))
    assert found.longest_mm == pytest.approx(120, abs=2)
    assert found.across_mm == pytest.approx(50, abs=2)
    assert found.thickness_mm == pytest.approx(50, abs=2)
    assert found.angle_deg == pytest.approx(30, abs=2)
    assert found.solidity == pytest.approx(1, abs=0.03)


def test_thickness_is_measured_at_the_hilum() -> None:
    outline = ellipse(120, 60)
    rows, columns = np.mgrid[:256, :256] - 127.5
    outline &= ((rows / 18) ** 2 + ((columns - 30) / 16) ** 2) > 1
    assert measure_outline(outline).thickness_mm == pytest.approx(44, abs=2)


def test_prassopoulos_and_splenic_index_of_measured_lengths() -> None:
    measured = {"length_mm": 100.0, "longest_mm": 110.0, "width_mm": 90.0, "thickness_mm": 40.0}
    assert splenic_index_cm3(measured) == pytest.approx(360)
    assert prassopoulos_ml(measured) == pytest.approx(30 + 0.58 * 360)
    assert ellipsoid_ml(measured) == pytest.approx(np.pi / 6 * 11 * 9 * 4)


def test_without_a_transverse_view_there_is_no_prassopoulos_volume() -> None:
    assert prassopoulos_ml(lengths(Views({"coronal": ellipse(100, 50)}))) is None


def test_a_caliper_replaces_the_length_seen() -> None:
    views = Views({"coronal": ellipse(100, 50), "transverse": ellipse(60, 90)}, {"length_mm": 113.0})
    assert lengths(views)["length_mm"] == 113.0


def test_an_ellipsoid_is_measured_exactly_by_its_formula() -> None:
    views = Views({"coronal": ellipse(120, 40), "transverse": ellipse(80, 40)})
    assert ellipsoid_ml(lengths(views)) == pytest.approx(np.pi / 6 * 12 * 8 * 4, rel=0.05)


def test_every_combination_with_a_coronal_view_is_offered() -> None:
    names = [key(planes, calipers) for planes, calipers in combinations()]
    assert len(names) == len(set(names)) == 16
    assert "coronal" in names and "coronal+transverse+sagittal+length_mm+depth_mm" in names


def test_descriptors_do_not_depend_on_size() -> None:
    small, large = (describe(Views({"coronal": ellipse(90 * s, 40 * s, 20), "transverse": ellipse(50 * s, 95 * s)})) for s in (1, 2))
    planes = ("coronal", "transverse")
    np.testing.assert_allclose(small.numbers(planes), large.numbers(planes), atol=0.12)
    assert large.base(planes)[0] - small.base(planes)[0] == pytest.approx(3 * np.log(2), abs=0.02)
    assert np.abs(small.pictures[0, :2] - large.pictures[0, :2]).max() < 0.1


def test_stacked_outlines_of_a_box_give_its_volume() -> None:
    box = np.zeros((256, 256), bool)
    coronal, transverse = box.copy(), box.copy()
    coronal[78:178, 98:158] = True  # 100 mm high, 60 mm wide
    transverse[108:148, 98:158] = True  # 40 mm deep, 60 mm wide
    found = describe(Views({"coronal": coronal, "transverse": transverse}))
    planes = ("coronal", "transverse")
    assert np.exp(found.base(planes) + found.stacked(planes)[:, 0])[0] == pytest.approx(240, rel=0.01)


def test_formulas_alone_say_that_their_interval_was_not_calibrated(its_views: Views) -> None:
    found = VolumeModel.simple().estimate(its_views)
    assert found.method in ("ellipsoid", "prassopoulos")
    assert found.low_ml < found.volume_ml < found.high_ml
    assert found.calibration == "The interval was not calibrated on spleens."


def test_a_method_that_the_views_do_not_allow_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be used with coronal"):
        VolumeModel.simple().estimate(Views({"coronal": ellipse(100, 50)}), "prassopoulos")


def test_there_is_no_latent_map_without_networks(its_views: Views) -> None:
    assert latent_map(VolumeModel.simple(), its_views) is None
