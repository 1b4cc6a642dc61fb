"""Does the uncertainty sit where the errors are, and only there? QU-BraTS and AUROC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import integrate, stats

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class QuBratsScore:
    """QU-BraTS score and its parts; all areas are divided by 100, so they lie in [0, 1].

    Attributes:
        score: mean of ``dice_auc``, 1 - ``ftp_auc`` and 1 - ``ftn_auc``; higher is better.
        dice_auc: area under Dice of the kept voxels.
        ftp_auc, ftn_auc: area under the share of true positives and true negatives that filtering threw away.
        thresholds: uncertainty thresholds, descending from 100 to 0.
        dice, ftp, ftn: the three curves over ``thresholds``.
    """

    score: float
    dice_auc: float
    ftp_auc: float
    ftn_auc: float
    thresholds: NDArray[np.float64]
    dice: NDArray[np.float64]
    ftp: NDArray[np.float64]
    ftn: NDArray[np.float64]


def qu_brats_score(
    prediction: NDArray[Any], reference: NDArray[Any], uncertainty: NDArray[Any], region: NDArray[Any] | None = None, steps: int = 101
) -> QuBratsScore:
    """QU-BraTS ranking score of one target (Mehta et al. 2022).

    At each threshold t voxels with uncertainty <= t are kept. Dice is taken over the kept voxels (1 where neither mask has
    any); FTP(t) = (TP(100) - TP(t)) / TP(100), FTN(t) likewise, 0 where there is nothing to lose. Areas by the trapezoid rule.

    Args:
        prediction, reference: masks, (K, J, I).
        uncertainty: 0-100, same shape.
        region: where to count (the brain, the kidney boxes); everywhere if None. True negatives, and so FTN, depend on it.
        steps: number of thresholds from 100 to 0.

    Raises:
        ValueError: if shapes differ or the uncertainty leaves [0, 100].
    """
    if not prediction.shape == reference.shape == uncertainty.shape:
        raise ValueError(f"shapes differ: {prediction.shape}, {reference.shape}, {uncertainty.shape}")
    where = np.ones(prediction.shape, bool) if region is None else np.asarray(region, bool)
    values = np.asarray(uncertainty)[where]
    if values.size and not (values.min() >= 0 and values.max() <= 100):
        raise ValueError(f"uncertainty must lie in [0, 100], not {values.min():g}..{values.max():g}")
    p, g = np.asarray(prediction, bool)[where], np.asarray(reference, bool)[where]
    ascending = np.linspace(0, 100, steps)
    first_kept = np.searchsorted(ascending, values, side="left")  # index of the lowest threshold that keeps the voxel

    def kept(selected: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.cumsum(np.bincount(first_kept[selected], minlength=steps))[::-1].astype(np.float64)

    true_positive, true_negative, wrong = kept(p & g), kept(~p & ~g), kept(p ^ g)
    size = 2 * true_positive + wrong
    dice = np.divide(2 * true_positive, size, out=np.ones(steps), where=size > 0)
    ftp = 1 - _share(true_positive)
    ftn = 1 - _share(true_negative)
    dice_auc, ftp_auc, ftn_auc = (float(integrate.trapezoid(curve[::-1], ascending) / 100) for curve in (dice, ftp, ftn))
    score = (dice_auc + (1 - ftp_auc) + (1 - ftn_auc)) / 3
    return QuBratsScore(score, dice_auc, ftp_auc, ftn_auc, ascending[::-1], dice, ftp, ftn)


def auroc(uncertainty: NDArray[Any], positive: NDArray[Any], region: NDArray[Any] | None = None) -> float:
    """Area under the ROC curve of an uncertainty map that is to find something: errors, or where several readers disagree.

    The probability that a voxel that has it is more uncertain than one that has it not, ties counted half (Mann-Whitney).

    Args:
        uncertainty: any scale, (K, J, I).
        positive: what is to be found, same shape; nonzero has it.
        region: where to count; everywhere if None.

    Returns:
        0-1, 0.5 is chance; NaN if no voxel has it, or every one.

    Raises:
        ValueError: if shapes differ or the uncertainty is not finite.
    """
    if uncertainty.shape != positive.shape:
        raise ValueError(f"shapes differ: {uncertainty.shape}, {positive.shape}")
    where = np.ones(positive.shape, bool) if region is None else np.asarray(region, bool)
    values, has = np.asarray(uncertainty)[where], np.asarray(positive)[where] != 0
    if not np.isfinite(values).all():
        raise ValueError("uncertainty must be finite")
    count = int(np.count_nonzero(has))
    if count in (0, has.size):
        return float("nan")
    ranks = stats.rankdata(values)
    return float((ranks[has].sum() - count * (count + 1) / 2) / (count * (has.size - count)))


def _share(kept: NDArray[np.float64]) -> NDArray[np.float64]:
    return kept / kept[0] if kept[0] > 0 else np.ones_like(kept)
