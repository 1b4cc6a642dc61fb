"""The frame of a femur is found whatever its grid, side and length; its planes divide the mask without a rest."""

import json

import numpy as np
import pytest
from femur_toys import HEAD_RADIUS, NECK_RADIUS, toy_femur
from scipy.spatial.transform import Rotation

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image
from FemurQCTLib.regions import REGIONS, TOTAL_HIP, Frame, Plane, default_planes, divide, fit_frame, planes_from_dict, planes_to_dict


def degrees(a, b) -> float:
    return float(np.degrees(np.arccos(np.clip(np.dot(a, b), -1, 1))))


def turned(*angles) -> np.ndarray:
    return Rotation.from_euler("xyz", angles, degrees=True).as_matrix()


OBLIQUE = turned(20, -15, 35)
CASES = {
    "upright left": {},
    "upright right": {"side": "right"},
    "turned left": {"turn": turned(8, -6, 10)},
    "turned right, oblique grid": {"side": "right", "turn": turned(-7, 5, -12), "direction": OBLIQUE},
    "left-handed grid": {"direction": turned(5, 0, 90) @ np.diag([1, -1, 1])},
    "thick slices": {"spacing": (0.8, 0.8, 3.0)},
    "retroverted": {"anteversion": -10.0, "neck_shaft_angle": 132.0},
}


@pytest.mark.parametrize("name", CASES)
def test_head_axes_and_lesser_trochanter_are_where_they_were_drawn(name):
    femur = toy_femur(**CASES[name])
    frame = fit_frame(femur.mask.voxels, femur.mask, CASES[name].get("side", "left"))
    assert np.linalg.norm(frame.head_center - femur.head) < 1
    assert frame.head_radius == pytest.approx(HEAD_RADIUS, abs=0.7)
    assert degrees(frame.shaft_axis, femur.shaft) < 1
    assert degrees(frame.neck_axis, femur.neck) < 3
    assert frame.neck_radius == pytest.approx(NECK_RADIUS, rel=0.05)
    assert np.dot(frame.shaft_point - femur.lesser, femur.shaft) == pytest.approx(0, abs=2.5)
    assert frame.lesser_trochanter_level == pytest.approx(-51, abs=2.5)
    assert frame.neck_shaft_angle == pytest.approx(femur.neck_shaft_angle, abs=3)
    assert frame.shaft_length == pytest.approx(70, abs=4)
    assert not frame.warnings


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("anteversion", [-5.0, 15.0, 30.0])
def test_anteversion_is_positive_to_the_front_on_either_side(side, anteversion):
    femur = toy_femur(side, anteversion=anteversion)
    assert fit_frame(femur.mask.voxels, femur.mask, side).anteversion == pytest.approx(anteversion, abs=2.5)


def test_a_femur_cut_below_its_lesser_trochanter_still_has_a_frame():
    femur = toy_femur(below=20, turn=turned(5, 4, 0))
    frame = fit_frame(femur.mask.voxels, femur.mask, "left")
    assert degrees(frame.shaft_axis, femur.shaft) < 6
    assert np.dot(frame.shaft_point - femur.lesser, femur.shaft) == pytest.approx(0, abs=4)
    assert not frame.warnings
    short = toy_femur(below=6)
    assert (
        "below the lesser trochanter: the direction of its shaft is uncertain"
        in fit_frame(short.mask.voxels, short.mask, "left").warnings[0]
    )


def test_specks_beside_the_femur_change_nothing():
    femur = toy_femur()
    clean = fit_frame(femur.mask.voxels, femur.mask, "left")
    voxels = femur.mask.voxels.copy()
    voxels[2:6, 2:6, 2:6] = True
    frame = fit_frame(voxels, femur.mask, "left")
    assert np.linalg.norm(np.subtract(frame.head_center, clean.head_center)) < 0.3
    assert degrees(frame.neck_axis, clean.neck_axis) < 0.5
    assert degrees(frame.shaft_axis, clean.shaft_axis) < 0.5


def test_what_is_no_femur_is_refused_in_words():
    femur = toy_femur()
    with pytest.raises(InputError, match="The mask of the left femur is empty"):
        fit_frame(np.zeros(femur.mask.shape, bool), femur.mask, "left")
    with pytest.raises(InputError, match="Is it the other femur"):
        fit_frame(femur.mask.voxels, femur.mask, "right")
    beheaded = femur.mask.voxels.copy()
    k = np.indices(femur.mask.shape)[0] * femur.mask.spacing[2] + femur.mask.ijk_to_ras[2, 3]
    beheaded[k > 25] = False
    with pytest.raises(InputError, match="shows no round head"):
        fit_frame(beheaded, femur.mask, "left")
    with pytest.raises(InputError, match="left or right"):
        fit_frame(femur.mask.voxels, femur.mask, "both")


@pytest.mark.parametrize("name", ["upright left", "turned right, oblique grid"])
def test_the_regions_are_the_femur_without_a_rest(name):
    femur = toy_femur(**CASES[name])
    frame = fit_frame(femur.mask.voxels, femur.mask, CASES[name].get("side", "left"))
    parts = divide(femur.mask.voxels, femur.mask, frame)
    assert np.array_equal(sum(parts[r].astype(int) for r in REGIONS), femur.mask.voxels.astype(int))
    assert np.array_equal(parts[TOTAL_HIP], parts["neck"] | parts["trochanteric"])
    volumes = {name: part.sum() * femur.mask.voxel_ml for name, part in parts.items()}
    # the head is a ball that its plane cuts at half a radius: 27/32 of it
    assert volumes["head"] == pytest.approx(4 / 3 * np.pi * 2.4**3 * 27 / 32, rel=0.06)
    assert 5 < volumes["neck"] < 30
    assert volumes["shaft"] == pytest.approx(np.pi * 1.5**2 * (7.0 - 1.5), rel=0.08)
    assert volumes["trochanteric"] > volumes["neck"]


def test_a_dragged_plane_moves_volume_to_its_neighbor():
    femur = toy_femur()
    frame = fit_frame(femur.mask.voxels, femur.mask, "left")
    planes = default_planes(frame)
    lower = Plane(tuple(np.array(planes["shaft_top"].origin) - 10 * np.array(frame.shaft_axis)), planes["shaft_top"].normal)
    before, after = (
        divide(femur.mask.voxels, femur.mask, frame),
        divide(femur.mask.voxels, femur.mask, frame, planes | {"shaft_top": lower}),
    )
    moved = (after["trochanteric"].sum() - before["trochanteric"].sum()) * femur.mask.voxel_ml
    assert moved == pytest.approx(np.pi * 1.5**2 * 1.0, rel=0.1)
    assert np.array_equal(before["head"], after["head"])


def test_planes_and_frames_survive_being_stored():
    femur = toy_femur()
    frame = fit_frame(femur.mask.voxels, femur.mask, "left")
    assert Frame.from_dict(json.loads(json.dumps(frame.to_dict()))) == frame
    planes = default_planes(frame)
    again = planes_from_dict(json.loads(json.dumps(planes_to_dict(planes))))
    assert again.keys() == planes.keys()
    for name, plane in planes.items():
        assert np.allclose(again[name].origin, plane.origin) and np.allclose(again[name].normal, plane.normal)
    with pytest.raises(InputError, match="The plane shaft_top"):
        planes_from_dict({name: value for name, value in planes_to_dict(planes).items() if name != "shaft_top"})
    with pytest.raises(InputError, match="the normal not zero"):
        planes_from_dict(planes_to_dict(planes) | {"neck_base": {"origin": [0, 0, 0], "normal": [0, 0, 0]}})


def test_an_empty_mask_divides_into_empty_regions():
    femur = toy_femur()
    frame = fit_frame(femur.mask.voxels, femur.mask, "left")
    parts = divide(np.zeros((4, 5, 6), bool), Image.from_spacing(np.zeros((4, 5, 6)), (1, 1, 1)), frame)
    assert not any(part.any() for part in parts.values())
