"""How long one call of any read holds the server: the worst that we could think of, measured.

``python -m benchmarks.holding`` fills an embedded server with 100,000 entities, asks every question
of `questions`, and prints for each the longest time that a single call (a script counts as one)
held the server, how many calls it took, and how long the whole question did. A call's time is the
server's processor time, and the smallest of several rounds counts for each call: others use the
machine as well.
docs/design/limits.rst has the figures.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import random
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import redis

import rom
import rom.jsonl
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Pipeline

SIZE = 100_000
LARGE = 10_000  # bytes of a large value
ROUNDS = 3
BATCH = 2000
GOAL = 25.0  # milliseconds
BEGINNING = dt.datetime(2020, 1, 1)
FAR = 4_294_967_290


class Held(rom.Model):
    """One of everything that an index can be."""

    city = rom.Text(index=True, keygen=rom.IDENTITY)  # 2% each
    tenth = rom.Text(index=True, keygen=rom.IDENTITY)
    half = rom.Boolean(index=True)
    other = rom.Boolean(index=True)
    old = rom.Boolean(index=True)  # the first 5%
    n = rom.Integer(index=True, unique=True)
    age = rom.Float(index=True)
    score = rom.Float(index=True)
    level = rom.Integer(index=True)  # five values
    made = rom.DateTime(index=True)
    words = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    name = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_CI)
    grade = rom.Text(index=True, keygen=rom.SIMPLE_CI)  # many with the same seven bytes
    body = rom.Text()
    lon = rom.Float()
    lat = rom.Float()
    geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': e.lat})]


class Sparse(rom.Model):
    """Two rows, one of them at the far end of the numbers."""

    n = rom.Integer(index=True)


class SearchReply(NamedTuple):
    """What a question cost: milliseconds of its longest call, calls, milliseconds of it all."""

    longest: float
    calls: int
    whole: float


class Meter:
    """Measures each request that the driver carries out, those of a pipeline one by one."""

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection
        self._perform = SyncDriver.perform
        self.costs: list[float] = []
        meter = self

        def perform(driver: SyncDriver, request: Any) -> Any:
            if isinstance(request, Pipeline):
                return [perform(driver, one) for one in request.requests]
            return meter.measure(driver, request)

        SyncDriver.perform = perform  # type: ignore[method-assign,assignment]

    def measure(self, driver: SyncDriver, request: Any) -> Any:
        before = self._spent()
        reply = self._perform(driver, request)
        self.costs.append(self._spent() - before)
        return reply

    def _spent(self) -> float:
        """Milliseconds of the processor that the server has taken so far."""
        info: Any = self._connection.info('cpu')
        return (float(info['used_cpu_user']) + float(info['used_cpu_sys'])) * 1000


def fill(size: int, large: int) -> None:
    draw = random.Random(7)
    for id in range(1, size + 1):
        letter = 'aé'[id % 2]
        Held(
            city=f'c{draw.randrange(50)}', tenth=f'c{draw.randrange(10)}', half=draw.random() < 0.5,
            other=draw.random() < 0.5, old=id <= size // 20, n=id, age=draw.random() * 100,
            score=draw.random(), level=draw.randrange(5), made=BEGINNING + dt.timedelta(minutes=id),
            words=f'a{draw.randrange(1000):03} all {letter}b{draw.randrange(9)}',
            name=f'A{letter}{draw.randrange(10**6):06}', grade=f'gradual{draw.randrange(10**6)}',
            body='x' * LARGE if id % large == 0 or id > size - 1500 else 'x',
            lon=draw.gauss(10, 1), lat=draw.gauss(50, 1),
        )  # fmt: skip
        if id % BATCH == 0 or id == size:
            rom.session.commit()
            rom.session.rollback()


def questions() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Everything that a query, a model and a session are asked, with the worst arguments."""
    query, size = Held.query, SIZE
    numbers = list(range(1, 20_001))
    tenths = [f'c{n}' for n in range(10)]
    trees = {
        'everything': query,
        'half': query.filter(half=True),
        'half and half': query.filter(half=True, other=True),
        'two words': query.filter(words='all').filter(words='ab1'),
        'a tenth': query.filter(tenth='c1'),
        'two ranges': query.filter(age=(10, 95), score=(0.05, 0.9)),
        'three ranges and a set': query.filter(age=(1, 99), score=(0, 0.9), n=(1, size), half=True),
        'a prefix of words': query.startswith(words='a'),
        'two prefixes of words': query.startswith(words='a').startswith(words='al'),
        'a prefix of words and a set': query.startswith(words='a').filter(half=True),
        'a prefix of names and a set': query.startswith(name='a').filter(half=True),
        'a suffix of words': query.endswith(words='l'),
        'no such prefix': query.does_not_startwith(words='b'),
        'a pattern': query.like(words='*a*a?*'),
        'a pattern of names': query.like(name='a*1?+2*'),
        '20,000 numbers': query.filter(n=numbers),
        '20,000 numbers and a set': query.filter(n=numbers, half=True),
        '20,000 strings': query.filter(name=[f'a{n}' for n in numbers]),
        'not 20,000 numbers': query.where(~Held.n.in_(numbers)),
        'any of the tenths': query.where(Held.tenth.in_(tenths)),
        'neither': query.where(~(Held.half == True)),  # noqa: E712
        'either': query.where((Held.half == True) | (Held.age < 50)),  # noqa: E712
        'near': query.near('at', 10, 50, 5000, 'km'),
        'near, few': query.near('at', 10, 50, 5000, 'km', 10),
        'near, many': query.near('at', 10, 50, 5000, 'km', 50_000),
        'near and a set': query.near('at', 10, 50, 5000, 'km').filter(half=True),
        'nothing in the middle': query.filter(half=True, age=(50, 50.01)),
    }
    for name, tree in trees.items():
        yield f'{name}: count()', tree.count
        yield f'{name}: limit(0, 10)', tree.limit(0, 10).all
        yield f'{name}: ids()', tree.ids
        yield f'{name}: exists()', tree.exists
        yield f"{name}: order_by('-made')", tree.order_by('-made').limit(0, 10).all
        yield f'{name}: two orders', tree.order_by('level', 'score').limit(90, 9).all
        yield f"{name}: order_by('grade')", tree.order_by('grade').limit(0, 10).all
        yield f"{name}: order_by('-name')", tree.order_by('-name').limit(0, 10).all
    for name in ('half and half', 'a prefix of words', 'two ranges', 'near', '20,000 numbers'):
        tree = trees[name]
        yield f'{name}: sum()', partial(tree.sum, 'n')
        yield f'{name}: facets()', partial(tree.facets, 'city')
        yield f'{name}: max()', partial(tree.max, 'score')
        yield f'{name}: order_by, ids()', tree.order_by('-made').ids
        yield f'{name}: iteration', partial(first_of, tree)
        yield f'{name}: page(100)', partial(tree.order_by('made').page, 100)
        yield f'{name}: far limit', tree.order_by('level').limit(40_000, 10).all
        yield f'{name}: cached_result()', partial(tree.order_by('n').cached_result, 30)
    yield 'everything: all()', query.all
    yield 'everything: select()', query.select('body').all
    yield 'large rows: all()', query.filter(n=(size - 1499, size)).all
    yield 'large rows: facets()', partial(query.filter(n=(size - 1499, size)).facets, 'body')
    yield 'get of 20,000 ids', partial(Held.get, numbers)
    yield 'get of large rows', partial(Held.get, list(range(size - 1499, size + 1)))
    yield 'get_by of 20,000 numbers', partial(Held.get_by, n=numbers)
    yield 'explain of 20,000 numbers', lambda: query.filter(n=numbers).explain()
    yield 'refresh_all', refresh_all
    yield 'a far id: count()', Sparse.query.count
    yield 'a far id: all()', Sparse.query.all
    yield "a far id: order_by('-n')", Sparse.query.order_by('-n').all


def first_of(query: rom.Query[Any]) -> None:
    for _ in itertools.islice(query, 3000):
        pass


def refresh_all() -> None:
    Held.get(list(range(1, 5001)))
    rom.session.refresh_all()


def ask(meter: Meter, question: Callable[[], Any]) -> tuple[list[float], float]:
    """Ask once; return what each call cost, and what the whole took."""
    meter.costs.clear()
    begun = time.perf_counter()
    question()
    whole = (time.perf_counter() - begun) * 1000
    rom.session.rollback()
    return list(meter.costs), whole


def measured(meter: Meter, question: Callable[[], Any], rounds: int) -> SearchReply:
    """Ask several times. The calls are the same each time, and of each the quickest counts."""
    costs, wholes = zip(*[ask(meter, question) for _ in range(rounds)], strict=True)
    count = min(map(len, costs))
    if count < max(map(len, costs)):  # the calls depend on the time, as of what is expiring
        costs = (min(costs, key=max),)
    return SearchReply(max(map(min, zip(*costs, strict=True)), default=0), count, min(wholes))


def fill_sparse() -> None:
    """Write two rows, one of them far from the other, as `rom load` does."""
    rows = ((1, 1), (FAR, 2))
    lines = [b'{"model": "Sparse", "id": %d, "columns": {"n": %d}}' % row for row in rows]
    list(rom.jsonl.load(lines, Sparse))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument('--size', type=int, default=SIZE, help='entities')
    options.add_argument('--large', type=int, default=20, help='one body of so many is large')
    options.add_argument('--rounds', type=int, default=ROUNDS)
    options.add_argument('--only', default='', help='a part of the name of a question')
    options.add_argument('--above', type=float, default=0, help='print what holds longer only')
    options.add_argument('--url', help='a server that was filled already, or is to be')
    options.add_argument('--skip', help='a part of the name of questions left out')
    chosen = options.parse_args()
    warnings.simplefilter('ignore')
    connection = rom.connect(chosen.url or 'embedded:')
    if not Held.query.exists():
        fill(chosen.size, chosen.large)
        fill_sparse()
    meter = Meter(connection)
    worst = SearchReply(0, 0, 0)
    for name, question in questions():
        if chosen.only not in name or (chosen.skip and chosen.skip in name):
            continue
        try:
            answer = measured(meter, question, chosen.rounds)
        except rom.ORMError as error:
            print(f'! {str(error)[:60]}: {name}', flush=True)
            rom.session.rollback()
            continue
        worst = SearchReply(
            max(worst.longest, answer.longest),
            max(worst.calls, answer.calls),
            max(worst.whole, answer.whole),
        )
        if answer.longest >= chosen.above:
            flag = '!' if answer.longest > GOAL else ' '
            print(
                f'{flag} {answer.longest:8.1f} ms  {answer.calls:7,} calls  '
                f'{answer.whole:9.1f} ms  {name}', flush=True
            )  # fmt: skip
    print(f'longest hold {worst.longest:.1f} ms, longest question {worst.whole:.1f} ms')


if __name__ == '__main__':
    main()
