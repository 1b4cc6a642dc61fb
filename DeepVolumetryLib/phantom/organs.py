"""The organs of the procedural torso, painted group by group. Coordinates: RAS mm from the body of L2, x to the right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Wobble, all_but, along, only
from .habitus import Habitus
from .kidney import Kidney
from .label_names import FAT, MUSCLE

# Vertebra: value, height of its middle, half height, half width of its body.
_VERTEBRAE = (
    (104, -106, 15, 27),
    (103, -71, 15, 26),
    (102, -35.5, 15, 25),
    (101, 0, 14.5, 24),
    (100, 34, 14, 22.5),
    (109, 66, 13, 21),
    (108, 95, 12.5, 20),
    (107, 122, 12, 19),
    (117, 148, 12, 18.5),
    (116, 174, 12, 18),
)


def spine_y(z: NDArray | float) -> NDArray:
    """Front-back place of the vertebral bodies: lordosis below, kyphosis above."""
    return np.asarray(np.interp(z, (-230, -190, -125, -70, 0, 60, 130, 190), (-60, -68, -18, 6, 0, -14, -26, -30)))


def _diaphragm(body: Habitus, x: NDArray, y: NDArray) -> NDArray:
    """Height of the lung bases: two domes that fall off toward the wall."""
    across = np.abs(x) / (1.05 * body.width)
    depth = (y - body.back - body.depth) / (1.08 * body.depth)
    fall = np.clip(across**2.3 + np.abs(depth) ** 2.3, 0, 1) ** 1.5
    top = np.float32(112) + 14 * np.tanh(x / 40)
    return body.scale * (top - 95 * fall * (1 - 0.35 * np.clip(depth, 0, 1)))


def _squared(x: NDArray, y: NDArray, z: NDArray, center: NDArray, radii: NDArray) -> NDArray:
    return ((x - center[0]) / radii[0]) ** 2 + ((y - center[1]) / radii[1]) ** 2 + ((z - center[2]) / radii[2]) ** 2


def bowel(canvas: Canvas, body: Habitus, rng: np.random.Generator) -> None:
    """Small bowel as loops in fat, colon as a frame around it, both inside the cavity."""
    loops = Wobble(rng, wavelength=rng.uniform(38, 55), amplitude=1.0, terms=14)
    threshold = np.quantile(rng.normal(0, 0.9, 500), body.visceral * 0.75)
    hind = Wobble(rng, wavelength=90, amplitude=12)
    center = (0.0, (body.front + 30) / 2, -85.0)
    reach = (body.width, body.front / 2 + 20, 112.0)

    def inside(x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        round_off = ((z - center[2]) / reach[2]) ** 4
        room = (body.cavity(x, y, z) + 0.3 * round_off < 0.88) & (y > 26 + spine_y(z) + 0.12 * np.abs(x) + hind(x, y, z)) & (round_off < 1)
        return room & (loops(x, y, z) > threshold)

    canvas.paint(82, center, reach, inside, over=only(FAT))
    w, front = body.width, body.front
    frame = [
        (0.72 * w, 0.55 * front, -150),
        (0.78 * w, 0.35 * front, -100),
        (0.80 * w, 0.30 * front, -45),
        (0.62 * w, 0.62 * front, -15 + rng.normal(0, 8)),
        (0.30 * w, 0.80 * front, -28 + rng.normal(0, 12)),
        (-0.10 * w, 0.84 * front, -35 + rng.normal(0, 18)),
        (-0.50 * w, 0.75 * front, 5 + rng.normal(0, 10)),
        (-0.80 * w, 0.40 * front, 42 + rng.normal(0, 10)),
        (-0.84 * w, 0.16 * front, -20),
        (-0.82 * w, 0.20 * front, -90),
        (-0.72 * w, 0.35 * front, -140),
        (-0.30 * w, 0.42 * front, -165 + rng.normal(0, 10)),
        (0.06 * w, 0.20 * front, -178),
        (0.0, -20, -205),
        (0.0, -22, -255),
    ]
    caliber = rng.uniform(0.75, 1.25) * np.array([27, 25, 23, 22, 20, 19, 19, 18, 16, 14, 13, 14, 14, 18, 17])
    room = only(FAT, 82)
    centers, radii = along(frame, caliber)
    haustra = 1 + 0.16 * np.sin(np.arange(len(centers)) * 0.4 * radii.min() / 26 * 2 * np.pi)
    for point, radius in zip(centers, radii * haustra, strict=True):
        canvas.ellipsoid(13, point, (radius, radius, radius), over=room)
    # Gas rises: a pocket in the front half of some stretches of colon.
    for start in rng.choice(len(centers) - 12, 5, replace=False):
        for point, radius in zip(centers[start : start + 12], radii[start : start + 12], strict=True):
            canvas.ellipsoid(0, point + np.array((0, 0.3 * radius, 0)), (0.6 * radius, 0.4 * radius, 0.6 * radius), over=only(13))


def upper_abdomen(canvas: Canvas, body: Habitus, rng: np.random.Generator) -> None:
    """Stomach, pancreas, duodenum, liver, gallbladder, spleen, adrenals: below the diaphragm and inside the wall."""
    w, front, s = body.width, body.front, body.scale
    room = only(FAT, 82, 13, 0)
    jitter = rng.normal(0, 5, (5, 3))
    fundus, trunk, antrum, pylorus, papilla = jitter + np.array(
        [
            (-0.48 * w, 0.30 * front, 82 * s),
            (-0.50 * w, 0.55 * front, 42),
            (-0.12 * w, 0.76 * front, 2),
            (0.20 * w, 0.55 * front, 4),
            (0.32 * w, 0.40 * front, -35),
        ]
    )
    fill = rng.uniform(0.7, 1.25)
    canvas.tube(86, [fundus, trunk, antrum, pylorus], np.array([33, 31, 20, 12]) * fill, over=room)
    canvas.ellipsoid(0, fundus + np.array((0, 14, -10)), np.array([20, 10, 18]) * fill, over=only(86))
    canvas.tube(
        17, [pylorus, (0.34 * w, 0.42 * front, 0), papilla, (0.2 * w, 42, -62), (-0.12 * w, 44, -55)], [12, 12, 12, 11, 10], over=room
    )
    canvas.tube(
        50,
        [papilla + np.array((-8, 4, 18)), (0.02 * w, 62, 8), (-0.35 * w, 48, 24), (-0.58 * w, 26, 42)],
        [14, 10, 10, 8],
        flatten=0.8,
        over=room,
    )
    canvas.tube(51, [(0.0, 50, -12), (0.12 * w, 52, 20), (0.28 * w, 58, 48)], [6, 7, 6], over=room)

    x0 = rng.normal(0.60, 0.04) * w
    right = np.array([x0, 0.34 * front, rng.normal(38, 10)])
    right_radii = np.array([26 + 0.36 * w, 45 + 0.36 * front, rng.normal(98, 10)]) * s
    left = np.array([rng.uniform(-0.15, 0.1) * w, 0.68 * front, rng.normal(72, 8)])
    left_radii = np.array([20 + 0.45 * w, 15 + 0.16 * front, rng.uniform(26, 42)]) * s
    uneven = Wobble(rng, wavelength=150, amplitude=0.08)

    def liver(x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        lobes = [_squared(x, y, z, right, right_radii), _squared(x, y, z, left, left_radii)]
        below = z < _diaphragm(body, x, y) - 3
        behind = y > spine_y(z) + 24 - 1.4 * np.clip(x - 8, 0, None)
        return (np.minimum(*lobes) < 1 + uneven(x, y, z)) & (body.cavity(x, y, z) < 0.96) & below & behind

    canvas.paint(44, (0.3 * w, 0.4 * front, 40), (1.0 * w, 1.1 * front, 150), liver, over=only(FAT, 82, 13, 0, 86, 17))
    canvas.ellipsoid(
        21, right + np.array((-0.18 * w, 0.25 * front, -0.45 * right_radii[2])), (13, 13, rng.uniform(18, 32)), over=all_but(200, 201)
    )
    size = rng.uniform(0.8, 1.3) * s
    middle = np.array([-0.76 * w, rng.normal(0, 6), rng.normal(48, 10) * s])
    radii = size * np.array([32, 58, 54])
    dent = Wobble(rng, wavelength=90, amplitude=0.1)

    def spleen(x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        # Banana around the stomach: the center line follows the wall.
        bent = x - middle[0] - 0.006 * (y - middle[1]) ** 2
        shape = (bent / radii[0]) ** 2 + ((y - middle[1]) / radii[1]) ** 2 + ((z - middle[2] - 0.35 * (middle[1] - y)) / radii[2]) ** 2
        return (shape < 1 + dent(x, y, z)) & (body.cavity(x, y, z) < 0.97) & (z < _diaphragm(body, x, y) - 2)

    canvas.paint(84, middle, (75, 75, 90), spleen, over=only(FAT, 82, 13, 0, 86))
    for value, side in ((1, -1), (2, 1)):
        canvas.tube(value, [(side * 30, 12, 48), (side * 36, 10, 62), (side * 32, 16, 74)], [3, 4, 3], over=room)


def chest(canvas: Canvas, body: Habitus, rng: np.random.Generator) -> None:
    """Lungs above the diaphragm, heart and esophagus between them."""
    heart_x = -22.0

    def lungs(x: NDArray, y: NDArray, z: NDArray) -> NDArray:
        mediastinum = np.abs(x - 4) < 34 + 12 * np.clip((y - 20) / 60, 0, 1)
        return (z > _diaphragm(body, x, y)) & (body.cavity(x, y, z) < 0.95) & ~mediastinum

    center, reach = (0, body.back + body.depth, 110), (1.1 * body.width, 1.2 * body.depth, 110)
    canvas.paint(46, center, reach, lambda x, y, z: lungs(x, y, z) & (x > 0), over=only(FAT))
    canvas.paint(45, center, reach, lambda x, y, z: lungs(x, y, z) & (x <= 0), over=only(FAT))
    canvas.ellipsoid(28, (heart_x, 0.55 * body.front, 172 * body.scale), (58, 46, 44), rng, over=only(FAT, 45, 46))
    canvas.tube(18, [(-10, 8, 200), (-8, 10, 120), (-20, 25, 96)], [8, 8, 8], over=only(FAT, 45, 46))


def muscles(canvas: Canvas, body: Habitus, rng: np.random.Generator) -> None:
    """Back muscles, psoas to iliacus, quadratus lumborum, crura and gluteal muscles."""
    s, bulk = body.scale, rng.uniform(0.8, 1.2)
    heights = np.arange(-190, 200, 8.0)
    for side, back, psoas, maximus, medius in ((-1, 5, 37, 22, 24), (1, 6, 38, 23, 25)):
        for z in heights:
            thin = np.interp(z, (-190, -120, -60, 60, 200), (0.45, 0.9, 1.0, 0.95, 0.8)) * bulk
            canvas.ellipsoid(
                back, (side * 33 * s, float(spine_y(z)) - 50 * s, z), (27 * thin * s, 19 * thin * s, 9), over=only(MUSCLE, FAT)
            )
        canvas.tube(
            psoas,
            [(side * 27, 0, 30), (side * 36 * s, 2, -30), (side * 50 * s, 10, -90), (side * 72 * s, 22, -150), (side * 92 * s, 48, -235)],
            np.array([7, 15, 22, 24, 19]) * bulk,
            over=only(FAT, MUSCLE, 82, 13, 0),
        )
        canvas.tube(MUSCLE, [(side * 55 * s, -24, 25), (side * 68 * s, -22, -70)], [10, 14], over=only(FAT, 13, 0))
        canvas.tube(MUSCLE, [(side * 12, 24, 80), (side * 17, 20, 0), (side * 14, 22, -30)], [7, 5, 3], over=only(FAT))
        canvas.ellipsoid(maximus, (side * 78 * s, -72 * s, -205), (62 * s, 34 * s, 75), over=only(MUSCLE))
        canvas.ellipsoid(medius, (side * 118 * s, -10, -165), (30 * s, 52 * s, 70), over=only(MUSCLE))


def skeleton(canvas: Canvas, body: Habitus, rng: np.random.Generator) -> None:
    """Vertebrae, ribs, sacrum, hips and the heads of the femora."""
    s = body.scale
    column = np.linspace(-118, 190, 20)
    canvas.tube(MUSCLE, np.stack([0 * column, spine_y(column), column], axis=1), np.full(20, 17 * s))
    for value, z, half_height, half_width in _VERTEBRAE:
        y = float(spine_y(z))

        def block(x: NDArray, y: NDArray, z: NDArray, middle: float = y, wide: float = half_width * s) -> NDArray:
            return np.abs(x / wide) ** 2.6 + np.abs((y - middle) / (17.5 * s)) ** 2.6 < 1

        canvas.paint(value, (0, y, z), (half_width * s, 20 * s, half_height), block)
        canvas.ellipsoid(value, (0, y - 52 * s, z - 8), (3.5, 20, 11))
        for side in (-1, 1):
            canvas.tube(value, [(side * 14 * s, y - 16, z + 3), (side * 17 * s, y - 32, z), (0, y - 38, z - 6)], [6, 6, 5])
            if z < 50:
                canvas.tube(value, [(side * 18 * s, y - 26, z), (side * 44 * s, y - 30, z + 3)], [4.5, 3.5])
    canal = [(0, float(spine_y(z)) - 27 * s, z) for z in np.linspace(-150, 190, 12)]
    canvas.tube(83, canal, [8] * len(canal))
    canvas.tube(78, [(0, -16, -130), (0, -42, -160), (0, -66, -190), (0, -62, -222)], np.array([27, 25, 18, 9]) * s, flatten=0.75)
    for side in (-1, 1):
        canvas.tube(
            78,
            [(side * 20, -24, -132), (side * 42 * s, -34, -140), (side * 34 * s, -52, -175)],
            [17, 15, 12],
            flatten=0.8,
            over=all_but(78),
        )
    _hips(canvas, body)
    _ribs(canvas, body, rng)


def _hips(canvas: Canvas, body: Habitus) -> None:
    s = body.scale
    for side, hip, femur in ((-1, 29, 19), (1, 30, 20)):
        crest = np.array([(side * 52, -50, -122), (side * 82, -30, -88), (side * 112, 12, -84), (side * 122, 52, -112)]) * (s, 1, 1)
        root = np.array([(side * 58, -42, -170), (side * 74, -18, -185), (side * 84, 6, -195), (side * 88, 26, -195)]) * (s, 1, 1)
        for share in np.linspace(0, 1, 9):
            canvas.tube(hip, crest * (1 - share) + root * share, np.array([8, 5, 5, 8]) + 4 * share)
        canvas.ellipsoid(hip, (side * 88 * s, 12, -212), (27, 29, 28))
        canvas.tube(hip, [(side * 80 * s, 30, -212), (side * 40, 62, -232), (side * 8, 68, -245)], [11, 9, 10])
        canvas.tube(hip, [(side * 80 * s, -8, -225), (side * 62, -22, -265)], [16, 14])
        canvas.ellipsoid(femur, (side * 94 * s, 12, -218), (23, 23, 23))
        canvas.tube(femur, [(side * 100 * s, 10, -224), (side * 140 * s, 0, -245)], [15, 20])


def _ribs(canvas: Canvas, body: Habitus, rng: np.random.Generator) -> None:
    """Ribs 7-12: from the spine around the wall, falling toward the front; the last two end early."""
    tilt = rng.uniform(0.35, 0.6)
    values = {12: (57, 69), 11: (56, 68), 10: (55, 67), 9: (65, 77), 8: (64, 76), 7: (63, 75)}
    for rib, start in zip(values, (66, 95, 122, 148, 174, 200), strict=True):
        end = {12: 0.30, 11: 0.45, 10: 0.72}.get(rib, 0.8)
        for side, value in zip((-1, 1), values[rib], strict=True):
            angle = np.linspace(0.10, end, 12) * np.pi
            z = start - tilt * body.width * (angle - angle[0])
            half_width, half_depth = body.half_width(z) + 0.45 * body.wall, body.half_depth(z) + 0.45 * body.wall
            x = side * half_width * np.sin(angle) ** 0.85
            y = body.back + body.half_depth(z) - half_depth * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.85
            canvas.tube(value, np.stack([x, y, z], axis=1), np.full(12, 5.5), over=only(FAT, MUSCLE))


def vessels(canvas: Canvas, body: Habitus, rng: np.random.Generator) -> None:
    """Aorta, vena cava, iliac vessels and the bladder."""
    s = body.scale
    wide = rng.uniform(0.85, 1.3)
    bone = all_but(*range(100, 118), 78, 83, 45, 46)
    canvas.tube(3, [(-12, 6, 190), (-9, 18, 90), (-8, 28, 20), (-6, 36, -72)], np.array([12, 11, 9.5, 8.5]) * wide * s, over=bone)
    canvas.tube(
        39,
        [(20, 34, 150), (20, 32, 80), (19, 30, 10), (17, 34, -80)],
        np.array([13, 12, 11, 10]) * s,
        flatten=rng.uniform(0.6, 1),
        over=bone,
    )
    for side, artery, vein in ((-1, 33, 35), (1, 34, 36)):
        canvas.tube(
            artery, [(-6, 38, -72), (side * 28, 30, -120), (side * 62 * s, 50, -190), (side * 80 * s, 72, -240)], [7, 5.5, 5, 5], over=bone
        )
        canvas.tube(
            vein, [(17, 34, -80), (side * 32, 20, -125), (side * 56 * s, 38, -190), (side * 70 * s, 66, -240)], [9, 7, 6, 6], over=bone
        )
    fill = rng.uniform(0.7, 1.2)
    canvas.ellipsoid(92, (0, 30, -225), np.array([42, 34, 30]) * fill, rng, over=only(FAT, 82, 13, 0))


def renal_vessels(canvas: Canvas, body: Habitus, kidney: Kidney, side: str) -> None:
    """Artery, vein and ureter of one kidney, from its hilum."""
    hilum = kidney.at((0, 0.8 * kidney.radii[1], 0))
    reach = kidney.at((0, 1.25 * kidney.radii[1], 0))
    soft = only(FAT, 82, 13, 17, 50, 0, MUSCLE, 37, 38)
    z = hilum[2] + 10
    aorta, cava = np.array([-8.0, 30.0, z]), np.array([19.0, 32.0, z - 3])
    target = np.array([17.0, 46.0, z]) if side == "left" else cava
    canvas.tube(3, [aorta, (aorta + reach) / 2 + np.array((0, 0, 4)), hilum], [3.5, 3, 3], over=soft)
    canvas.tube(39, [target, (target + reach) / 2 + np.array((0, 6, 0)), hilum + np.array((0, 0, -5))], [5, 5, 4.5], over=soft)
    if hilum[2] > -90:
        sign = -1 if side == "left" else 1
        points = [
            hilum + np.array((0, 0, -10)),
            (sign * 36 * body.scale, 26, hilum[2] - 60),
            (sign * 45 * body.scale, 20, -140),
            (sign * 18, 12, -225),
        ]
        canvas.tube(MUSCLE, points, [3, 2.5, 2.5, 2.5], over=soft)
