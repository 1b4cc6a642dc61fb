"""Regressions without networks: ridge on numbers, kernel regression on numbers and outlines, nearest shapes by Dice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from .descriptors import SIDE, Descriptors, indices
from .views import CALIPERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ridge:
    """Linear regression on standardized numbers: y = intercept + ((x - mean) / spread) · weight."""

    mean: Floats
    spread: Floats
    weight: Floats
    intercept: float

    @classmethod
    def fit(cls, x: Floats, y: Floats, penalty: float = 1.0) -> Ridge:
        """Least squares with a penalty on the weights of standardized numbers; (N, F) and (N,)."""
        mean, spread = x.mean(0), np.maximum(x.std(0), 1e-3)
        z = (x - mean) / spread
        weight = linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (y - y.mean()), assume_a="pos")
        return cls(mean, spread, weight, float(y.mean()))

    def predict(self, x: Floats) -> Floats:
        """(N,) of (N, F)."""
        return np.asarray(self.intercept + ((x - self.mean) / self.spread) @ self.weight)


@dataclass(frozen=True)
class Codes:
    """Principal components of the normalized pictures of each plane.

    Attributes:
        mean: (3, 1024).
        components: (3, K, 1024), orthonormal.
        spread: standard deviation of the first code of each plane, (3,); codes are divided by it.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def fit(cls, pictures: NDArray[np.float32], count: int = 12) -> Codes:
        """From (N, 3, 32, 32)."""
        means, components, spreads = [], [], []
        for plane in range(3):
            flat = pictures[:, plane].reshape(len(pictures), -1).astype(np.float64)
            mean = flat.mean(0)
            values, vectors = linalg.eigh(np.cov((flat - mean).T), subset_by_index=[SIDE * SIDE - count, SIDE * SIDE - 1])
            means.append(mean)
            components.append(vectors.T[::-1])
            spreads.append(np.sqrt(values[-1]))
        return cls(np.asarray(means, np.float32), np.asarray(components, np.float32), np.asarray(spreads, np.float32))

    def encode(self, pictures: NDArray[np.float32], planes: Sequence[str]) -> Floats:
        """Codes of some planes, (N, planes · K)."""
        flat = pictures.reshape(len(pictures), 3, -1)
        parts = [(flat[:, i] - self.mean[i]) @ self.components[i].T / self.spread[i] for i in indices(planes)]
        return np.concatenate(parts, 1).astype(np.float64)


@dataclass(frozen=True)
class Kernel:
    """Kernel ridge regression with a Gaussian kernel on top of a linear one: what the line leaves is learned from similar shapes.

    Attributes:
        line: the linear part, on the numbers.
        x: standardized numbers and codes of the training rows, (N, F).
        weight: (N,).
        width: of the kernel, in units of the square root of F.
        code_weight: how much codes count beside numbers.
    """

    line: Ridge
    x: NDArray[np.float32]
    weight: Floats
    width: float
    code_weight: float

    @classmethod
    def fit(cls, numbers: Floats, codes: Floats, y: Floats, width: float = 1.0, noise: float = 0.3, code_weight: float = 1.0) -> Kernel:
        """``noise`` is the variance of what cannot be learned over that of what the line leaves."""
        line = Ridge.fit(numbers, y)
        rest = y - line.predict(numbers)
        x = _inputs(line, numbers, codes, code_weight)
        kernel = _gaussian(x, x, width)
        kernel[np.diag_indices_from(kernel)] += noise
        return cls(line, x, linalg.solve(kernel, rest, assume_a="pos", overwrite_a=True).astype(np.float64), width, code_weight)

    def predict(self, numbers: Floats, codes: Floats) -> Floats:
        """(N,)."""
        x = _inputs(self.line, numbers, codes, self.code_weight)
        return np.asarray(self.line.predict(numbers) + _gaussian(x, self.x, self.width) @ self.weight)


def _inputs(line: Ridge, numbers: Floats, codes: Floats, code_weight: float) -> NDArray[np.float32]:
    return np.concatenate([(numbers - line.mean) / line.spread, code_weight * codes], 1).astype(np.float32)


def _gaussian(a: NDArray[np.float32], b: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    squared = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.exp(-np.maximum(squared, 0) / (2 * a.shape[1] * width * width)))


@dataclass(frozen=True)
class Neighbors:
    """The training shapes whose outlines overlap most.

    Attributes:
        pictures: outlines of the library, bool (N, 3, 32, 32).
        log_scale: of the library, (N, 3).
        log_calipers: its true lengths, (N, 2).
        log_volume: in mL, (N,).
        count: how many are averaged.
        sharpness: how quickly the weight of a shape falls with its distance.
    """

    pictures: NDArray[np.bool_]
    log_scale: Floats
    log_calipers: Floats
    log_volume: Floats
    count: int = 24
    sharpness: float = 60.0

    def predict(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str] = ()) -> tuple[Floats, NDArray[np.int64], Floats]:
        """log V - 3 log s for each row (N,), the nearest rows of the library (N, count), and their distances."""
        distance = self.distances(found, planes, calipers)
        count = min(self.count, len(self.log_volume))
        nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(distance, nearest, 1)
        order = near.argsort(1)
        nearest, near = np.take_along_axis(nearest, order, 1), np.take_along_axis(near, order, 1)
        weight = np.exp(-self.sharpness * (near - near[:, :1]))
        y = self.log_volume - 3 * self.log_scale[:, indices(planes)].mean(1) + np.log(1000.0)
        return np.asarray((weight * y[nearest]).sum(1) / weight.sum(1)), nearest, near

    def distances(self, found: Descriptors, planes: Sequence[str], calipers: Sequence[str] = ()) -> Floats:
        """1 - mean Dice over the planes, plus half of what sizes differ, as logarithms over the common scale; (N, library)."""
        chosen = indices(planes)
        total = np.zeros((len(found), len(self.log_volume)))
        for plane in chosen:
            a = (found.pictures[:, plane] > 0).reshape(len(found), -1).astype(np.float32)
            b = self.pictures[:, plane].reshape(len(self.log_volume), -1).astype(np.float32)
            total += 1 - 2 * (a @ b.T) / (a.sum(1)[:, None] + b.sum(1)[None])
        total /= len(chosen)
        own, theirs = found.log_scale[:, chosen].mean(1, keepdims=True), self.log_scale[:, chosen].mean(1, keepdims=True)
        measured = [list(CALIPERS).index(name) for name in calipers]
        first = np.concatenate([found.log_scale[:, chosen] if len(chosen) > 1 else own[:, :0], found.log_calipers[:, measured]], 1) - own
        second = (
            np.concatenate([self.log_scale[:, chosen] if len(chosen) > 1 else theirs[:, :0], self.log_calipers[:, measured]], 1) - theirs
        )
        for a_size, b_size in zip(first.T, second.T, strict=True):
            total += 0.5 / first.shape[1] * np.abs(a_size[:, None] - b_size[None])
        return total


def silhouettes(pictures: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Outlines of normalized pictures."""
    return np.asarray(pictures > 0)
