"""The whole method on a head made of balls: right volumes on any geometry, twice the same, with sentences where something is amiss."""

from __future__ import annotations

import json
from dataclasses import replace

import glioma_toys
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from DeepVolumetryLib.engine.pipeline import Pipeline
from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.errors import Cancelled, InputError, ModelError
from DeepVolumetryLib.image import Image
from GliomaUncertaintyLib.labels import TARGETS
from GliomaUncertaintyLib.parameters import Parameters
from GliomaUncertaintyLib.pipeline import create

FEW = Parameters(members=3)


@pytest.fixture
def a_pipeline(a_glioma_bundle):
    return create(a_glioma_bundle, "cpu")


def run(pipeline, images, parameters=FEW, progress=None):
    return pipeline.run(images, parameters, progress or RunProgress())


def volumes(result) -> dict[str, float]:
    return {name: float(mask.sum() * result.image.voxel_ml) for name, mask in result.segments.items()}


def reordered(image: Image, order, flips) -> Image:
    """The same scan as another file might store it."""
    matrix = image.ijk_to_ras.copy()
    matrix[:, :3] = matrix[:, list(order)]
    voxels = np.moveaxis(image.voxels, [-1 - axis for axis in order], [-1, -2, -3])
    for axis, flip in enumerate(flips):
        if flip:
            voxels = np.flip(voxels, -1 - axis)
            matrix[:, 3] += matrix[:, axis] * (voxels.shape[-1 - axis] - 1)
            matrix[:, axis] *= -1
    return replace(image, voxels=np.ascontiguousarray(voxels), ijk_to_ras=matrix)


def test_the_tumor_and_its_parts_are_segmented_and_measured(a_pipeline, a_glioma_head):
    result = run(a_pipeline, a_glioma_head)
    found = volumes(result)
    for target in TARGETS:
        assert found[target] == pytest.approx(glioma_toys.VOLUME_ML[target], rel=0.1)
    assert found["edema"] == pytest.approx(found["WT"] - found["TC"])
    assert found["necrosis"] == pytest.approx(found["TC"] - found["ET"])
    rows = {row.segment: row.value for row in result.measurements if row.name == "Volume"}
    assert {name: rows[name] for name in found} == pytest.approx(found)


def test_segments_are_nested_and_maps_are_on_the_grid_of_the_scan(a_pipeline, a_glioma_head):
    result = run(a_pipeline, a_glioma_head)
    wt, tc, et = (result.segments[target] for target in TARGETS)
    assert not (tc & ~wt).any() and not (et & ~tc).any()
    assert isinstance(a_pipeline, Pipeline)
    for arrays in (result.segments, result.probability, result.uncertainty):
        assert {array.shape for array in arrays.values()} == {a_glioma_head["t1ce"].shape}
    assert set(result.probability) == set(result.uncertainty) == set(TARGETS)
    assert all(array.dtype == np.float32 for array in (*result.probability.values(), *result.uncertainty.values()))
    assert max(array.max() for array in result.uncertainty.values()) <= 100
    assert all((result.uncertainty[target][result.probability[target] == 0] == 0).all() for target in TARGETS)


def test_the_map_shows_what_was_asked_for(a_pipeline, a_glioma_head):
    error, spread, entropy = (
        run(a_pipeline, a_glioma_head, Parameters(members=3, uncertainty=kind)) for kind in ("error", "spread", "entropy")
    )
    p = error.probability["WT"]
    np.testing.assert_allclose(error.uncertainty["WT"], 200 * np.minimum(p, 1 - p), atol=1e-3)
    assert (entropy.uncertainty["WT"] >= error.uncertainty["WT"] - 1e-3).all()
    assert 0 < spread.uncertainty["WT"].max() <= 100
    assert error.regions == spread.regions == entropy.regions, "places do not depend on what is shown"


def test_the_same_bytes_come_out_twice(a_glioma_bundle, a_glioma_head):
    one, other = (run(create(a_glioma_bundle, "cpu"), a_glioma_head) for _ in range(2))
    for first, second in ((one.segments, other.segments), (one.probability, other.probability), (one.uncertainty, other.uncertainty)):
        assert first.keys() == second.keys()
        assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert one.measurements == other.measurements
    assert one.regions == other.regions


@pytest.mark.parametrize(("order", "flips"), [((2, 0, 1), (True, False, True)), ((1, 0, 2), (False, False, False))])
def test_the_axis_order_of_the_file_does_not_change_a_voxel(a_pipeline, a_glioma_head, order, flips):
    one = run(a_pipeline, a_glioma_head)
    other = run(a_pipeline, {name: reordered(image, order, flips) for name, image in a_glioma_head.items()})
    for target in TARGETS:
        back = Image(other.probability[target], other.image.ijk_to_ras).resampled(one.image)
        np.testing.assert_array_equal(back.voxels, one.probability[target])


@pytest.mark.parametrize("left_handed", [False, True])
def test_an_oblique_or_left_handed_scan_has_the_same_volumes(a_pipeline, left_handed):
    direction = Rotation.from_euler("xyz", (12, -20, 15), degrees=True).as_matrix() @ np.diag([-1.0 if left_handed else 1.0, 1, 1])
    found = volumes(run(a_pipeline, glioma_toys.head(glioma_toys.grid_over(size=(76, 84, 66), direction=direction))))
    assert found["WT"] == pytest.approx(glioma_toys.VOLUME_ML["WT"], rel=0.1)
    assert found["ET"] == pytest.approx(glioma_toys.VOLUME_ML["ET"], rel=0.1)


@pytest.mark.parametrize("spacing", [(1.5, 1.5, 5.0), (0.7, 0.7, 4.0), (3.0, 1.0, 1.5)])
def test_clinical_voxels_give_the_same_volumes(a_pipeline, spacing):
    size = tuple(int(extent / step) for extent, step in zip((124, 140, 96), spacing, strict=True))
    result = run(a_pipeline, glioma_toys.head(glioma_toys.grid_over(spacing, size)))
    assert result.image.spacing == pytest.approx(spacing)
    assert volumes(result)["WT"] == pytest.approx(glioma_toys.VOLUME_ML["WT"], rel=0.12)


def test_a_scan_finer_than_the_working_grid_comes_back_on_its_own(a_pipeline):
    result = run(a_pipeline, glioma_toys.head(glioma_toys.grid_over((0.5, 0.5, 4.0), (230, 262, 24))), Parameters(members=1))
    assert result.segments["WT"].shape == (24, 262, 230)
    assert volumes(result)["WT"] == pytest.approx(glioma_toys.VOLUME_ML["WT"], rel=0.12)


@pytest.mark.parametrize(("given", "sentence"), [
    (("t1ce", "flair"), "T1 and T2 are missing. The segmentation is less certain without them, and the intervals are wider."),
    (("t1", "t1ce", "flair"), "T2 is missing. The segmentation is less certain without it, and the intervals are wider."),
])  # fmt: skip
def test_a_missing_sequence_gives_a_result_and_a_warning(a_pipeline, a_glioma_head, given, sentence):
    result = run(a_pipeline, {name: a_glioma_head[name] for name in given})
    assert sentence in result.warnings
    assert volumes(result)["WT"] == pytest.approx(glioma_toys.VOLUME_ML["WT"], rel=0.1)


def test_intervals_without_a_sequence_have_a_calibration_of_their_own(a_glioma_bundle, a_glioma_head):
    path = a_glioma_bundle / "configs" / "inference.json"
    document = json.loads(path.read_text())
    tables = {count: {"WT": {"residuals": [width] * 40}} for count, width in (("all", 1.0), ("t2", 2.0), ("any", 3.0))}
    path.write_text(json.dumps({**document, "conformal": tables["all"], "conformal_without": {"t2": tables["t2"], "any": tables["any"]}}))
    pipeline = create(a_glioma_bundle, "cpu")
    scales = []
    for left_out in ((), ("t2",), ("t1", "t2")):
        images = {name: image for name, image in a_glioma_head.items() if name not in left_out}
        scales.append(run(pipeline, images, Parameters(members=1)).extras["conformal"]["WT"]["scale"])
    assert scales == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("left_out", "words"), [("t1ce", "do not use their volumes"), ("flair", "check every slice")])
def test_what_a_scan_cannot_show_gets_no_interval(a_glioma_bundle, a_glioma_head, left_out, words):
    path = a_glioma_bundle / "configs" / "inference.json"
    table = {"WT": {"residuals": [1.0] * 40}}
    path.write_text(json.dumps({**json.loads(path.read_text()), "conformal": table, "conformal_without": {"any": table}}))
    images = {name: image for name, image in a_glioma_head.items() if name != left_out}
    result = run(create(a_glioma_bundle, "cpu"), images, Parameters(members=1))
    assert all(measurement.low is None for measurement in result.measurements)
    assert any(words in warning and "No interval is stated." in warning for warning in result.warnings)


def test_a_calibrated_bundle_is_less_sure_of_the_same_masks(a_glioma_bundle, a_glioma_head):
    one = run(create(a_glioma_bundle, "cpu"), a_glioma_head)
    path = a_glioma_bundle / "configs" / "inference.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "calibration": {"temperature": 2.0}}))
    other = run(create(a_glioma_bundle, "cpu"), a_glioma_head)
    for target in TARGETS:
        np.testing.assert_array_equal(other.segments[target], one.segments[target])
        assert other.uncertainty[target].sum() > 1.2 * one.uncertainty[target].sum()
    assert (other.probability["TC"] <= other.probability["WT"] + 1e-6).all()


def test_flair_stands_in_where_t1ce_is_missing(a_pipeline, a_glioma_head):
    result = run(a_pipeline, {"flair": a_glioma_head["flair"]}, Parameters(members=1))
    assert result.extras["reference"] == "flair" and result.extras["sequences"] == ["flair"]
    assert volumes(result)["WT"] == pytest.approx(glioma_toys.VOLUME_ML["WT"], rel=0.1)


def test_neither_t1ce_nor_flair_is_refused(a_pipeline, a_glioma_head):
    with pytest.raises(InputError, match="Neither T1ce nor FLAIR is given"):
        run(a_pipeline, {"t1": a_glioma_head["t1"]})


def test_a_ct_is_refused(a_pipeline, a_glioma_head):
    with pytest.raises(InputError, match="is CT"):
        run(a_pipeline, {**a_glioma_head, "t2": replace(a_glioma_head["t2"], modality="CT")})


def test_a_head_without_a_tumor_gives_empty_segments(a_pipeline):
    result = run(a_pipeline, glioma_toys.head(tumor=None))
    assert "ET" not in result.segments
    assert [row.value for row in result.measurements if row.name == "Volume" and row.segment == "ET"] == [0]


def test_members_and_what_made_the_result_are_told(a_pipeline, a_glioma_head):
    result = run(a_pipeline, a_glioma_head, Parameters(members=4, method="tta"))
    provenance = result.provenance
    assert (provenance.module, provenance.model_name, provenance.model_version) == ("glioma", "toy_glioma", "0.0.1")
    assert provenance.parameters["method"] == "tta"
    assert {"load", "align", "brain", "predict", "postprocess", "inference", "total"} <= set(provenance.seconds)
    assert len(result.extras["member_volumes_ml"]["WT"]) == 4
    json.dumps(result.extras)


@pytest.mark.parametrize("phase", ["Aligning the sequences", "Finding the brain", "Looking from many centers", "Measuring"])
def test_cancel_is_heard_in_every_phase(a_pipeline, a_glioma_head, phase):
    progress = RunProgress(cancelled=lambda: progress.phase_name == phase)
    with pytest.raises(Cancelled):
        run(a_pipeline, a_glioma_head, progress=progress)


def test_a_bundle_with_a_network_missing_is_named(a_glioma_bundle):
    (a_glioma_bundle / "models" / "unet_2.safetensors").unlink()
    with pytest.raises(ModelError, match="no network “unet_2”"):
        create(a_glioma_bundle, "cpu")
