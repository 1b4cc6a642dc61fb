"""What travels between the worker and its client arrives as it left."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from DeepVolumetryLib.engine import protocol, shared
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.measure.measurement import Measurement
from DeepVolumetryLib.result import Code, Provenance, Result, SegmentSpec
from DeepVolumetryLib.uncertainty.regions import ReviewRegion

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


def over_the_wire(value, known=None):
    arrays: list = []
    line = protocol.to_line({"type": "x", "value": protocol.encode(value, arrays, known)})
    assert line.count(b"\n") == 1
    return protocol.decode(protocol.from_line(line)["value"], arrays, known)


@given(values)
def test_plain_values_arrive_as_they_left(value):
    assert over_the_wire(value) == value


def test_a_whole_result_arrives_as_it_left():
    image = Image.from_spacing(np.zeros((2, 3, 4), np.int16), (1, 2, 3), modality="MR", uid="1.2", name="T2 α")
    organ = Code("SCT", "64033007", "Kidney")
    spec = SegmentSpec("left_kidney", "Left kidney", (1, 2, 3), organ, organ, modifier=Code("SCT", "7771000", "Left"), parent="body")
    result = Result(
        image=image,
        specs=(spec,),
        segments={"left_kidney": np.ones((2, 3, 4), bool)},
        probability={"kidney": np.full((2, 3, 4), 0.5, np.float32)},
        uncertainty={},
        measurements=[Measurement("left_kidney", "Volume", math.inf, "mL", np.float64(1.5), None, 0.95, organ, "words")],
        regions=[ReviewRegion(1, "kidney", 0.5, (1.0, 2.0, 3.0), 2.0, ((0, 0, 0), (1, 1, 1)), "fixed")],
        provenance=Provenance("renal", "1", parameters={"members": 4, "sex": ""}, seconds={"total": 1.5}),
        warnings=["careful"],
        extras={"table": {"2": [1, 2, None]}, "$odd": (1, {3: "x"})},
    )
    arrived = over_the_wire(result)
    assert arrived.specs == result.specs
    assert arrived.measurements == result.measurements
    assert arrived.regions == result.regions
    assert arrived.provenance == result.provenance
    assert (arrived.warnings, arrived.extras) == (result.warnings, result.extras)
    assert np.array_equal(arrived.segments["left_kidney"], result.segments["left_kidney"])
    assert (arrived.image.modality, arrived.image.uid, arrived.image.name) == ("MR", "1.2", "T2 α")
    assert np.array_equal(arrived.image.ijk_to_ras, image.ijk_to_ras)


def test_arrays_that_the_other_side_has_are_not_sent():
    voxels = np.zeros((4, 4, 4))
    arrays: list = []
    encoded = protocol.encode({"same": voxels, "view": voxels[:2], "copy": voxels.copy()}, arrays, {"volume": voxels})
    assert encoded["same"] == {"$known": "volume"} and len(arrays) == 2
    assert protocol.decode(encoded, arrays, {"volume": voxels})["same"] is voxels


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", np.dtype(float), [lambda: 0]])
def test_what_cannot_travel_is_refused_by_name(value):
    with pytest.raises(TypeError, match="cannot travel between the worker and its client"):
        protocol.encode(value, [])


def test_a_class_of_another_project_cannot_travel_under_a_known_name():
    from dataclasses import make_dataclass

    with pytest.raises(TypeError, match="cannot travel"):
        protocol.encode(make_dataclass("Code", ["scheme"])("SCT"), [])


@pytest.mark.parametrize("line", [b"", b"\xff\xfe", b"{", b"[1]", b'"text"', b"{}", b'{"type": 1}', b"[" * 100_000])
def test_a_line_that_is_no_message_is_none(line):
    assert protocol.from_line(line) is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        hnp.arrays(st.sampled_from([np.uint8, np.int16, np.float32, np.float64, bool, ">f4"]), hnp.array_shapes(min_dims=0, min_side=0)),
        max_size=4,
    )
)
def test_arrays_go_through_shared_memory_unchanged(arrays):
    name = shared.new_name()
    memory, places = shared.write(name, arrays)
    arrived = shared.read(name, places)
    memory.close()
    for array, other in zip(arrays, arrived, strict=True):
        assert array.dtype == other.dtype and array.shape == other.shape
        assert array.tobytes() == other.tobytes()


def test_a_block_is_gone_once_it_was_read_and_its_arrays_are_not():
    name = shared.new_name()
    memory, places = shared.write(name, [np.arange(1000)])
    array = shared.read(name, places)[0][10:20]
    memory.close()
    assert not Path(f"/dev/shm/{name}").exists()
    assert array.tolist() == list(range(10, 20))


def test_a_block_can_be_discarded_at_any_time_and_twice():
    name = shared.new_name()
    memory, places = shared.write(name, [np.arange(3)])
    shared.discard(name)
    shared.discard(name)
    with pytest.raises(FileNotFoundError):
        shared.read(name, places)
    memory.close()


def test_objects_are_not_shared():
    with pytest.raises(TypeError, match="Python objects"):
        shared.write(shared.new_name(), [np.array([object()])])


def test_more_than_the_shared_memory_holds_is_refused():
    from DeepVolumetryLib.errors import ResourceError

    huge = np.broadcast_to(np.float64(0), (10**5, 10**5, 10**3))
    with pytest.raises(ResourceError, match="of shared memory"):
        shared.write(shared.new_name(), [huge])


@pytest.mark.parametrize("dtype", [bool, np.float32, np.int16])
@pytest.mark.parametrize(
    "box", [np.s_[10:14, 30:40, 5:9], np.s_[0:1, 0:1, 0:1], np.s_[-1:, -1:, -1:], np.s_[:, :, :], np.s_[0:0, 0:0, 0:0]]
)
def test_masks_of_small_organs_are_sent_as_their_box_and_arrive_whole(box, dtype):
    mask = np.zeros((40, 100, 300), dtype)
    mask[box] = 1
    name = shared.new_name()
    memory, places = shared.write(name, [mask], boxes=True)
    arrived = shared.read(name, places)[0]
    assert arrived.dtype == dtype and np.array_equal(arrived, mask)
    if mask.mean() < 0.5 and mask.nbytes > 1 << 20:
        assert memory.size < mask.nbytes / 2
    memory.close()
    arrived[:] = 2
