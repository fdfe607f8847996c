"""A picture of the questions that a search engine is asked as well: a bar for each peer, as SVG.

A bar is how many times as fast as the search engine a peer is, on a logarithmic axis: those that go
to the right are ahead of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from benchmarks.operations import SEARCHES, Operation
from benchmarks.peers import BY_NAME, OURS, OURS_COMPOUND, REDIS_OM, REDISEARCH, ROM1
from benchmarks.results import Case, Results

NAME = 'search'
SIZE = 100_000  # of the set to show, or the nearest smaller one

COLORS = {OURS: '#0b6e4f', OURS_COMPOUND: '#58b894', REDIS_OM: '#2e6fb7', ROM1: '#c0392b'}
WIDTH, LABELS, TOP = 900, 300, 54
BAR, GAP = 11, 12
MARGIN = 50  # for a number beside the longest bar
LEAST = 1 / 8  # shorter than this, and the axis would be all emptiness


class _Bar(NamedTuple):
    """One of a question: whose, and how many times as fast as the search engine."""

    peer: str
    ratio: float


def write(results: Results, folder: Path) -> Path | None:
    """Write the picture; None where there is no search engine in the results."""
    rows = list(_rows(results))
    path = folder / f'{NAME}.svg'
    path.unlink(missing_ok=True)
    if not rows:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(_picture(rows), 'utf-8')
    return path


def size_shown(results: Results) -> int:
    """The size of the set that the bars are about."""
    return max((size for size in results.sizes if size <= SIZE), default=results.sizes[0])


def ratio(results: Results, peer: str, operation: Operation, size: int) -> float | None:
    """How many times as fast as the search engine a peer answers; None: one of them does not."""
    case = Case(operation.name, operation.counts[0] if operation.counts else size)
    return results.ratio(REDISEARCH, peer, case)


def _rows(results: Results) -> Iterator[tuple[str, list[_Bar]]]:
    size = size_shown(results)
    for operation in SEARCHES:
        found = {peer: ratio(results, peer, operation, size) for peer in COLORS}
        bars = [_Bar(peer, one) for peer, one in found.items() if one]
        if bars:
            yield operation.title, bars


class _Axis:
    """Places of ratios between the labels and the right margin, by their logarithms."""

    def __init__(self, ratios: list[float]) -> None:
        self.low = 10 ** math.floor(math.log10(min(LEAST, *ratios)))
        self.high = 10 ** math.ceil(math.log10(max(1 / LEAST, *ratios)))

    def place(self, ratio: float) -> float:
        share = math.log(ratio / self.low) / math.log(self.high / self.low)
        return LABELS + MARGIN + share * (WIDTH - LABELS - 2 * MARGIN)

    def ticks(self) -> Iterator[float]:
        tick = self.low
        while tick <= self.high * 1.001:
            yield tick
            tick *= 10


def _picture(rows: list[tuple[str, list[_Bar]]]) -> str:
    axis = _Axis([bar.ratio for _, bars in rows for bar in bars])
    height = TOP + sum(len(bars) * BAR + GAP for _, bars in rows) + 8
    parts = [*_legend(rows), *_grid(axis, height)]
    top = TOP
    for title, bars in rows:
        middle = top + len(bars) * BAR / 2 + 4
        parts.append(_text(LABELS - 6, middle, title, 'end'))
        for bar in bars:
            parts += _bar(axis, bar, top)
            top += BAR
        top += GAP
    lines = '\n'.join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12" fill="#222">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n{lines}\n</svg>\n'
    )


def _legend(rows: list[tuple[str, list[_Bar]]]) -> Iterator[str]:
    present = {bar.peer for _, bars in rows for bar in bars}
    left = LABELS + MARGIN
    for peer, color in COLORS.items():
        if peer in present:
            yield f'<rect x="{left}" y="8" width="12" height="10" fill="{color}"/>'
            yield _text(left + 17, 17, BY_NAME[peer].title)
            left += 130


def _grid(axis: _Axis, height: int) -> Iterator[str]:
    for tick in axis.ticks():
        x, is_one = axis.place(tick), math.isclose(tick, 1)
        color = '#222' if is_one else '#ddd'
        yield (
            f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 8}" stroke="{color}"/>'
        )
        label = f'slower ← {BY_NAME[REDISEARCH].title} → faster' if is_one else f'{tick:,.10g}×'
        yield _text(x, TOP - 13, label, 'middle')


def _bar(axis: _Axis, bar: _Bar, top: float) -> Iterator[str]:
    one, end = axis.place(1), axis.place(bar.ratio)
    yield (
        f'<rect x="{min(one, end):.1f}" y="{top:.1f}" width="{abs(end - one):.1f}" '
        f'height="{BAR - 2}" fill="{COLORS[bar.peer]}"/>'
    )
    number = f'{bar.ratio:.0f}×' if bar.ratio >= 100 else f'{bar.ratio:.2g}×'
    beside, anchor = (end + 4, 'start') if bar.ratio >= 1 else (end - 4, 'end')
    yield _text(beside, top + 8.5, number, anchor, 10)


def _text(x: float, y: float, text: str, anchor: str = 'start', size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f'{escape(text)}</text>'
    )
