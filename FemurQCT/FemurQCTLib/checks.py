"""What may be wrong with a scan: sentences for the user, each with what to do or what not to rely on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from DeepVolumetryLib.image import Image

from .assemble import Side
from .parameters import Parameters

METAL_HU, METAL_ML = 2600.0, 0.15
THICK_MM = 3.0
VESSEL_HU = (95.0, 600.0)
_NEAR_METAL_MM = 60.0
_BONE_HU = 350.0
_RIM_MM = 3.0


def warnings_of(image: Image, sides: list[Side], parameters: Parameters, calibrated: bool) -> list[str]:
    """Everything that this scan and its femora give reason to say.

    Args:
        calibrated: whether densities are stated.
    """
    sentences = _not_found(sides, parameters)
    for side in sides:
        sentences += _cut_off(side, image)
        if side.drawn.pieces > 1:
            sentences.append(
                f"The {side.side} femur is in {side.drawn.pieces} pieces: a fracture, or a gap in the segmentation. "
                "Look before using its numbers."
            )
    if sides:
        sentences += _thick(image)
        sentences += _metal(image, sides)
        sentences += _contrast(image, sides, parameters, calibrated)
    sentences += _voltage(parameters)
    return sentences


def _not_found(sides: list[Side], parameters: Parameters) -> list[str]:
    wanted = ("left", "right") if parameters.side == "both" else (parameters.side,)
    missing = [side for side in wanted if side not in {found.side for found in sides}]
    if len(missing) == 2:
        return ["No femur was found. Choose a CT that shows a hip."]
    return [f"The {side} femur was not found. If it is in the scan, draw it by hand." for side in missing]


def _cut_off(side: Side, image: Image) -> list[str]:
    """Femora that the scan does not show in whole."""
    sentences = []
    if side.drawn.cut is None:
        sentences.append(
            f"The scan ends before the {side.side} proximal femur does (20 mm below the lesser trochanter): "
            "volume and mineral content are of what is shown, and no total hip is complete."
        )
    if _meets(side.mask, side, image, ("K", "J", "I"), lower_end=False):
        sentences.append(f"The {side.side} femur is cut off by the top or the side of the scan; its numbers are of what is shown.")
    return sentences


def _meets(mask: NDArray[np.bool_], side: Side, image: Image, axes: tuple[str, ...], lower_end: bool) -> bool:
    """True if a mask reaches the scan's border other than the lower one (in S)."""
    upward = np.argmax(np.abs(image.ijk_to_ras[2, :3]))
    for axis, name in enumerate(("K", "J", "I")):
        for end, index in ((0, side.low[axis]), (-1, side.high[axis])):
            border = 0 if end == 0 else image.shape[axis]
            if index != border or name not in axes:
                continue
            is_s_axis = axis == 2 - upward
            is_lower = is_s_axis and ((image.ijk_to_ras[2, upward] > 0) == (end == 0))
            if is_lower and not lower_end:
                continue
            if mask.take(end, axis).any():
                return True
    return False


def _thick(image: Image) -> list[str]:
    thickness = max(image.spacing)
    if thickness <= THICK_MM + 0.05:
        return []
    return [
        f"Slices of {thickness:.1f} mm: thin cortex is blurred, so cortical density comes out low and thickness high. "
        f"Use a series of {THICK_MM:g} mm or less."
    ]


def _metal(image: Image, sides: list[Side]) -> list[str]:
    """Metal near a femur: bright beyond bone, in a piece of some size."""
    sentences = []
    for side in sides:
        reach = np.ceil(_NEAR_METAL_MM / np.array(image.spacing[::-1])).astype(int) // 2
        low, high = np.maximum(side.low - reach, 0), np.minimum(side.high + reach, image.shape)
        bright = image.voxels[tuple(map(slice, low, high))] > METAL_HU
        if float(bright.sum()) * image.voxel_ml >= METAL_ML:
            sentences.append(
                f"There is metal near the {side.side} femur: streaks falsify HU and density, and the outline may be wrong there."
            )
    return sentences


def _contrast(image: Image, sides: list[Side], parameters: Parameters, calibrated: bool) -> list[str]:
    consequence = "density comes out too high" if calibrated else "HU are raised"
    if parameters.contrast == "yes":
        return [f"Contrast medium was given: {consequence}. Compare only with scans made alike."]
    if parameters.contrast == "no" or not any(enhanced_vessels(image, side) for side in sides):
        return []
    return [f"The vessels of the groin are bright, as with contrast medium: {consequence}. Compare only with scans made alike."]


def enhanced_vessels(image: Image, side: Side) -> bool:
    """True if a bright round vessel runs in front of the head of a femur, where femoral artery and vein do.

    Looked for in the slices about the upper part of the femur: round spots of 95 to 600 HU away from bone, in most slices.
    """
    at = np.argwhere(side.mask)
    if not len(at):
        return False
    points = at[:, ::-1] @ side.image.ijk_to_ras[:3, :3].T + side.image.ijk_to_ras[:3, 3]
    top = points[:, 2].max()
    head = points[points[:, 2] > top - 40.0]
    middle, front = np.median(head, axis=0), head[:, 1].max()
    inward = 1.0 if side.side == "left" else -1.0
    corners = np.array([(middle[0] + inward * r, front + a, top + s) for r in (-30.0, 45.0) for a in (-8.0, 42.0) for s in (-42.0, -2.0)])
    ijk = corners @ image.ras_to_ijk[:3, :3].T + image.ras_to_ijk[:3, 3]
    low = np.clip(np.floor(ijk.min(0))[::-1].astype(int), 0, np.array(image.shape) - 1)
    high = np.clip(np.ceil(ijk.max(0))[::-1].astype(int) + 1, low + 1, image.shape)
    part = image.cropped(low, high)
    voxels = ndimage.gaussian_filter(part.voxels.astype(np.float32), [0.0, *(1.0 / step for step in part.spacing[1::-1])])
    pixel = np.array(part.spacing[1::-1])
    near_bone = ndimage.distance_transform_edt(voxels < _BONE_HU, sampling=(1e3, *pixel)) < _RIM_MM
    bright = (voxels > VESSEL_HU[0]) & (voxels < VESSEL_HU[1]) & ~near_bone
    hits = sum(_has_round_spot(plane, pixel) for plane in bright)
    return hits >= max(3, 0.5 * len(bright))


def _has_round_spot(plane: NDArray[np.bool_], pixel: NDArray[np.float64]) -> bool:
    """True if a slice (J, I) shows a spot of 20 to 350 mm² that is about as wide as high and fills its box as a disk does."""
    labels, count = ndimage.label(plane)
    for number, box in enumerate(ndimage.find_objects(labels), 1) if count else ():
        area = float(np.count_nonzero(labels[box] == number)) * float(np.prod(pixel))
        height, width = ((axis.stop - axis.start) * step for axis, step in zip(box, pixel, strict=True))
        if 20.0 < area < 350.0 and area > 0.55 * height * width and max(height, width) < 2.6 * min(height, width):
            return True
    return False


def _voltage(parameters: Parameters) -> list[str]:
    if parameters.slope is None:
        return []
    scan, calibration = parameters.kvp, parameters.calibration_kvp
    if scan and calibration and abs(scan - calibration) > 0.5:
        return [
            f"The calibration was made at {calibration:g} kV, the scan at {scan:g} kV: densities are wrong. "
            f"Enter the calibration of {scan:g} kV."
        ]
    if not (scan and calibration):
        return ["The entered calibration holds only for the tube voltage (kV) it was made at; whether that is the scan's was not stated."]
    return []
