"""A pelvis from spheres, tubes and plates, for phantoms that ship without anybody's label map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image

from .context import ARTERY, BLADDER, BODY_STEP_MM, BONE_STEP_MM, BOWEL, FILL, MUSCLE, OUTSIDE, VEIN, Context

_SPACING_MM = 2.0
_LOW, _HIGH = (-210.0, -150.0, -170.0), (210.0, 130.0, 190.0)


def procedural_context(seed: int = 0) -> Context:
    """Surroundings of hips whose heads lie at S = 0, A = 0; the same seed gives the same person."""
    rng = np.random.default_rng([17, seed])
    size = [round((high - low) / _SPACING_MM) for low, high in zip(_LOW, _HIGH, strict=True)]
    grid = Image.from_spacing(np.broadcast_to(np.uint8(0), size[::-1]), (_SPACING_MM,) * 3, _LOW)
    r, a, s = (np.float32(low) + np.float32(_SPACING_MM) * np.arange(n, dtype=np.float32) for low, n in zip(_LOW, size, strict=True))
    place = (r[None, None, :], a[None, :, None], s[:, None, None])
    apart = float(rng.uniform(82, 92))
    radius = float(rng.uniform(22.5, 25.0))
    wide = float(rng.uniform(0.92, 1.1))

    bones = np.full(grid.shape, np.float32(60))
    for sign in (-1.0, 1.0):
        np.minimum(bones, _hip(place, sign, apart, radius, wide, rng), out=bones)
    np.minimum(bones, _tube(place, (0, -62, 118), (0, -88, 62), 30, 16), out=bones)  # sacrum
    np.minimum(bones, _tube(place, (0, -88, 62), (0, -78, 22), 12, 7), out=bones)
    np.minimum(bones, _tube(place, (0, -38, 200), (0, -52, 128), 24, 24), out=bones)  # last lumbar vertebrae
    symphysis = _tube(place, (0, 48, -22), (0, 42, -48), 3, 3)
    np.maximum(bones, -symphysis, out=bones)

    body = _body(place, apart, wide)
    groups = np.where(body <= 0, np.uint8(FILL), np.uint8(OUTSIDE))
    inner = (((place[0]) / 80) ** 2 + ((place[1] + 15) / 62) ** 2 < 1) & (place[2] > -5) & (body <= 0)
    groups[inner] = BOWEL
    groups[(place[0] / 36) ** 2 + ((place[1] - 25) / 28) ** 2 + ((place[2] - 8) / 26) ** 2 < 1] = BLADDER
    for sign in (-1.0, 1.0):
        muscle = _tube(place, (sign * 95 * wide, -80, 90), (sign * (apart + 25), -62, -40), 42, 34)
        muscle = np.minimum(muscle, _tube(place, (sign * 45, 5, 190), (sign * (apart - 5), 28, 5), 22, 16))
        groups[(muscle < 0) & (body <= 0)] = MUSCLE
        for value, shift in ((ARTERY, 0.0), (VEIN, 11.0)):
            vessel = _tube(place, (sign * (22 + shift / 2), -12, 130), (sign * (apart - 14 - shift), 38, 20), 5, 5)
            groups[vessel < 0] = value
    heads = {"left": np.array([-apart, 0.0, 0.0]), "right": np.array([apart, 0.0, 0.0])}
    return Context(
        f"procedural {seed}",
        Image(groups.astype(np.uint8), grid.ijk_to_ras),
        Image(np.clip(np.rint(ndimage.gaussian_filter(bones, 0.6) / BONE_STEP_MM), -127, 127).astype(np.int8), grid.ijk_to_ras),
        Image(np.clip(body / BODY_STEP_MM, 0, 120).astype(np.int8), grid.ijk_to_ras),
        heads,
        radius,
    )


def _hip(
    place: tuple[NDArray, ...], sign: float, apart: float, radius: float, wide: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Signed distance to one hip bone: socket, wing, pubis and ischium."""

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return sign * x, y, z

    head = at(apart, 0, 0)
    ball = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(place, head, strict=True)))
    # The socket opens to the side, forward and down; what is beyond its rim is no bone.
    opening = sign * (place[0] - head[0]) * 0.72 + (place[1] - head[1]) * 0.3 - (place[2] - head[2]) * 0.62
    socket = np.maximum(np.maximum(ball - (radius + 9), (radius + 3) - ball), opening - float(rng.uniform(2, 8)))
    wing = _plate(place, at(apart * 0.98, -12, 22), at(128 * wide, -5, 128), at(58 * wide, -72, 112), 5.5)
    parts = (
        socket,
        wing,
        _tube(place, at(apart - 12, -4, 22), at(apart + 4, -14, 45), 13, 10),
        _tube(place, at(apart - 28, 12, 2), at(10, 46, -26), 9, 10),
        _tube(place, at(apart - 22, -24, -14), at(apart - 30, -46, -62), 13, 14),
        _tube(place, at(apart - 30, -44, -64), at(14, 36, -44), 8, 7),
        _tube(place, at(58 * wide, -72, 112), at(40, -82, 80), 12, 9),
    )
    result = parts[0]
    for part in parts[1:]:
        result = np.minimum(result, part)
    return np.maximum(result, (radius + 3) - ball)


def _tube(place: tuple[NDArray, ...], start: tuple[float, ...], end: tuple[float, ...], first: float, last: float) -> NDArray[np.float32]:
    """Signed distance to a tube whose radius goes from ``first`` to ``last``."""
    a, b = np.array(start, np.float32), np.array(end, np.float32)
    along = b - a
    share = sum((axis - p) * step for axis, p, step in zip(place, a, along, strict=True)) / float(along @ along)
    share = np.clip(share, 0, 1)
    away = np.sqrt(sum((axis - p - share * step) ** 2 for axis, p, step in zip(place, a, along, strict=True)))
    return np.asarray(away - (first + (last - first) * share), np.float32)


def _plate(
    place: tuple[NDArray, ...], a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...], half: float
) -> NDArray[np.float32]:
    """Signed distance to a triangle with rounded rim, ``half`` mm to either side."""
    p, q, r = (np.array(corner, np.float32) for corner in (a, b, c))
    across = np.cross(q - p, r - p)
    across /= np.linalg.norm(across)
    height = sum((axis - x) * n for axis, x, n in zip(place, p, across, strict=True))
    outside = np.full(height.shape, np.float32(-1e3))
    for start, end in ((p, q), (q, r), (r, p)):
        out = np.cross(end - start, across)
        out /= np.linalg.norm(out)
        outside = np.maximum(outside, sum((axis - x) * n for axis, x, n in zip(place, start, out, strict=True)))
    return np.asarray(np.maximum(np.abs(height) - half, outside - 14.0), np.float32)


def _body(place: tuple[NDArray, ...], apart: float, wide: float) -> NDArray[np.float32]:
    """Millimeters outside of the muscles' hull: an oval trunk above, two thighs below."""
    r, a, s = place
    trunk = (np.sqrt((r / (158 * wide)) ** 2 + ((a + 12) / 98) ** 2) - 1) * 100 + np.maximum(0, -12 - s) * 3
    thighs = [np.sqrt((r - sign * (apart + 4)) ** 2 + (a + 12) ** 2) - 80 + 0.08 * np.minimum(s, 0) * -1 for sign in (-1, 1)]
    below = np.minimum(thighs[0], thighs[1]) + np.maximum(0, s - 30) * 3
    return np.asarray(np.maximum(np.minimum(trunk, below), 0), np.float32)
