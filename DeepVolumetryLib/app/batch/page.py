"""``cohort.html``: a cohort at a glance, in one file that needs nothing else and runs no script."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from ... import __version__
from ...report.report import RESEARCH_ONLY
from . import plots
from .findings import Measure, Outlier, measures_of, outliers_of
from .plan import DONE, FAILED, STATE, WAITING
from .tables import Row

_MOST_OUTLIERS = 24
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1c2733;background:#fff;max-width:1080px;margin:2em auto;padding:0 1.2em}
h1{font-size:1.6em;margin-bottom:.2em}
h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #d5dce3;padding-bottom:.2em}
.small{color:#55616e;font-size:.88em}
table{border-collapse:collapse;font-size:.9em;margin:.6em 0}
td:first-child{white-space:nowrap}
th,td{text-align:left;padding:.25em .8em .25em 0;vertical-align:top;border-bottom:1px solid #e8edf2}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.figures,.tiles{display:flex;flex-wrap:wrap;gap:.8em}
.figures img{width:520px;max-width:100%}
.tile{width:460px;background:#f4f7f9;padding:.6em;border-radius:6px}
.tile img{max-width:100%;background:#000;border-radius:3px}
.count{display:inline-block;margin-right:2em}
.count b{font-size:1.7em;display:block}
.bad b{color:#c23b22}
"""


def write_page(rows: Sequence[Row], out: Path) -> None:
    """Write the page; it is made anew after every run."""
    measures = measures_of(rows)
    parts = [
        _head(rows),
        _failures(rows),
        _references(measures),
        _distributions(measures),
        _outliers(outliers_of(measures), measures, out),
        _timing(rows),
    ]
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Cohort</title><style>{_STYLE}</style></head><body>\n{''.join(parts)}\n</body></html>\n"
    )
    beside = out / ".cohort.html.part"
    beside.write_text(text, encoding="utf-8")
    beside.replace(out / "cohort.html")


def _head(rows: Sequence[Row]) -> str:
    counts = Counter(row.outcome.state for row in rows)
    made = [(row.report.provenance, row.case.module) for row in rows if row.report is not None]
    models = Counter(f"{each.model_name} {each.model_version} ({module})" for each, module in made)
    shown = [_count(counts[DONE], "done"), _count(counts[FAILED], "failed", bad=bool(counts[FAILED]))]
    if counts[WAITING]:
        shown.append(_count(counts[WAITING], "not run yet"))
    listed = "; ".join(f"{escape(name)}: {number}" for name, number in models.items())
    review = sum(len(row.report.review) for row in rows if row.report)
    return (
        f'<h1>Cohort of {len(rows)} cases</h1><p>{"".join(shown)}</p><p class="small">DeepVolumetry {__version__}. '
        f"Models: {listed or 'none'}. {review} places are listed for review. {escape(RESEARCH_ONLY)}</p>"
    )


def _count(number: int, word: str, bad: bool = False) -> str:
    return f'<span class="count{" bad" if bad else ""}"><b>{number}</b>{word}</span>'


def _failures(rows: Sequence[Row]) -> str:
    failed = [row for row in rows if row.outcome.state == FAILED]
    if not failed:
        return ""
    body = "".join(
        f"<tr><td>{escape(row.case.name)}</td><td>{escape(row.case.module)}</td><td>{escape(row.outcome.message)}</td></tr>"
        for row in failed
    )
    return f"<h2>Failures</h2><table><tr><th>case</th><th>module</th><th>why</th></tr>{body}</table>"


def _references(measures: Sequence[Measure]) -> str:
    known = [measure for measure in measures if measure.is_referenced]
    if not known:
        return ""
    body, figures = "", ""
    for measure in known:
        a, c = measure.agreement, measure.coverage
        covered = "–" if not c.cases else f"{100 * c.share:.0f} % of {c.cases} ({100 * c.low:.0f}–{100 * c.high:.0f})"
        numbers = (a.bias, a.limit_low, a.limit_high, a.mrva)
        cells = "".join(f'<td class="n">{_number(value)}</td>' for value in numbers)
        body += (
            f"<tr><td>{escape(_name(measure))}</td><td>{escape(measure.group)}</td><td class='n'>{a.cases}</td>{cells}"
            f"<td class='n'>{_number(a.pearson_r, 3)}</td><td>{covered}</td></tr>"
        )
        figures += _image(plots.bland_altman(measure)) + (_image(plots.covered(measure)) if c.cases else "")
    head = (
        "<tr><th>volume</th><th>group</th><th class='n'>cases</th><th class='n'>bias mL</th><th class='n'>limits from</th>"
        "<th class='n'>to</th><th class='n'>MRVA %</th><th class='n'>r</th><th>intervals that hold the truth (95 % Wilson)</th></tr>"
    )
    return f'<h2>Agreement with the references</h2><table>{head}{body}</table><div class="figures">{figures}</div>'


def _distributions(measures: Sequence[Measure]) -> str:
    parts = []
    for module, group in dict.fromkeys((measure.module, measure.group) for measure in measures):
        own = [measure for measure in measures if (measure.module, measure.group) == (module, group)]
        figures = "".join(_image(plots.distribution(measure)) for measure in own)
        body = "".join(_summary(measure) for measure in own)
        head = (
            "<tr><th>number</th><th class='n'>cases</th><th class='n'>median</th><th class='n'>quartiles</th>"
            "<th>outside the reference range</th></tr>"
        )
        parts.append(f'<h3>{escape(module)}, {escape(group)}</h3><table>{head}{body}</table><div class="figures">{figures}</div>')
    if not parts:
        return ""
    note = (
        "Each dot is a case, its line the interval; green is the reference range of that case, red a case outside of it. Groups are "
        "never pooled."
    )
    return f'<h2>Distributions</h2><p class="small">{note}</p>{"".join(parts)}'


def _summary(measure: Measure) -> str:
    low, middle, high = np.percentile(measure.values, (25, 50, 75))
    outside = f"{len(measure.outside)} of {measure.with_range}" if measure.with_range else "no range"
    return (
        f"<tr><td>{escape(_name(measure))}</td><td class='n'>{len(measure.values)}</td><td class='n'>{_number(middle)}</td>"
        f"<td class='n'>{_number(low)} – {_number(high)}</td><td>{outside}</td></tr>"
    )


def _outliers(found: Sequence[Outlier], measures: Sequence[Measure], out: Path) -> str:
    listed = {each.case for each in found}
    beyond = [
        Outlier(case, 0.0, f"{_name(measure)} is outside the reference range")
        for measure in measures
        for case in measure.outside
        if case not in listed and not listed.add(case)  # type: ignore[func-returns-value]
    ]
    everything = [*found, *beyond]
    if not everything:
        return "<h2>Outliers</h2><p>None: no case is far from its group or outside of a reference range.</p>"
    tiles = ""
    for each in everything[:_MOST_OUTLIERS]:
        picture = out / STATE / f"{each.case}.jpg"
        image = _image(f"data:image/jpeg;base64,{base64.b64encode(picture.read_bytes()).decode()}") if picture.is_file() else ""
        score = f" ({each.score:+.1f} robust SD)" if each.score else ""
        tiles += f'<div class="tile"><b>{escape(each.case)}</b><br><span class="small">{escape(each.why)}{score}</span><br>{image}</div>'
    more = f"<p>{len(everything) - _MOST_OUTLIERS} more are not shown.</p>" if len(everything) > _MOST_OUTLIERS else ""
    note = "The farthest first. An outlier is a place to look, not an error."
    return f'<h2>Outliers</h2><p class="small">{note}</p><div class="tiles">{tiles}</div>{more}'


def _timing(rows: Sequence[Row]) -> str:
    done = [row.outcome for row in rows if row.outcome.state == DONE and row.outcome.seconds > 0]
    if not done:
        return ""
    warm = [each.seconds for each in done if not each.cold_s]
    cold = [each.seconds for each in done if each.cold_s]
    hosts = Counter(each.host for each in done)
    memory = max(each.peak_mb for each in done)
    words = [
        f"{len(done)} cases took {_hours(sum(each.seconds for each in done))} of work on {_computers(len(hosts))}",
        f"the median case {np.median([each.seconds for each in done]):.1f} s, the slowest {max(each.seconds for each in done):.1f} s",
        f"the most memory of a case was {memory / 1e3:.1f} GB",
    ]
    repeated = sum(each.attempts > 1 for each in done)
    if repeated:
        words.append(f"{repeated} needed a second attempt")
    return f"<h2>Timing</h2><p>{'; '.join(words)}.</p>{_image(plots.durations(warm, cold))}"


def _hours(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def _computers(number: int) -> str:
    return "one computer" if number == 1 else f"{number} computers"


def _image(url: str) -> str:
    return f'<img alt="" src="{url}">'


def _name(measure: Measure) -> str:
    return measure.title.replace("_", " ")


def _number(value: float, digits: int = 1) -> str:
    return "–" if value != value else f"{value:.{digits}f}"
