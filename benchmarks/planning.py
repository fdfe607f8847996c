"""What the planner's rules are worth: each way that a search can go, forced, and its cost.

``python -m benchmarks.planning 10000 100000`` prints a line for each way: microseconds of the
server's processor time, of one call, the best of several rounds. docs/design/planner.rst has them
in its tables. A way is forced by changing the line of the script that chooses it, so that a change
of the planner fails here, and does not go unnoticed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import redis

import rom
from rom._core.drivers.scripts import source
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.ops.search.search_calls import Search
from rom._core.query.ordering import orders_for

ROUNDS = 5
SECONDS = 0.1  # of the server's time, in a round
BATCH = 10_000
FREE = Bounds(small=10**9, budget=10**9)

Changes = Mapping[str, str]
WALKED: Changes = {
    'local WALK_COST = 0.75': 'local WALK_COST = 0',
    'return begin_order(search), 2 * part.size': 'return begin_order(search)',
}
SORTED: Changes = {'local WALK_COST = 0.75': 'local WALK_COST = 1e9'}
ALONG_IDS: Changes = {
    'local GATHER_GAIN = 2': 'local GATHER_GAIN = 0',
    'return along_ids, is_small and part.size or nil': 'return along_ids',
}
GATHERED: Changes = {'local GATHER_GAIN = 2': 'local GATHER_GAIN = 1e9'}
BY_THE_LARGEST: Changes = {
    'search.parts[best].size <= part.size': 'search.parts[best].size >= part.size'
}
BY_THE_SET: Changes = {'return strings or best, strings': 'return best or strings, strings'}
LOOKED_AT: Changes = {
    "request.want == 'count' and not request.position and count_at_once(search)": 'false'
}


class Planned(rom.Model):
    city = rom.Text(index=True, keygen=rom.IDENTITY)  # 2% each
    tenth = rom.Text(index=True, keygen=rom.IDENTITY)
    half = rom.Boolean(index=True)
    old = rom.Boolean(index=True)  # the first 5%
    age = rom.Float(index=True)
    score = rom.Float(index=True)
    late = rom.Integer(index=True)
    words = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
    name = rom.Text(prefix=True, keygen=rom.IDENTITY)


@dataclass(frozen=True)
class Case:
    """A query, and the way it is made to go; `want` as lua/search.lua has it."""

    name: str
    query: rom.Query[Any]
    changes: Changes = field(default_factory=dict)
    want: str = 'ids'
    bounds: Bounds = BOUNDS


def cases() -> Iterator[Case]:
    query = Planned.query
    both = query.filter(city='c1', age=(0, 50))
    yield Case('2% and a range of 50%: the smallest drives', both, want='count')
    yield Case('... the largest drives', both, BY_THE_LARGEST, 'count', FREE)
    for first in ('tenth', 'city'):
        sets = query.filter(**{first: 'c1'}, half=True).limit(0, 20)
        yield Case(f'{first} and half, 20 wanted: gathered', sets, GATHERED, bounds=FREE)
        yield Case('... walked', sets, ALONG_IDS, bounds=FREE)
    for share in (0.1, 0.5, 1, 2, 5, 10, 20, 50):
        some = query.filter(age=(0, share)).order_by('-score').limit(0, 20)
        yield Case(f'an order, a range of {share}%: chosen', some)
        yield Case('... walked', some, WALKED, bounds=FREE)
        yield Case('... sorted', some, SORTED, bounds=FREE)
    far = query.filter(old=True).order_by('-late').limit(0, 20)
    yield Case('all at the far end: given up', far)
    yield Case('... walked', far, WALKED, bounds=FREE)
    yield Case('... sorted', far, SORTED, bounds=FREE)
    for wanted in (10**9, 20):
        words = query.filter(city='c1').startswith(words='w1').limit(0, wanted)
        yield Case(f'words of 10% and a set of 2%, {wanted} wanted: words drive', words)
        yield Case('... the set drives', words, BY_THE_SET, bounds=FREE)
    names = query.filter(city='c1').startswith(name='n1')
    yield Case('whole values of 10% and a set of 2%', names, want='count')
    yield Case('a range of 50%, counted', query.filter(age=(0, 50)), want='count')
    yield Case('... looked at', query.filter(age=(0, 50)), LOOKED_AT, 'count', FREE)


def fill(size: int) -> None:
    draw = random.Random(7)
    for id in range(1, size + 1):
        Planned(
            city=f'c{draw.randrange(50)}', tenth=f'c{draw.randrange(10)}', half=draw.random() < 0.5,
            old=id <= size // 20, age=draw.random() * 100, score=draw.random(), late=id,
            words=f'w{draw.randrange(1000):03}', name=f'n{draw.randrange(1000):03}',
        )  # fmt: skip
        if id % BATCH == 0 or id == size:
            rom.session.commit()
            rom.session.rollback()


def spent(connection: redis.Redis) -> float:
    """Seconds of the processor that the server has taken so far."""
    info: Any = connection.info('cpu')
    return float(info['used_cpu_user']) + float(info['used_cpu_sys'])


def cost(connection: redis.Redis, case: Case) -> float:
    """Microseconds of the server's time for one call."""
    is_count = case.want == 'count'
    orders = () if is_count else orders_for(case.query.schema, case.query.spec)
    search = Search(case.query, case.bounds, orders)
    cursor = search.begin()
    if is_count:
        cursor.skip, cursor.need = 0, None
    script = source('search', search.parts(case.want))
    for line, instead in case.changes.items():
        if line not in script:
            sys.exit(f'{case.name}: lua/search.lua has no {line!r} any more')
        script = script.replace(line, instead)
    asked = search.call(cursor, case.want)
    request, key = asked.request, asked.key
    digest = connection.script_load(script)

    def seconds(times: int) -> float:
        before = spent(connection)
        for _ in range(times):
            connection.execute_command('EVALSHA', digest, 1, key, request)  # type: ignore[no-untyped-call]
        return (spent(connection) - before) / times

    times = max(3, min(2000, int(SECONDS / max(seconds(3), 1e-5))))
    return min(seconds(times) for _ in range(ROUNDS)) * 1e6


def main(sizes: list[int]) -> None:
    connection = rom.connect('embedded:')
    for size in sizes:
        connection.flushall()
        fill(size)
        for case in cases():
            print(f'{size:>9,}  {cost(connection, case):>12,.0f} µs  {case.name}', flush=True)


if __name__ == '__main__':
    main([int(size) for size in sys.argv[1:]] or [10_000, 100_000])
