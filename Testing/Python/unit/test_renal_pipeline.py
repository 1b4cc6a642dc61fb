"""The whole method with networks that only look at brightness: right sides, right volumes, on any geometry, twice the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from DeepVolumetryLib.engine.progress import RunProgress
from DeepVolumetryLib.errors import Cancelled, InputError, ModelError
from DeepVolumetryLib.image import Image
from RenalParenchymaLib.parameters import Parameters
from RenalParenchymaLib.pipeline import create

BALL_ML = 82.4  # 4/3 pi 27^3
FEW = Parameters(members=2)


def run(pipeline, image, parameters=FEW, progress=None):
    return pipeline.run({"volume": image}, parameters, progress or RunProgress())


def volumes(result) -> dict[str, float]:
    return {m.segment: m.value for m in result.measurements if m.name == "Volume"}


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
    return Image(np.ascontiguousarray(voxels), matrix, modality=image.modality)


def test_both_kidneys_are_segmented_and_measured(a_toy_pipeline, a_ball_phantom):
    result = run(a_toy_pipeline, a_ball_phantom)
    measured = volumes(result)
    assert measured["left_kidney"] == pytest.approx(BALL_ML, rel=0.04)
    assert measured["right_kidney"] == pytest.approx(BALL_ML, rel=0.04)
    r, _, _ = np.moveaxis(np.argwhere(result.segments["right_kidney"])[:, ::-1], 1, 0)
    assert a_ball_phantom.ijk_to_ras[0, 0] * r.mean() + a_ball_phantom.ijk_to_ras[0, 3] == pytest.approx(62, abs=0.5)


def test_the_same_bytes_come_out_twice(a_toy_bundle, a_ball_phantom):
    one, other = (run(create(a_toy_bundle, "cpu"), a_ball_phantom) for _ in range(2))
    for first, second in ((one.segments, other.segments), (one.probability, other.probability), (one.uncertainty, other.uncertainty)):
        assert first.keys() == second.keys()
        assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert one.measurements == other.measurements
    assert one.regions == other.regions
    assert one.warnings == other.warnings


def test_another_seed_looks_in_other_ways(a_toy_pipeline, a_ball_phantom):
    one, other = (run(a_toy_pipeline, a_ball_phantom, Parameters(members=4, seed=seed)) for seed in (0, 1))
    assert any((one.probability[name] != other.probability[name]).any() for name in one.probability)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_axis_order_of_the_file_does_not_change_a_number(a_toy_pipeline, a_ball_phantom, data):
    order, flips = data.draw(st.permutations(range(3))), data.draw(st.tuples(*[st.booleans()] * 3))
    one, other = run(a_toy_pipeline, a_ball_phantom), run(a_toy_pipeline, reordered(a_ball_phantom, order, flips))
    assert volumes(other) == volumes(one)
    back = Image(other.segments["left_kidney"].astype(np.uint8), other.image.ijk_to_ras).resampled(a_ball_phantom, order=0)
    np.testing.assert_array_equal(back.voxels > 0, one.segments["left_kidney"])


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(angles=st.tuples(*[st.integers(-40, 40)] * 3), left_handed=st.booleans())
def test_the_direction_of_the_scan_hardly_changes_a_volume(a_toy_pipeline, draw_phantom, angles, left_handed):
    direction = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag([-1.0 if left_handed else 1.0, 1, 1])
    measured = volumes(run(a_toy_pipeline, draw_phantom(direction)))
    assert measured["left_kidney"] == pytest.approx(BALL_ML, rel=0.04)
    assert measured["right_kidney"] == pytest.approx(BALL_ML, rel=0.04)


def test_a_sheared_scan_is_measured_too(a_toy_pipeline, draw_phantom):
    measured = volumes(run(a_toy_pipeline, draw_phantom(np.array([[1.0, 0.2, 0], [0, 1, 0.3], [0, 0, 1]]))))
    assert measured["left_kidney"] == pytest.approx(BALL_ML, rel=0.04)


def test_masks_and_maps_are_on_the_grid_of_the_scan(a_toy_pipeline, a_ball_phantom):
    result = run(a_toy_pipeline, a_ball_phantom)
    for arrays in (result.segments, result.probability, result.uncertainty):
        assert {array.shape for array in arrays.values()} == {a_ball_phantom.shape}
    assert set(result.probability) == set(result.uncertainty) == {"kidney", "parenchyma", "tumor", "cyst"}
    assert all(array.min() >= 0 and array.max() <= 100 for array in result.uncertainty.values())


def test_a_scan_without_kidneys_gives_a_result_that_says_so(a_toy_pipeline, any_phantom, any_grid):
    result = run(a_toy_pipeline, any_phantom(any_grid(), {}))
    assert result.segments == {}
    assert "No kidney was found" in result.warnings[0]


def test_a_solitary_kidney_is_measured_with_a_warning(a_toy_pipeline, any_phantom, any_grid):
    result = run(a_toy_pipeline, any_phantom(any_grid(), {"right": (62.0, 2.0, -6.0)}))
    assert set(result.segments) == {"right_kidney", "right_parenchyma"}
    assert any("Only the right kidney was found" in text for text in result.warnings)


def test_a_file_without_modality_is_taken_for_ct_by_its_air(a_toy_pipeline, a_ball_phantom):
    unknown = Image(a_ball_phantom.voxels, a_ball_phantom.ijk_to_ras)
    assert volumes(run(a_toy_pipeline, unknown)) == volumes(run(a_toy_pipeline, a_ball_phantom))


def test_fast_looks_once_and_thorough_eight_times(a_toy_pipeline, a_ball_phantom):
    for speed, count in (("fast", 1), ("thorough", 8)):
        result = run(a_toy_pipeline, a_ball_phantom, Parameters(members=3, speed=speed))
        assert len(result.extras["member_volumes_ml"]["left_kidney"]) == count


@pytest.mark.parametrize("phase", ["Finding the kidneys", "Segmenting parenchyma", "Putting the kidneys together", "Measuring"])
def test_cancel_is_heard_in_every_phase(a_toy_pipeline, a_ball_phantom, phase):
    progress = RunProgress(cancelled=lambda: progress.phase_name == phase)
    with pytest.raises(Cancelled):
        run(a_toy_pipeline, a_ball_phantom, progress=progress)


def test_an_ultrasound_is_refused(a_toy_pipeline, a_ball_phantom):
    with pytest.raises(InputError, match="ultrasound"):
        run(a_toy_pipeline, Image(a_ball_phantom.voxels, a_ball_phantom.ijk_to_ras, modality="US"))


def test_the_result_says_what_made_it(a_toy_pipeline, a_ball_phantom):
    provenance = run(a_toy_pipeline, a_ball_phantom).provenance
    assert (provenance.module, provenance.model_name, provenance.model_version) == ("renal", "toy_kidneys", "0.0.1")
    assert len(provenance.model_sha256) == 64
    assert {"load", "localize", "refine", "inference", "total"} <= set(provenance.seconds)
    assert provenance.parameters["members"] == 2


def test_a_bundle_with_a_network_missing_is_named(a_toy_bundle):
    (a_toy_bundle / "models" / "refiner.safetensors").unlink()
    with pytest.raises(ModelError, match="no network “refiner”"):
        create(a_toy_bundle, "cpu")


def test_the_networks_take_what_the_architecture_says():
    from DeepVolumetryLib.engine.statistics import normalize_by_instance
    from RenalParenchymaLib.networks import STRIDE, architecture, build

    for name in ("localizer", "refiner"):
        network = build(architecture(name))
        normalize_by_instance(network)
        with torch.inference_mode():
            assert network.eval()(torch.randn(1, 1, STRIDE, STRIDE, 2 * STRIDE)).shape == (1, 5, STRIDE, STRIDE, 2 * STRIDE)


@pytest.fixture
def draw_phantom(any_phantom, any_grid):
    return lambda direction: any_phantom(any_grid((3.0, 3.5, 3.5), (110, 66, 66), direction))
