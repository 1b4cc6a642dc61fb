"""The drawings of cohort.html, as PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from .findings import Measure

_BLUE, _RED, _BAND, _TEXT, _FAINT = "#2878b5", "#c23b22", "#cfe3d4", "#1c2733", "#7b8794"
_DPI = 110


def distribution(measure: Measure) -> str:
    """Cases by size with their intervals, over the reference range of each; beside it a histogram. A data URL."""
    figure = _figure(6.4, 2.5)
    grid = figure.add_gridspec(1, 2, width_ratios=[4, 1], left=0.1, right=0.985, top=0.88, bottom=0.17, wspace=0.04)
    axes, side = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    values = np.asarray(measure.values)
    order = np.argsort(values, kind="stable")
    outside = set(measure.outside)
    lows, highs = (np.array([np.nan if each[end] is None else each[end] for each in measure.ranges], float) for end in (0, 1))
    at = np.arange(len(order))
    floor, ceiling = _limits(measure)
    if measure.with_range:
        low, high = lows[order], highs[order]
        known = np.isfinite(low) | np.isfinite(high)
        bottom, top = np.where(np.isfinite(low), low, floor), np.where(np.isfinite(high), high, ceiling)
        axes.bar(at[known], (top - bottom)[known], 1.0, bottom[known], color=_BAND, linewidth=0, label="reference range")
    colors = [_RED if measure.cases[n] in outside else _BLUE for n in order]
    axes.vlines(at, np.asarray(measure.lows)[order], np.asarray(measure.highs)[order], colors=colors, linewidth=0.8, alpha=0.6)
    axes.scatter(at, values[order], s=9, c=colors, zorder=3, linewidth=0)
    axes.set(xlim=(-1, len(order)), ylim=(floor, ceiling), xticks=[], xlabel="cases by size", ylabel=_unit(measure))
    side.hist(values, bins=min(30, max(5, len(values) // 4)), range=(floor, ceiling), orientation="horizontal", color=_BLUE)
    side.set(ylim=(floor, ceiling), yticks=[], xlabel="cases")
    axes.set_title(measure.title.replace("_", " "), loc="left", fontsize=9, color=_TEXT)
    return _png(figure)


def bland_altman(measure: Measure) -> str:
    """Differences from the reference over means, with bias and limits of agreement. A data URL."""
    figure = _figure(6.4, 2.9)
    axes = figure.add_axes((0.1, 0.17, 0.72, 0.72))
    values, references = np.asarray(measure.values), np.asarray(measure.references)
    known = np.isfinite(references)
    found = measure.agreement
    axes.scatter(((values + references) / 2)[known], (values - references)[known], s=12, c=_BLUE, linewidth=0)
    for height, words, style in (
        (found.bias, "bias", "-"),
        (found.limit_low, "−1.96 SD", "--"),
        (found.limit_high, "+1.96 SD", "--"),
    ):
        if np.isfinite(height):
            axes.axhline(height, color=_TEXT, linewidth=0.9, linestyle=style)
            axes.annotate(
                f"{words} {height:.1f}", (1.01, height), xycoords=("axes fraction", "data"), fontsize=7.5, va="center", color=_TEXT
            )
    axes.axhline(0, color=_FAINT, linewidth=0.6)
    axes.set(xlabel="mean of measured and reference, mL", ylabel="measured − reference, mL")
    axes.set_title(f"{measure.title.replace('_', ' ')}: {found.cases} cases", loc="left", fontsize=9, color=_TEXT)
    return _png(figure)


def covered(measure: Measure) -> str:
    """Intervals around the measured volumes, relative to the truth: red where they miss it. A data URL."""
    figure = _figure(6.4, 2.3)
    axes = figure.add_axes((0.1, 0.12, 0.885, 0.76))
    lows, highs, references = np.asarray(measure.lows), np.asarray(measure.highs), np.asarray(measure.references)
    known = np.isfinite(lows) & np.isfinite(highs) & (references > 0)
    low, high, value = (100 * (each[known] / references[known] - 1) for each in (lows, highs, np.asarray(measure.values)))
    order = np.argsort(value, kind="stable")
    colors = [_BLUE if low[n] <= 0 <= high[n] else _RED for n in order]
    axes.vlines(np.arange(len(order)), low[order], high[order], colors=colors, linewidth=1.1)
    axes.scatter(np.arange(len(order)), value[order], s=7, c=colors, linewidth=0)
    axes.axhline(0, color=_TEXT, linewidth=0.8)
    axes.set(xticks=[], xlim=(-1, len(order)), ylabel="% of the reference")
    axes.set_title(f"{measure.title.replace('_', ' ')}: intervals around the truth", loc="left", fontsize=9, color=_TEXT)
    return _png(figure)


def durations(warm: Sequence[float], cold: Sequence[float]) -> str:
    """Seconds a case, those with a model to load first apart. A data URL."""
    figure = _figure(6.4, 2.0)
    axes = figure.add_axes((0.1, 0.24, 0.885, 0.7))
    highest = max((*warm, *cold, 0.1))
    axes.hist(
        [warm, cold], bins=min(40, max(8, (len(warm) + len(cold)) // 4)), range=(0, highest), stacked=True, color=[_BLUE, _FAINT],
        label=["model was loaded", "model had to be loaded"],
    )  # fmt: skip
    axes.set(xlabel="seconds for a case", ylabel="cases")
    axes.legend(fontsize=7.5, frameon=False)
    return _png(figure)


def _limits(measure: Measure) -> tuple[float, float]:
    numbers = [*measure.values, *measure.lows, *measure.highs, *(end for each in measure.ranges for end in each if end is not None)]
    finite = np.asarray(numbers, float)[np.isfinite(numbers)]
    low, high = float(finite.min()), float(finite.max())
    margin = 0.06 * max(high - low, abs(high) * 0.1, 1e-9)
    return (max(0.0, low - margin) if low >= 0 else low - margin), high + margin


def _unit(measure: Measure) -> str:
    return "" if measure.unit == "1" else measure.unit


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Any) -> str:
    for axes in figure.axes:
        axes.tick_params(labelsize=7.5, colors=_TEXT)
        axes.xaxis.label.set_size(8)
        axes.yaxis.label.set_size(8)
        for name in ("top", "right"):
            axes.spines[name].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
