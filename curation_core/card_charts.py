"""The charts of a card as inline SVG: no script, colours from the page's stylesheet, same numbers, same bytes."""

from collections.abc import Sequence
from html import escape

import numpy as np

from curation_core.card_blocks import Bars, Curves, Parts, percent

WIDTH, HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 14, 40  # room for the axes, in units of the drawing


def curves_svg(chart: Curves) -> str:
    """Sizes by rank on two logarithmic axes, each line named at its beginning."""
    most_rank = max((int(rank.max(initial=1)) for _, rank, _ in chart.series), default=1)
    most_size = max((int(size.max(initial=1)) for _, _, size in chart.series), default=1)
    x_end, y_end = max(10, most_rank), max(10, most_size)
    parts = [_axes(x_end, y_end, chart.what)]
    for name, rank, size in chart.series:
        x, y = _across(rank, x_end), _down(size, y_end)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
        parts.append(f'<polyline class="line {escape(name)}" points="{points}"/>')
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.alt)}">'
        f"{''.join(parts)}</svg>"
    )


def bar_pair(chart: Bars, place: int, most: float) -> str:
    """Two bars of one row, and the interval of the lower one; widths are shares of `most`."""
    before, after = (100 * float(values[place]) / most for values in (chart.before, chart.after))
    whisker = ""
    if chart.low is not None and chart.high is not None:
        low, high = (min(100.0, 100 * float(values[place]) / most) for values in (chart.low, chart.high))
        whisker = (
            f'<rect class="whisker" x="{low:.2f}%" y="14.5" width="{max(0.2, high - low):.2f}%" height="1.5"/>'
            f'<rect class="whisker" x="{low:.2f}%" y="12" width="1.5" height="6.5"/>'
            f'<rect class="whisker" x="{min(99.6, high):.2f}%" y="12" width="1.5" height="6.5"/>'
        )
    return (
        '<svg class="bars" width="100%" height="22" aria-hidden="true">'
        f'<rect class="pool" x="0" y="2" width="{before:.2f}%" height="8" rx="1.5"/>'
        f'<rect class="drawn" x="0" y="11" width="{after:.2f}%" height="8" rx="1.5"/>{whisker}</svg>'
    )


def scale_of(chart: Bars) -> float:
    """The share that fills the width: the largest bar or interval."""
    values = [chart.before, chart.after] + ([chart.high] if chart.high is not None else [])
    return max(1e-9, max(float(np.max(one, initial=0)) for one in values))


def parts_svg(chart: Parts) -> str:
    """One bar cut into parts, lighter from part to part."""
    total = max(1, sum(count for _, count in chart.parts))
    drawn, start = [], 0.0
    for number, (_, count) in enumerate(chart.parts):
        width = 100 * count / total
        drawn.append(
            f'<rect class="part part-{number % 4}" x="{start:.2f}%" y="0" width="{max(0.0, width - 0.3):.2f}%" '
            'height="26" rx="2"/>'
        )
        start += width
    return (
        f'<svg class="parts" width="100%" height="26" role="img" aria-label="{escape(chart.alt)}">'
        f"{''.join(drawn)}</svg>{_part_names(chart.parts, total)}"
    )


def _part_names(parts: Sequence[tuple[str, int]], total: int) -> str:
    entries = "".join(
        f'<li><i class="swatch part-{number % 4}"></i>{escape(name)} <b>{count:,}</b> '
        f"<small>{percent(count / total)}</small></li>"
        for number, (name, count) in enumerate(parts)
    )
    return f'<ul class="legend">{entries}</ul>'


def _axes(x_end: int, y_end: int, what: str) -> str:
    parts = []
    for tick in _ticks(x_end):
        x = float(_across(np.array([tick]), x_end)[0])
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{_short(tick)}</text>')
    for tick in _ticks(y_end):
        y = float(_down(np.array([tick]), y_end)[0])
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    parts.append(
        f'<text class="axis" x="{WIDTH - _RIGHT}" y="{HEIGHT - 6}" text-anchor="end">rank of the {escape(what)}</text>'
        f'<text class="axis" x="{_LEFT - 38}" y="{HEIGHT - 6}">↑ items</text>'
    )
    return "".join(parts)


def _ticks(end: int) -> list[int]:
    """Powers of ten; where there are few of them 2 and 5 times those as well."""
    powers = [10**power for power in range(int(np.log10(end)) + 1)]
    steps = (1, 2, 5) if len(powers) < 3 else (1, 3) if len(powers) < 4 else (1,)
    return [step * power for power in powers for step in steps if step * power <= end]


def _short(number: int) -> str:
    for size, mark in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number // size}{mark}"
    return str(number)


def _across(rank: np.ndarray, end: int) -> np.ndarray:
    width = WIDTH - _LEFT - _RIGHT
    found: np.ndarray = _LEFT + width * np.log(np.maximum(1, rank)) / np.log(end)
    return found


def _down(size: np.ndarray, end: int) -> np.ndarray:
    height = HEIGHT - _TOP - _BOTTOM
    found: np.ndarray = HEIGHT - _BOTTOM - height * np.log(np.maximum(1, size)) / np.log(end)
    return found
