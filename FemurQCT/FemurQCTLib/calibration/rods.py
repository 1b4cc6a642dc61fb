"""Find the rods of a phantom in a scan, or around points that a user has set.

A phantom is a row of straight circular rods of one size, about equally far from each other. Rods that cannot be told from the
material around them (0 mg/cm3 in water-like plastic) are taken to lie where the row goes on; which rod is which is decided by the fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import Image

from .calibration import Rod
from .circles import find_circles
from .fit import DOUBT_MG, CalibrationError, is_plausible, line_of
from .presets import PRESETS, PhantomPreset
from .tracks import Core, Track, find_tracks, measure_core

_PERPENDICULAR_MM, _ALONG_SHARE = 3.0, 0.2
_SPACING = (1.05, 5.0)  # of a rod's diameter
_PRICE_MG = 3.0  # of a rod that is not seen: a row that shows all of its rods is believed rather than one that does not
_MARK_REACH_MM, _MARK_SLAB_MM, _MARK_RADIUS_MM = 8.0, 15.0, 5.0
_UNEVEN = 3.0


@dataclass(frozen=True)
class Row:
    """A row of rods in the order of a preset, and how well it fits: standard error in mg/cm3 plus what unseen rods cost."""

    tracks: tuple[Track, ...]
    cores: tuple[Core, ...]
    cost: float
    plausible: bool


def find_rods(image: Image, preset: PhantomPreset, masks_to_avoid: NDArray | None = None) -> list[Rod]:
    """Rods of the phantom in the order of its densities.

    Args:
        image: CT in HU, any affine.
        preset: the phantom.
        masks_to_avoid: bone, bool (K, J, I).

    Raises:
        CalibrationError: if no row of rods is found that could be this phantom; the message names the phantom that it could be.
    """
    upright = image.canonical()
    avoid = None if masks_to_avoid is None else image.with_voxels(np.asarray(masks_to_avoid, bool)).canonical().voxels
    tracks = find_tracks(upright, (preset.rod_mm[0] / 2, preset.rod_mm[1] / 2), avoid)
    cores: dict[int, Core] = {}
    even = []
    limit = _UNEVEN * image_noise(upright) + 6.0  # marrow with a rim of cortex, vessels and bowel are less even than a rod
    for track in tracks:
        core = measure_core(upright, track)
        if core and core.sd <= limit:
            cores[id(track)] = core
            even.append(track)
    row = best_row(upright, even, cores, preset)
    if row is None or not row.plausible:
        other = _other_phantom(upright, even, cores, preset)
        if row is None or other:
            raise CalibrationError(other or _not_found(preset))
    return [
        Rod(core.center, core.mean, core.sd, density, voxels=core.voxels, radius_mm=track.radius)
        for track, core, density in zip(row.tracks, row.cores, preset.densities, strict=True)
    ]


def measure_marked(image: Image, points_ras: Sequence[Sequence[float]], preset: PhantomPreset) -> list[Rod]:
    """Rods around points that the user has set, in the order of the points.

    The circle around a point is looked for; where there is none, 5 mm around the point are measured.

    Raises:
        InputError: if a point lies outside of the image.
    """
    upright = image.canonical()
    rods = []
    for number, point in enumerate(points_ras):
        density = preset.densities[number] if number < len(preset.densities) else float("nan")
        index = upright.ras_to_ijk @ (*(float(value) for value in point), 1.0)
        if (index[:3] < -0.5).any() or (index[:3] > np.array(upright.size) - 0.5).any():
            raise InputError(f"Rod {number + 1} is marked outside of the image: put it into the rod.")
        track = _marked_track(upright, index, preset)
        core = measure_core(upright, track)
        if core is None:
            raise InputError(f"Rod {number + 1} cannot be measured where it is marked: put it into the middle of the rod.")
        rods.append(Rod(core.center, core.mean, core.sd, density, voxels=core.voxels, radius_mm=track.radius))
    return rods


def best_row(image: Image, tracks: Sequence[Track], cores: dict[int, Core], preset: PhantomPreset) -> Row | None:
    """The row that fits the preset best: among those that fit at all the one with the least cost, otherwise any row of that length."""
    best: Row | None = None
    for row in _rows(image, tracks, cores, preset):
        if best is None or (not row.plausible, row.cost) < (not best.plausible, best.cost):
            best = row
    return best


def _rows(image: Image, tracks: Sequence[Track], cores: dict[int, Core], preset: PhantomPreset) -> Iterator[Row]:
    """Every row of as many places as the preset has rods, both ways round."""
    count = len(preset.densities)
    unseen = 0 if count < 3 else 1 if count < 5 else 2
    middle = (image.shape[0] - 1) / 2
    done: set[tuple[int, ...]] = set()
    for first, second in combinations(range(len(tracks)), 2):
        a, b = tracks[first], tracks[second]
        if abs(a.radius - b.radius) > 0.6 + 0.12 * a.radius or not _parallel(a, b, image):
            continue
        apart = b.at(middle) - a.at(middle)
        distance = float(np.hypot(*apart))
        alike = [t for t in tracks if abs(t.radius - a.radius) <= 0.6 + 0.12 * a.radius and _parallel(a, t, image)]
        for steps in range(1, count):
            step = distance / steps
            if not _SPACING[0] * 2 * a.radius <= step <= _SPACING[1] * 2 * a.radius:
                continue
            places, between = _places(alike, a.at(middle), apart / distance, step, middle)
            for start in range(min(places) - unseen, max(places) - count + unseen + 2):
                wanted = range(start, start + count)
                seen = [place for place in places if place in wanted]
                if any(start - 1 < far < start + count for far in between):
                    continue
                if len(seen) < max(2, count - unseen) or len(seen) < len(places):
                    continue  # a phantom with more rods than this is another one
                chosen = [places.get(place) for place in wanted]
                mark = tuple(-1 if t is None else tracks.index(t) for t in chosen)
                if mark in done:
                    continue
                done.add(mark)
                model = a if len(seen) < 2 else places[seen[0]]
                full = [t or model.shifted((place - seen[0]) * step * apart / distance) for t, place in zip(chosen, wanted, strict=True)]
                yield from _both_ways(image, full, cores, preset, count - len(seen))


def _places(alike: Sequence[Track], origin: NDArray, along: NDArray, step: float, middle: float) -> tuple[dict[int, Track], list[float]]:
    """Steps along the row -> the track that lies there; and where, in steps, tracks lie between the places of the row."""
    places: dict[int, tuple[float, Track]] = {}
    between: list[float] = []
    for track in alike:
        off = track.at(middle) - origin
        far = float(off @ along)
        place = round(far / step)
        gap = abs(far - place * step)
        if abs(off @ (-along[1], along[0])) > _PERPENDICULAR_MM:
            continue
        if gap > _ALONG_SHARE * step:
            between.append(far / step)
            continue
        if place not in places or gap < places[place][0]:
            places[place] = (gap, track)
    # the part of the row around the origin: a gap of two places ends it
    kept = {0: places[0][1]}
    for way in (1, -1):
        place, gaps = way, 0
        while gaps < 3:
            if place in places:
                kept[place], gaps = places[place][1], 0
            else:
                gaps += 1
            place += way
    return kept, between


def _both_ways(image: Image, tracks: list[Track], cores: dict[int, Core], preset: PhantomPreset, unseen: int) -> Iterator[Row]:
    measured = [cores.get(id(track)) or measure_core(image, track) for track in tracks]
    complete = [core for core in measured if core is not None]
    if len(complete) < len(tracks):
        return
    for way in (1, -1):
        ordered = complete[::way]
        line = line_of([core.mean for core in ordered], preset)
        error = 0.0 if np.isnan(line.error) else line.error
        yield Row(tuple(tracks[::way]), tuple(ordered), error + _PRICE_MG * unseen, is_plausible(line))


def _parallel(a: Track, b: Track, image: Image) -> bool:
    """True if two tracks keep their distance within 3 mm over the length of the scan."""
    apart = np.subtract(a.tilt, b.tilt) * min(image.shape[0], max(a.last, b.last) - min(a.first, b.first))
    return bool(np.hypot(*apart) < 4.0)


def image_noise(image: Image) -> float:
    """SD of the noise of one voxel in HU: from differences of neighbors along I in soft tissue and water, middle slice."""
    plane = image.voxels[image.shape[0] // 2].astype(np.float32)
    soft = ndimage.binary_erosion((plane > -150) & (plane < 250), iterations=2)
    pairs = soft[:, 1:] & soft[:, :-1]
    if pairs.sum() < 100:
        return 20.0
    return float(1.4826 * np.median(np.abs(np.diff(plane, axis=1)[pairs])) / np.sqrt(2))


def _other_phantom(image: Image, tracks: Sequence[Track], cores: dict[int, Core], preset: PhantomPreset) -> str:
    """A sentence that names the phantom that the rods in the image do fit, "" if there is none."""
    found = []
    for other in PRESETS.values():
        if other.key == preset.key or len(other.densities) < 3:
            continue
        row = best_row(image, tracks, cores, other)
        if row and row.plausible and row.cost < DOUBT_MG:
            found.append((row.cost, other.name))
    if not found:
        return ""
    return f"The rods in this scan do not fit {preset.name}. They would fit {min(found)[1]}: is that the phantom?"


def _not_found(preset: PhantomPreset) -> str:
    return (
        f"No row of {len(preset.densities)} rods was found that could be {preset.name}. "
        "Mark the rods by hand, choose another phantom, or enter slope and intercept; without any, only HU are measured."
    )


def _marked_track(image: Image, index: NDArray[np.float64], preset: PhantomPreset) -> Track:
    """The rod around an index (i, j, k): its circle in a slab, or 5 mm around the index."""
    pixel, thick = image.spacing[:2], image.spacing[2]
    k = int(np.clip(round(index[2]), 0, image.shape[0] - 1))
    half = max(0, round(_MARK_SLAB_MM / 2 / thick))
    first, last = max(0, k - half), min(image.shape[0] - 1, k + half)
    reach = preset.rod_mm[1] / 2 + _MARK_REACH_MM + 4
    low = np.maximum(np.floor([index[1] - reach / pixel[1], index[0] - reach / pixel[0]]).astype(int), 0)
    high = np.minimum(np.ceil([index[1] + reach / pixel[1], index[0] + reach / pixel[0]]).astype(int) + 1, image.shape[1:])
    plane = image.voxels[first : last + 1, low[0] : high[0], low[1] : high[1]].mean(axis=0, dtype=np.float32)
    at = np.array([index[0] * pixel[0], index[1] * pixel[1]])
    corner = np.array([low[1] * pixel[0], low[0] * pixel[1]])
    circles = find_circles(plane, pixel, (preset.rod_mm[0] / 2, preset.rod_mm[1] / 2))
    near = [c for c in circles if np.hypot(c.x + corner[0] - at[0], c.y + corner[1] - at[1]) < min(_MARK_REACH_MM, c.radius)]
    if not near:
        return Track((float(at[0]), float(at[1])), (0.0, 0.0), _MARK_RADIUS_MM / 0.6, first, last, 0)
    circle = min(near, key=lambda c: np.hypot(c.x + corner[0] - at[0], c.y + corner[1] - at[1]))
    return Track((circle.x + float(corner[0]), circle.y + float(corner[1])), (0.0, 0.0), circle.radius - 0.5, first, last, 0)
