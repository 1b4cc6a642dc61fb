"""Rigid registration of two images of one head, whatever their contrasts (SimpleITK)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from DeepVolumetryLib.image import Image

WORKING_MM = 2.0
"""Spacing that registration works at; finer than this costs time and does not find more of a rigid motion."""
_SEED = 20240917
_BINS = 32
_SHRINK, _SMOOTH_MM = (4, 2, 1), (4.0, 2.0, 0.0)
_SAMPLED = 0.2
_HEAD_RADIUS_MM = 80.0


@dataclass(frozen=True)
class Motion:
    """A rigid motion that brings an image onto another one.

    Attributes:
        matrix: 4x4, RAS mm; where a point of the moving image belongs in the fixed one.
        distance_mm: by which the middle of the fixed image's body moves.
        degrees: angle of the rotation.
        moved: False if standing still matches as well, which ``matrix`` then does.
        metric_before, metric_after: mutual information, higher is better.
    """

    matrix: NDArray[np.float64]
    distance_mm: float
    degrees: float
    moved: bool
    metric_before: float
    metric_after: float

    def applied_to(self, image: Image) -> Image:
        """The image in its new place; only its matrix changes."""
        return replace(image, ijk_to_ras=self.matrix @ image.ijk_to_ras)


def register(fixed: Image, moving: Image) -> Motion:
    """Find the rigid motion that matches two images of one head.

    Args:
        fixed, moving: scalar images (K, J, I) that overlap in space, any geometry.

    Returns:
        The motion; standing still if nothing better is found.

    Mattes mutual information (Mattes 2003), three resolutions, the same samples each time: the same images give the same
    motion. It starts where the headers say, and where that matches badly (bodies apart), also from the middles of the bodies.
    """
    pair = _Pair(_floats(fixed), _floats(moving))
    starts = [pair.start(), pair.centered()]
    before = [pair.metric(start) for start in starts]
    start, began = max(zip(starts, before, strict=True), key=lambda each: each[1])
    found = pair.optimized(start)
    after = pair.metric(found)
    if after <= max(before[0], began):
        found, after = start, began
    if after <= before[0] + 1e-4:
        return Motion(np.eye(4), 0.0, 0.0, False, before[0], before[0])
    return _motion(found, pair.middle, before[0], after)


class _Pair:
    """Two images made ready for registration: isotropic along the patient's axes, at the working spacing."""

    def __init__(self, fixed: Image, moving: Image) -> None:
        self.fixed, self.moving = _itk(fixed), _itk(moving)
        self.middle, self.moving_middle = _middle(self.fixed), _middle(self.moving)
        size = np.array(self.fixed.GetSize())
        self.mask = self.fixed > 0.05 * float(np.percentile(sitk.GetArrayViewFromImage(self.fixed), 99))
        self.mask = sitk.BinaryDilate(self.mask, [int(min(5, count // 4)) for count in size])

    def start(self) -> sitk.Transform:
        """Where the headers say."""
        return sitk.VersorRigid3DTransform((0, 0, 0, 1), (0, 0, 0), self.middle)

    def centered(self) -> sitk.Transform:
        """Middle of the body on middle of the body."""
        return sitk.VersorRigid3DTransform((0, 0, 0, 1), (np.array(self.moving_middle) - self.middle).tolist(), self.middle)

    def metric(self, transform: sitk.Transform) -> float:
        """Mutual information over all voxels of the fixed body, higher is better; -inf where too little overlaps."""
        method = self._method()
        method.SetMetricSamplingStrategy(method.NONE)
        method.SetInitialTransform(transform)
        try:
            return -method.MetricEvaluate(self.fixed, self.moving)
        except RuntimeError:
            return float("-inf")

    def optimized(self, start: sitk.Transform) -> sitk.Transform:
        """The best transform near a start; the start itself where the optimizer loses its way."""
        method = self._method()
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(_SAMPLED, _SEED)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=1.0, minStep=1e-3, numberOfIterations=120, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-6
        )
        # A radian moves the rim of a head by its radius: rotations are that much larger steps than millimeters.
        method.SetOptimizerScales([2 * _HEAD_RADIUS_MM**2] * 3 + [1.0] * 3)
        method.SetShrinkFactorsPerLevel(_SHRINK)
        method.SetSmoothingSigmasPerLevel(_SMOOTH_MM)
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
        moving = sitk.VersorRigid3DTransform(start)
        method.SetInitialTransform(moving, inPlace=True)
        try:
            method.Execute(self.fixed, self.moving)
        except RuntimeError:
            return start
        return moving

    def _method(self) -> sitk.ImageRegistrationMethod:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(_BINS)
        method.SetMetricFixedMask(self.mask)
        method.SetInterpolator(sitk.sitkLinear)
        return method


def _floats(image: Image) -> Image:
    """Along R, A, S, isotropic at the working spacing, extremes cut off: one bright vessel would take most of the bins."""
    voxels = image.voxels.astype(np.float32, copy=False)
    corners = np.array([(i, j, k, 1.0) for i in (0, image.size[0] - 1) for j in (0, image.size[1] - 1) for k in (0, image.size[2] - 1)])
    ras = (corners @ image.ijk_to_ras.T)[:, :3]
    low, high = ras.min(0), ras.max(0)
    counts = np.maximum(8, np.ceil((high - low) / WORKING_MM).astype(int) + 1)
    grid = Image.from_spacing(np.broadcast_to(np.float32(0), tuple(counts[::-1])), (WORKING_MM,) * 3, low)
    cut_low, cut_high = np.percentile(voxels[::2, ::2, ::2], (0.5, 99.8))
    voxels = np.clip(voxels, cut_low, cut_high) - cut_low
    return image.with_voxels(voxels).resampled(grid, order=1, fill=0.0, antialias=True)


def _itk(image: Image) -> sitk.Image:
    """In RAS as if it were ITK's own axes: only differences of place matter here."""
    result = sitk.GetImageFromArray(np.ascontiguousarray(image.voxels))
    result.SetSpacing(image.spacing)
    result.SetOrigin(image.ijk_to_ras[:3, 3].tolist())
    return result


def _middle(image: sitk.Image) -> tuple[float, ...]:
    """Middle of what is brighter than the background, in mm."""
    voxels = sitk.GetArrayViewFromImage(image)
    kji = np.argwhere(voxels > 0.1 * np.percentile(voxels, 98))
    center = (kji.mean(0) if len(kji) else (np.array(voxels.shape) - 1) / 2)[::-1]
    return tuple(np.array(image.GetOrigin()) + center * image.GetSpacing())


def _motion(transform: sitk.Transform, middle: tuple[float, ...], before: float, after: float) -> Motion:
    """ITK's transform takes points of the fixed image to the moving one; the image moves the other way."""
    rigid = sitk.VersorRigid3DTransform(transform)
    # Threads add up in any order: the last digits differ between runs, and mean nothing.
    rigid.SetParameters([round(value, 6) for value in rigid.GetParameters()])
    rotation = np.array(rigid.GetMatrix()).reshape(3, 3)
    center = np.array(rigid.GetCenter())
    to_moving = np.eye(4)
    to_moving[:3, :3] = rotation
    to_moving[:3, 3] = center + rigid.GetTranslation() - rotation @ center
    matrix = np.linalg.inv(to_moving)
    at = np.array((*middle, 1.0))
    distance = float(np.linalg.norm((to_moving @ at - at)[:3]))
    degrees = float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))
    return Motion(matrix, distance, degrees, True, before, after)
