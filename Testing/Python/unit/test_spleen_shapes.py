"""Shapes of spleens: real ones, generated ones, and cuts through them."""

from __future__ import annotations

import numpy as np
import pytest

from DeepVolumetryLib.errors import InputError, ModelError
from SpleenVolumeLib.shapes import Cut, Shape, ShapeGenerator, cut_views, load_templates
from SpleenVolumeLib.shapes.generator import draw_volume_ml
from SpleenVolumeLib.shapes.solid import from_mask, volume_ml
from SpleenVolumeLib.shapes.templates import save_templates, template_of_mask
from SpleenVolumeLib.shapes.warp import random_displacement
from SpleenVolumeLib.volume import PLANES


def ball(radius_mm: float, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    half = [int(radius_mm / s) + 2 for s in spacing_mm]
    grids = np.meshgrid(*(s * np.arange(-h, h + 1) for s, h in zip(spacing_mm, half, strict=True)), indexing="ij")
    return sum(g**2 for g in grids) < radius_mm**2


@pytest.fixture(scope="module")
def generated() -> list[Shape]:
    rng, generator = np.random.default_rng(4), ShapeGenerator()
    return [generator.draw(rng) for _ in range(6)]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.8, 0.8), (3.0, 3.0, 3.0)])
def test_a_label_map_keeps_its_volume_whatever_its_voxels(spacing: tuple[float, float, float]) -> None:
    mask = ball(30, spacing)
    distance = from_mask(mask, spacing)
    assert volume_ml(distance, 1.5) == pytest.approx(mask.sum() * np.prod(spacing) / 1000, rel=0.005)


def test_accessory_spleens_do_not_belong_to_the_shape() -> None:
    mask = np.zeros((60, 60, 60), bool)
    mask[5:45, 10:40, 10:40] = True
    mask[50:55, 50:55, 50:55] = True
    assert volume_ml(from_mask(mask, (1, 1, 1)), 1.5) == pytest.approx(36.0, rel=0.02)


def test_an_empty_label_map_is_refused() -> None:
    with pytest.raises(InputError, match="holds no spleen"):
        from_mask(np.zeros((8, 8, 8), bool), (1, 1, 1))


def test_six_real_spleens_ship_with_source_and_license() -> None:
    templates = load_templates()
    assert len(templates) == 6
    assert all(150 < template.volume_ml < 310 for template in templates)
    assert all("CC BY 4.0" in template.source or "Apache-2.0" in template.source for template in templates)
    assert [template.name for template in templates if not template.whole] == ["ts_example"]


def test_real_spleens_keep_their_volume_in_the_pack() -> None:
    for template in load_templates():
        assert volume_ml(template.distance, 1.5) == pytest.approx(template.volume_ml, rel=0.01)


def test_a_pack_is_read_as_it_was_written(tmp_path) -> None:
    template = template_of_mask("ball", "made here", ball(25, (1, 1, 1)), (1, 1, 1), whole=False)
    save_templates(tmp_path / "pack.npz", [template])
    (read,) = load_templates(tmp_path / "pack.npz")
    assert (read.name, read.source, read.whole) == ("ball", "made here", False)
    assert volume_ml(read.distance, 1.5) == pytest.approx(template.volume_ml, rel=0.01)


def test_a_damaged_pack_says_what_to_do(tmp_path) -> None:
    (tmp_path / "pack.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="Install the extension again"):
        load_templates(tmp_path / "pack.npz")


def test_generated_shapes_hold_the_volume_that_they_state(generated: list[Shape]) -> None:
    for shape in generated:
        assert volume_ml(shape.distance, shape.step_mm) == pytest.approx(shape.volume_ml, rel=0.01)
        assert not shape.real


def test_a_volume_can_be_asked_for() -> None:
    shape = ShapeGenerator().draw(np.random.default_rng(1), volume_ml=900.0)
    assert volume_ml(shape.distance, shape.step_mm) == pytest.approx(900, rel=0.01)


def test_the_same_seed_draws_the_same_shape() -> None:
    first, second = (ShapeGenerator().draw(np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.distance, second.distance)


def test_shapes_say_which_real_spleens_they_came_from(generated: list[Shape]) -> None:
    names = {template.name for template in load_templates()}
    assert all(shape.sources and set(shape.sources) <= names for shape in generated)


def test_a_left_out_spleen_plays_no_part() -> None:
    generator, rng = ShapeGenerator(leave_out=["ts_b", "vh_male"]), np.random.default_rng(0)
    assert not {"ts_b", "vh_male"} & {name for _ in range(5) for name in generator.draw(rng).sources}


def test_drawn_volumes_cover_normal_and_giant_spleens() -> None:
    rng = np.random.default_rng(0)
    volumes = np.array([draw_volume_ml(rng) for _ in range(4000)])
    assert volumes.min() >= 60 and volumes.max() <= 3100
    assert 0.5 < np.mean((volumes > 107) & (volumes < 314.5)) < 0.75
    assert np.mean(volumes > 1000) > 0.1


def test_warps_do_not_fold_space() -> None:
    moved = random_displacement((30, 30, 30), 3.5, np.random.default_rng(3))
    jacobian = np.stack([np.stack(np.gradient(moved[..., axis], 3.5), -1) for axis in range(3)], -2) + np.eye(3)
    assert np.linalg.det(jacobian).min() > 0


def test_the_largest_slices_of_a_ball_are_its_great_circles() -> None:
    shape = Shape.of_template(template_of_mask("ball", "", ball(40, (1, 1, 1)), (1, 1, 1)))
    for mask in cut_views(shape, dict.fromkeys(PLANES, Cut())).values():
        assert mask.shape == (256, 256)
        assert mask.sum() == pytest.approx(np.pi * 40**2, rel=0.02)
        assert [float(i.mean()) for i in np.nonzero(mask)] == pytest.approx([127.5, 127.5], abs=0.6)


def test_an_offset_of_a_ball_makes_its_cut_smaller() -> None:
    shape = Shape.of_template(template_of_mask("ball", "", ball(40, (1, 1, 1)), (1, 1, 1)))
    mask = cut_views(shape, {"coronal": Cut(offset_mm=10)})["coronal"]
    assert mask.sum() == pytest.approx(np.pi * (40**2 - 10**2), rel=0.03)


def test_views_lie_as_a_reader_of_ct_sees_them() -> None:
    # A plate that is long from head to foot, thin from front to back, and has a corner at the patient's upper left.
    mask = np.zeros((80, 20, 40), bool)
    mask[:, :, :20] = True
    mask[:20, :, :] = True
    views = cut_views(Shape.of_template(template_of_mask("plate", "", mask, (1, 1, 1))), dict.fromkeys(PLANES, Cut()))
    rows, columns = np.nonzero(views["coronal"])
    assert np.ptp(rows) + 1 == pytest.approx(80, abs=2) and np.ptp(columns) + 1 == pytest.approx(40, abs=2)
    upper = views["coronal"][rows.min() + 5]
    lower = views["coronal"][rows.max() - 5]
    assert np.flatnonzero(upper).max() > np.flatnonzero(lower).max() + 15  # columns run from right to left
    assert np.ptp(np.nonzero(views["transverse"])[0]) + 1 == pytest.approx(20, abs=2)
    assert np.ptp(np.nonzero(views["sagittal"])[1]) + 1 == pytest.approx(20, abs=2)


def test_a_turn_in_the_plane_keeps_the_area(generated: list[Shape]) -> None:
    straight, turned = (cut_views(generated[0], {"coronal": Cut(rotation_deg=angle)})["coronal"] for angle in (0, 20))
    assert turned.sum() == pytest.approx(straight.sum(), rel=0.02)
    assert np.count_nonzero(turned != straight) > 0.05 * straight.sum()


def test_a_giant_spleen_gets_a_larger_grid() -> None:
    shape = Shape.of_template(load_templates()[4])
    giant = Shape(shape.distance * 2.4, shape.step_mm * 2.4, shape.volume_ml * 2.4**3, shape.sources)
    mask = cut_views(giant, {"coronal": Cut()})["coronal"]
    assert mask.shape == (384, 384)
    assert not mask[0].any() and not mask[-1].any()
