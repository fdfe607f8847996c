"""Partitions: how evenly the nodes of a cluster share the work, and what a commit costs.

    scripts/bench --partitions                 # docs/benchmarks/partitions.txt
    python -m benchmarks.partitions --rounds 3 --to /somewhere.txt

It starts clusters of its own, of 1, 3 and 6 masters. All figures are ratios of the processor time
that the servers report (INFO cpu), so it hardly matters who else uses the machine. What two models
cost is compared in turns; the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis

import rom
from benchmarks.twins import Twins, spent
from tests.support.cluster import Cluster

TO: Final = Path(__file__).parents[1] / 'docs' / 'benchmarks' / 'partitions.txt'
SHARDS: Final = rom.Shards('bench', 64)
#: Rows of a bulk: as many commits for each partition, which get new rows in turn.
BATCH, TURNS = 100, 4
#: Repetitions of a query, and commits of one round.
QUERIES, COMMITS = 300, 1000
OF_WHOLE: Final = 'of the time without partitions'


class BenchAlone(rom.Model):
    """A model without partitions."""

    _namespace = '{bench}BenchAlone'
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    score = rom.Integer(index=True)


class BenchParts(rom.Model):
    """The same over partitions."""

    _shards = SHARDS
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    score = rom.Integer(index=True)


class BenchLone(rom.Model):
    """A model without partitions, with a unique column."""

    _namespace = '{bench}BenchLone'
    email = rom.Text(unique=True, required=True)
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    score = rom.Integer(index=True)


class BenchUser(rom.Model):
    """The same over partitions."""

    _shards = SHARDS
    email = rom.Text(unique=True, required=True)
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    score = rom.Integer(index=True)


class Figure(NamedTuple):
    """One figure, and its goal.

    Attributes:
        what: was measured.
        goal: the bound.
        value: was found.
        is_least: the bound is the least that the value may be, not the most.
    """

    what: str
    goal: float
    value: float
    is_least: bool = False

    @property
    def is_reached(self) -> bool:
        """True if the value is on the right side of the bound."""
        return self.value >= self.goal if self.is_least else self.value <= self.goal


@contextlib.contextmanager
def cluster_of(masters: int) -> Iterator[list[Any]]:
    """Start a cluster, and connect all models to it; give a client of each node."""
    cluster = Cluster(masters=masters, replicas=0)
    try:
        host, port = cluster.startup[0]
        client: Any = redis.RedisCluster(host=host, port=port)
        rom.util.CONNECTION = client
        yield [node.client for node in cluster.nodes]
        client.close()
    finally:
        cluster.end()


def values(number: int) -> dict[str, Any]:
    """Return the columns of a row, the same for the same number."""
    return {'city': f'city {number * 7919 % 20}', 'score': number * 104_729 % 1_000_003}


def insert_many() -> None:
    """Insert as many rows with a unique value in each partition, a hundred in a commit."""
    for batch in range(TURNS * SHARDS.partitions):
        with rom.Session() as session:
            for number in range(batch * BATCH, (batch + 1) * BATCH):
                BenchUser(email=f'{number}@example.org', **values(number))
            session.commit()


def shares(servers: Sequence[Any]) -> Iterator[Figure]:
    """Measure the busiest node's part of scattered queries."""
    query = BenchUser.query
    asked: dict[str, Callable[[Any], object]] = {
        'count of a filter': lambda s: s.count(query.filter(city='city 3')),
        'first 20 by a number': lambda s: s.all(query.order_by('-score').limit(0, 20)),
        'facets of a column': lambda s: s.facets(query, 'city'),
    }
    for what, ask in asked.items():

        def work(ask: Callable[[Any], object] = ask) -> None:
            for _ in range(QUERIES):
                with rom.Session() as session:
                    ask(session)

        work()  # the scripts are loaded, and the connections made
        each = spent(servers, work)
        yield Figure(f'{what}, busiest of 3 nodes, of all', 0.4, max(each) / sum(each))


def cluster_figures() -> Iterator[Figure]:
    """Measure what more nodes bring, for inserts and for queries."""
    rates: dict[int, float] = {}
    for masters, goal in ((1, 0.0), (3, 2.4), (6, 4.0)):
        with cluster_of(masters) as servers:
            rates[masters] = 1 / max(spent(servers, insert_many))
            if goal:
                gained = rates[masters] / rates[1]
                yield Figure(f'inserts on {masters} masters, of those on 1', goal, gained, True)
            if masters == 3:
                yield from shares(servers)


def insert(model: Any, first: int) -> Callable[[], None]:
    """Return the work of inserting rows, each by a commit of its own."""
    more = 'email' in model._columns

    def work() -> None:
        for number in range(first, first + COMMITS):
            with rom.Session() as session:
                unique = {'email': f'{model.__name__}{number}@example.org'} if more else {}
                session.save(model(**values(number), **unique))

    return work


def change(model: Any, first: int) -> Callable[[], None]:
    """Return the work of changing an indexed column of rows that are loaded, one after another."""
    session = rom.Session()
    with session:
        loaded = session.all(model.query.limit(0, COMMITS))

    def work() -> None:
        with session:
            for number, entity in enumerate(loaded):
                entity.score = first + number
                session.save(entity)

    return work


def commit_figures(rounds: int) -> Iterator[Figure]:
    """Measure commits of one row, over partitions and without, on one server."""
    twins = Twins()
    plain, unique = (BenchAlone, BenchParts), (BenchLone, BenchUser)
    for model in (*plain, *unique):
        twins.replay(insert(model, 0))
    for what, goal, make, models in (
        ('a new row', 1.1, insert, plain),
        ('a change of one column', 1.1, change, plain),
        ('a new row with a unique value', 2.0, insert, unique),
    ):
        found = twins.ratio(
            [make(model, turn * 1_000_000) for model in models] for turn in range(1, rounds + 1)
        )
        yield Figure(f'{what}, {OF_WHOLE}', goal, found)
    _, trips = twins.replay(insert(BenchUser, 50_000_000))
    yield Figure('round trips of a new row with a unique value', 2.0, trips / COMMITS)
    twins.close()


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as reStructuredText."""
    rows = BATCH * TURNS * SHARDS.partitions
    lines = [
        f'{SHARDS.partitions} partitions with {rows:,} rows. All but the round trips are ratios of',
        'processor time that the servers report.',
        '',
        '.. list-table::',
        '   :header-rows: 1',
        '   :widths: 60 15 15 10',
        '',
        '   * - measure',
        '     - goal',
        '     - measured',
        '     -',
    ]
    for one in figures:
        lines += [
            f'   * - {one.what}',
            f'     - {"at least" if one.is_least else "at most"} {one.goal:g}',
            f'     - {one.value:.2f}',
            f'     - {"reached" if one.is_reached else "**missed**"}',
        ]
    return '\n'.join(lines) + '\n'


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(prog='benchmarks.partitions', description=__doc__)
    parser.add_argument('--rounds', type=int, default=15, help='the median of them counts; 15')
    parser.add_argument('--to', type=Path, default=TO, help='the file of the table')
    options = parser.parse_args(arguments)
    figures = []
    for figure in chain(cluster_figures(), commit_figures(options.rounds)):
        print(figure, flush=True)
        figures.append(figure)
    options.to.write_text(table(figures), 'utf-8')


if __name__ == '__main__':
    main()
