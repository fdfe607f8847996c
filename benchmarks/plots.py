"""Plots of cost against size: run in the environment that has matplotlib.

python -P plots.py SAMPLES FOLDER
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

if __name__ == '__main__':
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.operations import OPERATIONS, Operation
from benchmarks.peers import PEERS
from benchmarks.results import Case, Results

NAMES = {'bulk': 'bulks', 'query': 'queries'}

# Distinguishable without colour too.
STYLES = (
    ('#0b6e4f', 'o', '-'),
    ('#58b894', 'h', '--'),
    ('#8a8a8a', 's', '--'),
    ('#c0392b', '^', '-'),
    ('#2e6fb7', 'v', '-'),
    ('#b8860b', 'D', ':'),
    ('#e67e22', '*', '-'),
    ('#7d3c98', 'P', ':'),
    ('#1b1b1b', 'X', '-'),
)


def draw(results: Results, folder: Path, kind: str) -> None:
    """Draw all operations of a kind, as panels of one picture."""
    import matplotlib as mpl

    mpl.use('Agg')
    from matplotlib import pyplot

    measured = {case.operation for cases in results.samples.values() for case in cases}
    operations = [
        one
        for one in OPERATIONS
        if one.kind == kind and one.name in measured and len(_sizes(results, one)) > 1
    ]
    if not operations:
        return
    columns = min(len(operations), 3)
    rows = math.ceil(len(operations) / columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(4.2 * columns, 3.1 * rows), squeeze=False, sharey=True
    )
    for place, panel in enumerate(axes.flat):
        if place < len(operations):
            _panel(panel, results, operations[place])
        else:
            panel.axis('off')
    for row in axes:
        row[0].set_ylabel('ms')
    labels: dict[str, Any] = {}
    for panel in axes.flat:
        for line, label in zip(*panel.get_legend_handles_labels(), strict=True):
            labels.setdefault(label, line)
    figure.legend(
        labels.values(), labels.keys(), loc='lower center', ncols=len(labels), frameon=False
    )
    figure.tight_layout(rect=(0, 0.08 if rows == 1 else 0.04, 1, 1))
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f'{NAMES[kind]}.png', dpi=90, metadata={'Software': None})


def _sizes(results: Results, operation: Operation) -> set[int]:
    return {
        case.size
        for cases in results.samples.values()
        for case in cases
        if case.operation == operation.name
    }


def _panel(panel: Any, results: Results, operation: Operation) -> None:
    for member, (color, marker, style) in zip(PEERS, STYLES, strict=True):
        points = [
            (size, time / 1e6)
            for size in sorted(_sizes(results, operation))
            if (time := results.time(member.name, Case(operation.name, size))) is not None
        ]
        if points:
            panel.plot(
                *zip(*points, strict=True),
                color=color,
                marker=marker,
                linestyle=style,
                label=member.title,
            )
    panel.set_xscale('log')
    panel.set_yscale('log')
    panel.set_title(operation.title, fontsize=9)
    panel.set_xlabel('entities', fontsize=8)
    panel.tick_params(labelsize=8)
    panel.tick_params(axis='y', labelleft=True)
    panel.grid(True, which='major', alpha=0.25)


if __name__ == '__main__':
    found = Results.read(Path(sys.argv[1]))
    for kind_ in NAMES:
        draw(found, Path(sys.argv[2]), kind_)
