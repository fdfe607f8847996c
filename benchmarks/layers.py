"""What each layer of rom.schematics costs, as ratios; writes the table and the plot of the docs.

    python -m benchmarks.layers                     # docs/schematics/layers-measured.txt and .svg
    python -m benchmarks.layers --objects 2000 --rounds 2 --to /somewhere

It starts a server of its own. Each thing is measured for all layers in turn, several rounds; what
is kept is the median of the ratios to SimpleRedisMixin: on a shared machine, only ratios mean
anything. At the end a filter over many objects is measured against redis-schematics itself,
which is fetched from the package index into a folder that is thrown away, and scans the very same
objects in a process of its own (--no-peer leaves that out).
"""

from __future__ import annotations

import argparse
import datetime
import gc
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from schematics import models, types

import rom.schematics as layers
from rom.embedded import open_server

ROOT = Path(__file__).parents[1]
MIXINS = (
    'SimpleRedisMixin', 'HashRedisMixin', 'FieldRedisMixin', 'FieldHashRedisMixin',
    'ObjectHashRedisMixin', 'IndexedRedisMixin',
)  # fmt: skip
COLUMNS = {
    'memory': 'memory of an object',
    'set': '``set``',
    'expire': '``set`` with expiry',
    'partial': 'change one field',
    'match': '``match`` by key',
    'all': '``all``',
    'range': '``filter``, 1% in a range',
    'equal': '``filter``, two fields',
}
SOME = 200  # single calls of each kind in a round
START = datetime.datetime(2030, 1, 1)

# The old package, in its own process: the seconds that each filter takes it.
PEER = """
import sys, time, redis
from redis_schematics import SimpleRedisMixin
from schematics import models, types
connection = redis.Redis(unix_socket_path=sys.argv[1])
class SimpleIce(models.Model, SimpleRedisMixin):
    __redis_client__ = connection
    pk = types.StringType(); id = types.StringType(); flavour = types.StringType()
    maker = types.StringType(); amount_kg = types.IntType(); price = types.FloatType()
    best_before = types.DateTimeType(); tags = types.ListType(types.StringType())
for line in sys.stdin:
    low = int(line)
    start = time.perf_counter()
    found = SimpleIce.filter(amount_kg__gte=low, amount_kg__lt=low + 10)
    print(time.perf_counter() - start, len(found), flush=True)
"""


def model(mixin: str, connection: redis.Redis, **more: Any) -> Any:
    """The model that is measured, on one layer."""
    body = {
        '__redis_client__': connection,
        'pk': types.StringType(),
        'id': types.StringType(),
        'flavour': types.StringType(metadata={'index': True}),
        'maker': types.StringType(),
        'amount_kg': types.IntType(metadata={'index': True}),
        'price': types.FloatType(),
        'best_before': types.DateTimeType(metadata={'index': True}),
        'tags': types.ListType(types.StringType()),
        **more,
    }
    name = mixin.removesuffix('RedisMixin') + 'Ice'
    return type(models.Model)(name, (models.Model, getattr(layers, mixin)), body)


def objects(kind: Any, count: int) -> list[Any]:
    """Objects to store; the same for every layer."""
    rng = random.Random(1)
    return [
        kind(
            {
                'id': f'ice-{number:07}',
                'flavour': f'Flavour {number % 50}',
                'maker': f'The Maker of Ice Cream number {rng.randrange(1000)}',
                'amount_kg': number % 1000,
                'price': rng.randrange(10_000) / 100,
                'best_before': START + datetime.timedelta(seconds=rng.randrange(10**8)),
                'tags': ['cold', 'sweet'],
            }
        )
        for number in range(count)
    ]


def fill(kind: Any, count: int) -> list[Any]:
    """Store objects, in transactions of some hundred."""
    made = objects(kind, count)
    for start in range(0, count, 500):
        with layers.transaction():
            for one in made[start : start + 500]:
                one.set()
    return made


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class Layer:
    """One layer, filled, and what it is measured by."""

    def __init__(self, mixin: str, connection: redis.Redis, count: int) -> None:
        self.connection = connection
        self.kind = model(mixin, connection)
        self.brief = model(mixin, connection, __expire__=3600, __prefix__=f'Brief{mixin}')
        before = self._memory()
        self.made = fill(self.kind, count)
        for note in connection.scan_iter('*:done:*', count=1000):
            connection.delete(note)
        self.memory = (self._memory() - before) / count

    def _memory(self) -> int:
        self.connection.ping()
        return int(self.connection.info('memory')['used_memory'])

    def calls(self, round: int) -> dict[str, Callable[[], Any]]:
        """What is timed, by column; the same objects and questions for every layer."""
        rng = random.Random(round)
        some = rng.sample(self.made, SOME)
        briefs = [self.brief(one.to_native()) for one in some]
        low = rng.randrange(990)
        range_of = {'amount_kg__gte': low, 'amount_kg__lt': low + 10}
        two = {'flavour': f'Flavour {low % 50}', 'amount_kg__gte': 500}
        return {
            'set': lambda: [one.set() for one in some],
            'expire': lambda: [one.set() for one in briefs],
            'partial': lambda: self._change(some),
            'match': lambda: [self.kind.match(pk=one.pk) for one in some],
            'all': self.kind.all,
            'range': lambda: self.kind.filter(**range_of),
            'equal': lambda: self.kind.filter(**two),
        }

    def _change(self, some: list[Any]) -> None:
        only = {'only': ['price']} if self.kind.__layer__.has_parts else {}
        for one in some:
            one.price += 1
            one.set(**only)


def measure(connection: redis.Redis, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Ratios by mixin and column: each column of all layers in turn, and the median of rounds."""
    every = {mixin: Layer(mixin, connection, count) for mixin in MIXINS}
    measured: dict[str, dict[str, list[float]]] = {
        mixin: {column: [] for column in COLUMNS if column != 'memory'} for mixin in MIXINS
    }
    for round in range(rounds):
        calls = {mixin: layer.calls(round) for mixin, layer in every.items()}
        for column in measured[MIXINS[0]]:
            costs = {mixin: seconds(calls[mixin][column]) for mixin in MIXINS}
            for mixin, cost in costs.items():
                measured[mixin][column].append(cost / costs[MIXINS[0]])
        for layer in every.values():
            layer.brief.delete_all()
    return {
        mixin: {
            'memory': every[mixin].memory / every[MIXINS[0]].memory,
            **{column: statistics.median(found) for column, found in columns.items()},
        }
        for mixin, columns in measured.items()
    }


def against_peer(connection: redis.Redis, socket: str, count: int, rounds: int) -> float:
    """How many times longer redis-schematics takes for a filter than IndexedRedisMixin."""
    fill(model('SimpleRedisMixin', connection), count)
    indexed = model('IndexedRedisMixin', connection)
    fill(indexed, count)
    with tempfile.TemporaryDirectory() as folder:
        install = [sys.executable, '-m', 'pip', 'install', '--quiet', '--target', folder]
        subprocess.run([*install, 'redis-schematics==0.3.1', 'schematics>=2.1'], check=True)
        peer = subprocess.Popen(
            [sys.executable, '-P', '-W', 'ignore', '-c', PEER, socket],
            env={**os.environ, 'PYTHONPATH': folder},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
        )  # fmt: skip
        assert peer.stdin is not None
        assert peer.stdout is not None
        indexed.filter(amount_kg__gte=1000)  # the script is loaded
        ours, theirs = [], []
        for number in range(rounds):
            low = number * 17
            ours.append(
                seconds(lambda low=low: indexed.filter(amount_kg__gte=low, amount_kg__lt=low + 10))  # type: ignore[misc]
            )
            peer.stdin.write(f'{low}\n')
            peer.stdin.flush()
            took, found = peer.stdout.readline().split()
            assert int(found) == count // 100, found
            theirs.append(float(took))
        peer.stdin.close()
        peer.wait()
    print(f'ours {statistics.median(ours):.4f} s, theirs {statistics.median(theirs):.2f} s')
    return statistics.median(theirs) / statistics.median(ours)


def shown(ratio: float) -> str:
    """A ratio with two digits that count."""
    return f'{ratio:.0f}' if ratio >= 9.95 else f'{ratio:.2g}'


def table(found: dict[str, dict[str, float]]) -> str:
    """The ratios as a table of reStructuredText."""
    lines = ['.. list-table::', '   :header-rows: 1', '']
    header = ['', *(mixin.removesuffix('RedisMixin') for mixin in MIXINS)]
    rows = [header]
    for column, title in COLUMNS.items():
        rows.append([title, *(shown(found[mixin][column]) for mixin in MIXINS)])
    for row in rows:
        lines += [f'   {"*" if not place else " "} - {cell}' for place, cell in enumerate(row)]
    return '\n'.join(line.rstrip() for line in lines) + '\n'


def plot(found: dict[str, dict[str, float]]) -> str:
    """The ratios as a picture: a line for each column, a mark for each layer, on a log scale."""
    marks = ('#0b6e4f', '#8a8a8a', '#c0392b', '#2e6fb7', '#b8860b', '#7d3c98')
    left, top, width, step = 190, 64, 520, 34
    every = [ratio for costs in found.values() for ratio in costs.values()]
    low = math.floor(math.log10(min(every)) * 2) / 2
    high = math.ceil(math.log10(max(every)) * 2) / 2

    def x(ratio: float) -> float:
        return round(left + width * (math.log10(ratio) - low) / (high - low), 1)

    height = top + step * len(COLUMNS) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 40}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for place, (mixin, colour) in enumerate(zip(MIXINS, marks, strict=True)):
        at: float = 20 + place * 120
        parts.append(f'<circle cx="{at}" cy="20" r="6" fill="{colour}"/>')
        parts.append(f'<text x="{at + 10}" y="24">{mixin.removesuffix("RedisMixin")}</text>')
    for power in range(math.ceil(low), math.floor(high) + 1):
        at = x(10.0**power)
        parts.append(
            f'<line x1="{at}" x2="{at}" y1="{top - 14}" y2="{height - 34}" stroke="#ddd"/>'
        )
        parts.append(
            f'<text x="{at}" y="{height - 16}" text-anchor="middle">{10.0**power:g}</text>'
        )
    for row, (column, title) in enumerate(COLUMNS.items()):
        y = top + step * row
        parts.append(f'<text x="10" y="{y + 4}">{title.replace("``", "")}</text>')
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y}" y2="{y}" stroke="#eee"/>')
        for mixin, colour in zip(MIXINS, marks, strict=True):
            at = x(found[mixin][column])
            parts.append(f'<circle cx="{at}" cy="{y}" r="6" fill="{colour}" fill-opacity="0.75"/>')
    return '\n'.join([*parts, '</svg>', ''])


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--objects', type=int, default=10_000)
    parser.add_argument('--peer-objects', type=int, default=100_000)
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--no-peer', action='store_true')
    parser.add_argument('--to', type=Path, default=ROOT / 'docs' / 'schematics')
    asked = parser.parse_args()
    warnings.simplefilter('ignore', DeprecationWarning)
    server = open_server()
    with redis.Redis(unix_socket_path=str(server.socket)) as connection:
        found = measure(connection, asked.objects, asked.rounds)
        text = table(found) + (
            f'\n{asked.objects:,} objects of eight fields, {asked.rounds} rounds; the cost of '
            'SimpleRedisMixin is 1.\n'
        )
        if not asked.no_peer:
            connection.flushall()
            ratio = against_peer(connection, str(server.socket), asked.peer_objects, 3)
            text += (
                f'\nA ``filter`` that finds 1% of {asked.peer_objects:,} objects: '
                f'``IndexedRedisMixin`` is {ratio:,.0f} times as fast as redis-schematics 0.3.1.\n'
            )
    server.close()
    asked.to.mkdir(parents=True, exist_ok=True)
    (asked.to / 'layers-measured.txt').write_text(text, 'utf-8')
    (asked.to / 'layers.svg').write_text(plot(found), 'utf-8')
    print(text)


if __name__ == '__main__':
    main()
