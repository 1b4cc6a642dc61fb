"""Tiles, members and devices, with real networks on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from DeepVolumetryLib.engine.device import Device, choose_device, is_out_of_memory
from DeepVolumetryLib.engine.tiles import TilePredictor, blend_weights, plan_tiles
from DeepVolumetryLib.errors import Cancelled, InputError, ResourceError

CPU = Device("cpu")
sizes = st.tuples(*[st.integers(1, 40)] * 3)


@pytest.fixture
def a_network():
    torch.manual_seed(0)
    return torch.nn.Conv3d(1, 3, 3, padding=1).eval()


@pytest.fixture
def a_volume():
    return torch.rand(1, 20, 37, 50, generator=torch.Generator().manual_seed(1))


class WithLittleMemory(torch.nn.Module):
    """A network on a device that has room for tiles of so many voxels only."""

    def __init__(self, network, voxels, error=None):
        super().__init__()
        self.network, self.voxels, self.seen = network, voxels, []
        self.error = error or torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def forward(self, batch):
        self.seen.append(tuple(batch.shape[2:]))
        if batch[0, 0].numel() > self.voxels:
            raise self.error
        return self.network(batch)


@given(shape=sizes, tile=sizes, overlap=st.floats(0, 0.9), multiple=st.integers(1, 16))
@settings(max_examples=200, deadline=None)
def test_tiles_cover_every_voxel_and_overlap_as_asked(shape, tile, overlap, multiple):
    plan = plan_tiles(shape, tile, overlap, multiple)
    assert all(side % multiple == 0 for side in plan.size)
    for axis in range(3):
        starts = sorted({start[axis] for start in plan.starts})
        assert starts[0] == 0 and starts[-1] + plan.size[axis] >= shape[axis]
        if len(starts) > 1:
            assert starts[-1] + plan.size[axis] == shape[axis]
            assert max(np.diff(starts)) <= max(int(plan.size[axis] * (1 - overlap)), 1)
            assert plan.size[axis] <= max(tile[axis], multiple)


def test_a_volume_that_fits_is_one_tile():
    plan = plan_tiles((20, 37, 50), None, multiple=16)
    assert (plan.size, plan.starts) == ((32, 48, 64), ((0, 0, 0),))


@pytest.mark.parametrize("arguments", [((0, 1, 1), None), ((4, 4, 4), (0, 4, 4)), ((4, 4, 4), (2, 2, 2), 1.0)])
def test_impossible_tiles_are_refused(arguments):
    with pytest.raises(ValueError, match="cannot tile"):
        plan_tiles(*arguments)


def test_the_middle_of_a_tile_counts_most():
    weights = blend_weights((9, 9, 9))
    assert weights.max() == weights[4, 4, 4] == 1
    assert weights.min() == weights[0, 0, 0] == pytest.approx(1e-3)
    assert blend_weights((2, 3, 4), "plain").sum() == 24


@pytest.mark.parametrize("blend", ["gaussian", "plain"])
def test_tiles_give_what_the_whole_volume_gives(a_volume, blend):
    network = torch.nn.Conv3d(1, 2, 1).eval()
    whole = TilePredictor(network, CPU)(a_volume)
    tiled = TilePredictor(network, CPU, tile=(16, 16, 16), blend=blend)(a_volume)
    assert whole.shape == tiled.shape == (2, 20, 37, 50)
    assert torch.allclose(whole, tiled, atol=1e-6)


def test_probabilities_stay_probabilities_where_tiles_overlap(a_network, a_volume):
    probability = TilePredictor(a_network, CPU, tile=(16, 32, 32), activation=lambda x: x.softmax(1))(a_volume)
    assert torch.allclose(probability.sum(0), torch.ones(20, 37, 50), atol=1e-5)
    assert probability.min() >= 0


def test_the_same_input_gives_the_same_bytes(a_network, a_volume):
    first, second = (TilePredictor(a_network, CPU, tile=(16, 32, 32))(a_volume).numpy().tobytes() for _ in range(2))
    assert first == second


def test_the_output_may_be_changed_in_place(a_network, a_volume):
    for tile in (None, (16, 16, 16)):
        output = TilePredictor(a_network, CPU, tile=tile)(a_volume)
        output += 1


def test_each_tile_is_progress_and_a_place_to_stop(a_network, a_volume):
    fractions = []
    TilePredictor(a_network, CPU, tile=(32, 32, 32))(a_volume, fractions.append)
    assert fractions == sorted(fractions) and fractions[-1] == 1 and len(fractions) == 4

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        TilePredictor(a_network, CPU)(a_volume, stop)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes."),
        MemoryError(),
    ],
)
def test_short_memory_halves_the_tile_and_says_so(a_network, a_volume, error):
    network = WithLittleMemory(a_network, 32 * 32 * 32, error)
    predictor = TilePredictor(network, CPU)
    output = predictor(a_volume)
    assert network.seen[:4] == [(32, 48, 64), (32, 48, 32), (32, 32, 32), (32, 32, 32)]
    assert predictor.warnings == ["The memory of cpu was short, so the image was segmented in smaller pieces."]
    inner = (slice(None), slice(1, -1), slice(1, -1), slice(1, -1))
    assert torch.allclose(output[inner], TilePredictor(a_network, CPU)(a_volume)[inner], atol=0.5)


def test_the_next_volume_starts_with_the_tile_that_fitted(a_network, a_volume):
    network = WithLittleMemory(a_network, 32 * 32 * 32)
    predictor = TilePredictor(network, CPU)
    predictor(a_volume)
    network.seen.clear()
    predictor(a_volume)
    assert set(network.seen) == {(32, 32, 32)}


def test_a_device_without_room_hands_over_to_the_cpu_and_says_so(a_network, a_volume):
    class Graphics(WithLittleMemory):
        """Has no memory at all until it is moved to the CPU."""

        def to(self, *arguments):
            self.voxels = float("inf")
            return super().to(*arguments)

    # "meta" stands for a graphics card: torch always has it, and it is not the CPU.
    predictor = TilePredictor(Graphics(a_network, 0), Device("meta"))
    output = predictor(a_volume)
    assert predictor.device.name == "cpu" and output.shape == (3, 20, 37, 50)
    assert predictor.warnings[-1] == "The graphics memory did not suffice, so the segmentation ran on the CPU."


def test_a_computer_without_room_says_what_to_do(a_network, a_volume):
    with pytest.raises(ResourceError, match=r"The memory was not enough to segment this image\. Close other programs"):
        TilePredictor(WithLittleMemory(a_network, 0), CPU)(a_volume)


def test_other_errors_of_a_network_are_not_taken_for_short_memory(a_network):
    with pytest.raises(RuntimeError, match="channels"):
        TilePredictor(a_network, CPU)(torch.zeros(2, 4, 4, 4))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_the_cpu_computes_in_single_precision_unless_asked(monkeypatch):
    assert choose_device("cpu") == Device("cpu", torch.float32)
    monkeypatch.setenv("DEEPVOLUMETRY_CPU_PRECISION", "bfloat16")
    assert choose_device("cpu").precision == torch.bfloat16


def test_automatic_takes_the_best_device_that_is_there():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").kind == expected


@pytest.mark.parametrize("wish", ["cuda:99", "tpu", ""])
def test_a_device_that_is_not_there_is_refused_with_a_way_out(wish):
    with pytest.raises(InputError, match="There is no device"):
        choose_device(wish)
