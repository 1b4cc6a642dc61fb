"""All methods behind one call: fitted to a few shapes, kept as tensors, asked for volumes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from DeepVolumetryLib.errors import InputError
from SpleenVolumeLib.methods import TITLES
from SpleenVolumeLib.shapes import Cut, Shape, cut_views, load_templates
from SpleenVolumeLib.training import train
from SpleenVolumeLib.training.described import described, load_described
from SpleenVolumeLib.training.shapes import ShapePack, make_pack, real_pack
from SpleenVolumeLib.training.volume import ALL, left_out
from SpleenVolumeLib.training.volume_export import training_cases
from SpleenVolumeLib.training.volume_fit import fit, library_rows
from SpleenVolumeLib.training.volume_validate import Errors, corrected, mrva
from SpleenVolumeLib.volume import PLANES, Views, VolumeModel, latent_map
from SpleenVolumeLib.volume.descriptors import combinations, key
from SpleenVolumeLib.volume.networks import BUILDERS
from SpleenVolumeLib.volume.state import from_tensors, networks_to_tensors, regressions_to_tensors


@pytest.fixture(scope="module")
def shapes() -> ShapePack:
    return make_pack(30, seed=2, views=1, solids=True)


@pytest.fixture(scope="module")
def settings(shapes: ShapePack) -> dict[str, Any]:
    entry = {"shift": -0.1, "half_width": 0.2, "real_spleens": 5, "real_views": 155, "generated_views": 700, "coverage": 0.96}
    narrow = {**entry, "half_width": 0.1}
    return {
        "templates": list(shapes.names),
        "default": {"coronal": "dice", "coronal+transverse": "kernel"},
        "calibration": {
            "coronal+transverse": {"kernel": entry},
            "coronal+transverse+length_mm": {"kernel": narrow},
        },
        "latent_limit": {"coronal": 1e9, "coronal+transverse": 1e-9},
        "range_ml": [60.0, 3100.0],
    }


@pytest.fixture(scope="module")
def model(shapes: ShapePack, settings: dict[str, Any]) -> VolumeModel:
    torch.manual_seed(0)
    found, every = described(shapes), np.ones(len(shapes), bool)
    rows = library_rows(shapes, every)
    networks = {name: build().eval() for name, build in BUILDERS.items()}
    methods = fit(shapes, found, every, networks, rows)
    cases, _ = training_cases(networks["rvae"], shapes, found, rows)
    read, kept = from_tensors(regressions_to_tensors(methods, cases), networks_to_tensors(networks))
    planes = ("coronal", "transverse")
    for name in TITLES:  # what is kept in half precision says the same as what was fitted
        before, after = (each[name].predict(found[:4], planes, ()) for each in (methods, read))
        np.testing.assert_allclose(before, after, atol=0.05, err_msg=name)
    return VolumeModel(read, settings, kept)


@pytest.fixture(scope="module")
def a_spleen() -> Shape:
    return Shape.of_template(next(template for template in load_templates() if template.name == "vh_female"))


def views_of(shape: Shape, planes: tuple[str, ...] = PLANES[:2], **calipers: float) -> Views:
    return Views(cut_views(shape, dict.fromkeys(planes, Cut())), calipers)


def test_every_method_gives_a_volume_for_two_views(model: VolumeModel, a_spleen: Shape) -> None:
    views = views_of(a_spleen)
    assert set(model.methods(views)) == set(TITLES)
    found = model.estimate(views)
    assert found.method == "kernel"
    assert set(found.others) == set(TITLES) - {"kernel"}
    assert all(low < volume < high for volume, low, high in found.others.values())


def test_one_view_allows_neither_prassopoulos_nor_stacking(model: VolumeModel, a_spleen: Shape) -> None:
    views = views_of(a_spleen, ("coronal",))
    assert set(TITLES) - set(model.methods(views)) == {"prassopoulos", "stack"}
    assert model.estimate(views).method == "dice"


@pytest.mark.parametrize("method", ["kernel", "dice", "loglinear", "stack"])
def test_few_shapes_are_enough_for_a_rough_volume(model: VolumeModel, a_spleen: Shape, method: str) -> None:
    assert model.estimate(views_of(a_spleen), method).volume_ml == pytest.approx(a_spleen.volume_ml, rel=0.3)


def test_all_combinations_of_views_and_calipers_can_be_estimated(model: VolumeModel, a_spleen: Shape) -> None:
    measured = {"length_mm": 102.0, "depth_mm": 70.0}
    for planes, calipers in combinations():
        views = views_of(a_spleen, planes, **{name: measured[name] for name in calipers})
        assert 60 < model.estimate(views, "ensemble").volume_ml < 500, key(planes, calipers)


def test_the_interval_is_the_calibrated_one_and_a_caliper_narrows_it(model: VolumeModel, a_spleen: Shape) -> None:
    two, with_length = (model.estimate(views_of(a_spleen, **calipers), "kernel") for calipers in ({}, {"length_mm": 102.0}))
    assert two.high_ml / two.volume_ml == pytest.approx(np.exp(0.2))
    assert with_length.high_ml / with_length.volume_ml == pytest.approx(np.exp(0.1))
    assert "5 real spleens (155 views)" in two.calibration and "96 %" in two.calibration
    assert two.calibration_cases == 5


def test_draws_agree_with_the_interval_and_repeat(model: VolumeModel, a_spleen: Shape) -> None:
    first, second = (model.estimate(views_of(a_spleen), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.samples_ml, second.samples_ml)
    inside = (first.samples_ml > first.low_ml) & (first.samples_ml < first.high_ml)
    assert 0.92 < inside.mean() < 0.98


def test_a_spleen_of_twice_the_size_has_eight_times_the_volume(model: VolumeModel, a_spleen: Shape) -> None:
    double = Shape(a_spleen.distance * 2, a_spleen.step_mm * 2, a_spleen.volume_ml * 8, a_spleen.sources)
    for method in ("kernel", "dice", "loglinear", "rvae"):
        small, large = (model.estimate(views_of(shape), method).volume_ml for shape in (a_spleen, double))
        assert large / small == pytest.approx(8, rel=0.15), method


def test_an_outline_unlike_all_others_is_flagged(model: VolumeModel, a_spleen: Shape) -> None:
    assert any("unlike all training cases" in flag for flag in model.estimate(views_of(a_spleen)).flags)
    assert not model.estimate(views_of(a_spleen, ("coronal",))).flags


def test_a_volume_outside_the_training_range_is_flagged(model: VolumeModel, a_spleen: Shape) -> None:
    tiny = Shape(a_spleen.distance * 0.5, a_spleen.step_mm * 0.5, a_spleen.volume_ml / 8, a_spleen.sources)
    assert any("outside the 60 to 3100 mL" in flag for flag in model.estimate(views_of(tiny)).flags)


def test_a_real_spleen_is_its_own_nearest_case(model: VolumeModel, a_spleen: Shape) -> None:
    nearest = model.estimate(views_of(a_spleen)).nearest
    assert len(nearest) == 5
    assert nearest[0]["name"] == "real spleen vh_female"
    assert nearest[0]["volume_ml"] == pytest.approx(190.8, abs=0.1)


def test_the_latent_map_has_five_shapes_along_the_first_axis(model: VolumeModel, a_spleen: Shape) -> None:
    found = latent_map(model, views_of(a_spleen))
    assert found is not None
    assert found.training_xy.shape == (len(found.training_ml), 2) and found.training_real.sum() == 6
    assert found.path_xy.shape == (5, 2) and np.all(np.diff(found.path_xy[:, 0]) > 0)
    assert np.abs(found.path_xy[:, 1]).max() < 1e-3
    assert {plane: masks.shape for plane, masks in found.path_masks.items()} == {plane: (5, 32, 32) for plane in PLANES[:2]}
    assert 2 < found.path_pixel_mm < 12


def test_an_unknown_method_is_refused(model: VolumeModel, a_spleen: Shape) -> None:
    with pytest.raises(InputError, match="“guess” cannot be used"):
        model.estimate(views_of(a_spleen), "guess")


def test_a_pack_is_read_as_it_was_written_and_described_once(shapes: ShapePack, tmp_path) -> None:
    shapes.save(tmp_path / "pack.npz")
    first_pack, first = load_described([tmp_path / "pack.npz"])
    written = (tmp_path / "pack.described.npz").stat().st_mtime_ns
    _, second = load_described([tmp_path / "pack.npz", tmp_path / "pack.npz"])
    assert (tmp_path / "pack.described.npz").stat().st_mtime_ns == written
    assert len(second) == 2 * len(first) == 2 * len(shapes)
    np.testing.assert_array_equal(first_pack.volume_ml, shapes.volume_ml)
    np.testing.assert_array_equal(ShapePack.load(tmp_path / "pack.npz").masks, shapes.masks)


def test_a_missing_pack_says_how_to_make_one(tmp_path) -> None:
    with pytest.raises(InputError, match=r"SpleenVolumeLib\.training shapes"):
        ShapePack.load(tmp_path / "none.npz")


def test_a_fold_sees_nothing_of_the_spleens_that_it_leaves_out(shapes: ShapePack) -> None:
    hidden = left_out(shapes, "0")
    assert not shapes.sources[~hidden][:, :2].any()
    assert not left_out(shapes, ALL).any()


def test_training_goes_on_where_it_stopped(shapes: ShapePack, tmp_path) -> None:
    shapes.save(tmp_path / "pack.npz")
    config = {
        "network": "volume",
        "packs": [str(tmp_path / "pack.npz")],
        "methods": ["rvae", "pix2vox"],
        "folds": False,
        "steps": 2,
        "batch": 4,
    }
    assert train(config, tmp_path / "out", False, 0.0)["networks"] == 0
    assert train(config, tmp_path / "out", True, 5.0) == {"networks": 2, "of": 2, "done": True}
    with pytest.raises(InputError, match="already holds checkpoints"):
        train(config, tmp_path / "out", False, 1.0)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["steps"] == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"packs": []}, "must give “packs”"),
        ({"packs": ["a"], "methods": ["x"]}, "no network “x”"),
        ({"packs": ["a"], "y": 1}, "unknown entry “y”"),
    ],
)
def test_a_wrong_configuration_is_refused(wrong: dict[str, Any], said: str, tmp_path) -> None:
    with pytest.raises(InputError, match=said):
        train({"network": "volume", **wrong}, tmp_path, False, 1.0)


def test_a_systematic_error_is_taken_back_in_part_by_what_other_spleens_say() -> None:
    spleens = np.repeat(np.arange(5), 10)
    errors = Errors(np.full(50, 0.1), np.full(50, 200.0), spleens, np.zeros(50), np.full(200, 0.0), np.full(200, 200.0), np.zeros(200))
    assert errors.shift() == pytest.approx(-0.05)
    values, widths = corrected(errors)
    np.testing.assert_allclose(values, 0.1 - 0.1 * 4 / 9)
    assert np.all(widths >= values - 1e-9)
    assert mrva(np.array([0.0, np.log(1.1), np.log(0.8)])) == pytest.approx([100, 90, 80])


def test_real_spleens_come_as_their_largest_slices_first() -> None:
    pack = real_pack(1, 0)
    assert pack.real.all() and len(pack) == 12
    np.testing.assert_array_equal(pack.kind, [0, 1] * 6)
