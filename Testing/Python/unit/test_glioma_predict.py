"""Members of every method on a head made of balls: right volumes, nested, repeatable, in any order, in constant memory."""

from __future__ import annotations

import glioma_toys
import numpy as np
import pytest
import torch

from DeepVolumetryLib.bundle import Bundle
from DeepVolumetryLib.engine.device import Device
from DeepVolumetryLib.errors import Cancelled, ResourceError
from GliomaUncertaintyLib.labels import TARGETS
from GliomaUncertaintyLib.methods import members
from GliomaUncertaintyLib.networks import build, fused
from GliomaUncertaintyLib.parameters import METHODS, Parameters
from GliomaUncertaintyLib.predict import Predictor, _with_neighbors
from GliomaUncertaintyLib.stack import Stack


@pytest.fixture
def a_predictor(a_glioma_bundle):
    bundle = Bundle.open(a_glioma_bundle)
    networks = {}
    for name, arguments in bundle.inference["networks"].items():
        networks[name] = build(arguments)
        networks[name].load_state_dict({key: value.float() for key, value in bundle.state_dict(name).items()})
        fused(networks[name])
    return Predictor(networks, Device("cpu"))


@pytest.fixture
def a_stack(a_glioma_head):
    return Stack(a_glioma_head, a_glioma_head["t1"].voxels > 0)


def predicted(predictor, stack, ways=None, **parameters):
    return predictor.predict(stack, ways or members(Parameters(**parameters), stack.points, tuple(predictor.networks)))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_tumor_and_keeps_its_parts_nested(a_predictor, a_stack, method):
    found = predicted(a_predictor, a_stack, method=method)
    mean = a_stack.volume(found.statistics.mean)
    assert mean.shape == (3, *a_stack.grid.shape)
    whole, core, enhancing = mean
    assert (enhancing <= core + 1e-6).all() and (core <= whole + 1e-6).all()
    for target, values in zip(TARGETS, mean, strict=True):
        volume = float((values > 0.5).sum() * a_stack.grid.voxel_ml)
        assert volume == pytest.approx(glioma_toys.VOLUME_ML[target], rel=0.15)


@pytest.mark.parametrize(("method", "count"), [("spu", 10), ("unet", 1), ("tta", 10), ("lsu", 10), ("mcdropout", 10), ("ensemble", 3)])
def test_each_member_has_a_volume(a_predictor, a_stack, method, count):
    found = predicted(a_predictor, a_stack, method=method)
    assert found.member_ml.shape == (count, 3)
    assert (found.member_ml[:, 0] > 0.5 * glioma_toys.VOLUME_ML["WT"]).all()
    assert (np.diff(found.member_ml, axis=1) <= 0).all()


def test_the_tumor_comes_back_where_it_is(a_predictor, a_stack):
    mean = a_stack.volume(predicted(a_predictor, a_stack).statistics.mean)
    middle = np.argwhere(mean[0] > 0.5).mean(axis=0)[::-1]
    np.testing.assert_allclose((a_stack.grid.ijk_to_ras @ (*middle, 1))[:3], glioma_toys.TUMOR_RAS_MM, atol=0.7)


@pytest.mark.parametrize("method", ["spu", "lsu", "tta", "mcdropout", "ensemble"])
def test_the_order_of_members_changes_nothing(a_predictor, a_stack, method):
    ways = members(Parameters(method=method, members=5), a_stack.points, tuple(a_predictor.networks))
    one, other = predicted(a_predictor, a_stack, ways), predicted(a_predictor, a_stack, ways[::-1])
    for attribute in ("mean", "variance"):
        np.testing.assert_allclose(getattr(other.statistics, attribute), getattr(one.statistics, attribute), atol=1e-6)
    np.testing.assert_allclose(np.sort(other.member_ml, axis=0), np.sort(one.member_ml, axis=0), atol=1e-9)


@pytest.mark.parametrize("method", ["spu", "mcdropout"])
def test_the_same_seed_gives_the_same_bytes(a_predictor, a_stack, method):
    one, other = (predicted(a_predictor, a_stack, method=method, members=4, seed=7) for _ in range(2))
    assert one.statistics.mean.tobytes() == other.statistics.mean.tobytes()
    assert one.member_ml.tobytes() == other.member_ml.tobytes()


@pytest.mark.parametrize("method", ["tta", "mcdropout"])
def test_another_seed_looks_in_other_ways(a_predictor, a_stack, method):
    one, other = (predicted(a_predictor, a_stack, method=method, members=4, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.statistics.mean, other.statistics.mean)


def test_dropout_is_off_again_after_its_method(a_predictor, a_stack):
    before = predicted(a_predictor, a_stack, method="unet").statistics.mean
    predicted(a_predictor, a_stack, method="mcdropout", members=2)
    np.testing.assert_array_equal(predicted(a_predictor, a_stack, method="unet").statistics.mean, before)


@pytest.mark.parametrize("method", METHODS)
def test_the_first_member_is_the_image_as_it_is(a_stack, method):
    first = members(Parameters(method=method), a_stack.points)[0]
    assert first.projection.magnification == 1 and not first.projection.mirrored and first.gain == first.bend == 1


def test_what_a_linear_member_did_not_see_does_not_count(a_predictor, a_stack):
    """Two members, of which the second sees a quarter of the head far from the tumor: the tumor is that of the first."""
    ways = members(Parameters(method="lsu"), a_stack.points)
    alone = predicted(a_predictor, a_stack, ways[:1])
    both = predicted(a_predictor, a_stack, [ways[0], ways[7]])  # rear right: behind the tumor's slices, left of it
    assert both.statistics.variance.max() > 0
    assert both.member_ml[1, 0] > 0.8 * alone.member_ml[0, 0]


def test_neighbors_are_two_millimeters_away_whatever_the_slices():
    slices = torch.arange(6.0).reshape(1, 1, 6, 1).expand(1, 1, 6, 4)
    for step, below, above in ((1.0, 0, 4), (2.0, 1, 3), (0.8, None, 4.5), (4.0, 1.5, 2.5)):
        channels = _with_neighbors(slices, 2, 3, step)[0, :, 0, 0]
        assert channels[4:8].tolist() == [2.0] * 4
        assert channels[8].item() == pytest.approx(above, abs=1e-4)
        if below is not None:
            assert channels[0].item() == pytest.approx(below, abs=1e-4)


def test_beyond_the_brain_there_is_nothing():
    slices = torch.ones(1, 1, 3, 4)
    assert _with_neighbors(slices, 0, 3, 2.0)[:, ::4, 0, 0].tolist() == [[0, 1, 1], [1, 1, 1], [1, 1, 0]]


def test_the_size_of_a_batch_changes_nothing(a_predictor, a_stack, monkeypatch):
    one = predicted(a_predictor, a_stack, members=2)
    monkeypatch.setattr("GliomaUncertaintyLib.predict._BATCH", {"cpu": 3})
    np.testing.assert_allclose(predicted(a_predictor, a_stack, members=2).statistics.mean, one.statistics.mean, atol=1e-5)


def test_short_memory_is_answered_by_smaller_batches_and_told(a_predictor, a_stack, monkeypatch):
    network, forward = a_predictor.networks["unet"], a_predictor.networks["unet"].forward
    plain = predicted(a_predictor, a_stack, members=1).statistics.mean

    def only_small(batch):
        if len(batch) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return forward(batch)

    monkeypatch.setattr(network, "forward", only_small)
    found = predicted(a_predictor, a_stack, members=1)
    np.testing.assert_allclose(found.statistics.mean, plain, atol=1e-5)
    assert found.warnings == ["The memory of cpu was short, so fewer slices were segmented at once."]


def test_no_memory_at_all_is_an_error_that_says_what_to_do(a_predictor, a_stack, monkeypatch):
    def never(batch):
        raise MemoryError

    monkeypatch.setattr(a_predictor.networks["unet"], "forward", never)
    with pytest.raises(ResourceError, match="Close other programs"):
        predicted(a_predictor, a_stack, members=1)


def test_progress_grows_and_cancel_ends_the_work(a_predictor, a_stack):
    told = []

    def update(fraction):
        told.append(fraction)
        if fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        a_predictor.predict(a_stack, members(Parameters(members=3), a_stack.points), update)
    assert told == sorted(told) and 0 < told[0] < 0.1 and told[-1] < 0.5


def test_a_missing_sequence_is_seen_as_its_mean(a_glioma_head):
    brain = a_glioma_head["t1"].voxels > 0
    without = Stack({name: a_glioma_head[name] for name in ("t1ce", "flair")}, brain)
    assert not without.values[:, :, [0, 2]].any()
    np.testing.assert_array_equal(without.values[:, :, [1, 3]], Stack(a_glioma_head, brain).values[:, :, [1, 3]])


def test_values_of_the_brain_go_back_to_their_places(a_stack):
    index = np.arange(1, len(a_stack.voxels) + 1, dtype=np.float32)
    volume = a_stack.volume(index[None])[0]
    np.testing.assert_array_equal(volume > 0, a_stack.brain)
    by_stack = volume.reshape(len(volume), -1)[:, a_stack.silhouette].T.reshape(-1)[a_stack.voxels]
    np.testing.assert_array_equal(by_stack, index)
