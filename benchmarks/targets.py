"""What must be reached: a table of measures, each with its goal.

A measure is found in the results, or None where the run did not measure it. Where a run has no set
of the size that a goal is about (`--quick`), the nearest smaller one stands in; its row says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import bars
from benchmarks.operations import COMPOUND, ENTITY_QUERIES, QUERIES, SEARCHES, SMALL_SET
from benchmarks.peers import (
    HANDWRITTEN,
    OURS,
    OURS_COMPOUND,
    OURS_SCHEMATICS,
    PEERS,
    REDIS_SCHEMATICS,
    REDISEARCH,
    ROM1,
)
from benchmarks.results import Case, Results

HUNDRED_THOUSAND = 100_000
MILLION = 1_000_000
MAPPERS = tuple(
    member.name
    for member in PEERS
    if member.name not in (OURS, OURS_COMPOUND, OURS_SCHEMATICS, HANDWRITTEN, REDISEARCH)
)
FILTER = 'filter_models'
GROWING = ('created_range', 'prefix', 'suffix', 'wide', 'latest')


@dataclass(frozen=True)
class Measured:
    """A measure.

    Attributes:
        value: what was found.
        where: more about it: which size stood in, which case was the worst.
    """

    value: float
    where: str = ''


@dataclass(frozen=True)
class Target:
    """One thing to reach.

    Attributes:
        what: for the report.
        goal: the number to reach.
        at_least: the measure must be the goal or more; else the goal or less.
        unit: how to write both.
        measure: finds the measure.
    """

    what: str
    goal: float
    at_least: bool
    unit: str
    measure: Callable[[Results], Measured | None]

    def is_reached(self, found: Measured) -> bool:
        """Whether a measure is good enough."""
        return found.value >= self.goal if self.at_least else found.value <= self.goal

    def missed_by(self, found: Measured) -> float:
        """How many times as good a measure would have to be."""
        if self.at_least:
            return self.goal / found.value if found.value else float('inf')
        return found.value / self.goal if self.goal else float('inf')


def _nearest(results: Results, size: int) -> tuple[int, str]:
    """The size that stands for one, and what to say of that."""
    smaller = [one for one in results.sizes if one <= size]
    found = max(smaller) if smaller else results.sizes[0]
    return found, '' if found == size else f'with {found:,} entities'


def _faster(operation: str, count: int, other: str) -> Callable[[Results], Measured | None]:
    """How many times as fast as another an operation on the small set is."""

    def measure(results: Results) -> Measured | None:
        ratio = results.ratio(other, OURS, Case(operation, count))
        return None if ratio is None else Measured(ratio)

    return measure


def _query(
    name: str, other: str = ROM1, wanted: int = HUNDRED_THOUSAND
) -> Callable[[Results], Measured | None]:
    """How many times as fast as another a query is."""

    def measure(results: Results) -> Measured | None:
        size, where = _nearest(results, wanted)
        ratio = results.ratio(other, OURS, Case(name, size))
        return None if ratio is None else Measured(ratio, where)

    return measure


def _filter_of_models(results: Results) -> Measured | None:
    """How many times as fast as that of redis-schematics a filter of models is."""
    for case, where in _filters(results):
        ratio = results.ratio(REDIS_SCHEMATICS, OURS_SCHEMATICS, case)
        if ratio is not None:
            return Measured(ratio, where)
    return None


def _trips_of_filter(results: Results) -> Measured | None:
    """The trips of that filter: the more it finds, the more they may be, so with the same set."""
    checks = results.checks.get(OURS_SCHEMATICS, {})
    for case, where in _filters(results):
        trips = checks[case]['trips'] if case in checks else None
        if trips is not None:
            return Measured(trips, where)
    return None


def _filters(results: Results) -> Iterator[tuple[Case, str]]:
    """The cases that may stand for the filter, the largest first, and what to say of each.

    A quick run gives those who are slow its smallest set only.
    """
    for size in sorted(results.sizes, reverse=True):
        if size <= HUNDRED_THOUSAND:
            where = '' if size == HUNDRED_THOUSAND else f'with {size:,} models'
            yield Case(FILTER, size), where


def _trips(*operations: str) -> Callable[[Results], Measured | None]:
    """The most trips that any of these operations takes."""

    def measure(results: Results) -> Measured | None:
        found = [
            (check['trips'], case.operation)
            for case, check in results.checks.get(OURS, {}).items()
            if case.operation in operations and check['trips'] is not None
        ]
        return Measured(*max(found)) if found else None

    return measure


def _writes(results: Results) -> Measured | None:
    found = [
        check['writes']
        for case, check in results.checks.get(OURS, {}).items()
        if check['writes'] is not None
    ]
    return Measured(max(found)) if found else None


def _worst_query(*peers: str) -> Callable[[Results], Measured | None]:
    """The worst ratio of any query and size to any of these peers."""

    def measure(results: Results) -> Measured | None:
        found = []
        for peer in peers:
            for query in QUERIES:
                for size in results.sizes:
                    ratio = results.ratio(peer, OURS, Case(query.name, size))
                    if ratio is not None:
                        found.append((ratio, f'{query.title}, {size:,} entities, {peer}'))
        return Measured(*min(found)) if found else None

    return measure


def _questions_ahead(wanted: int) -> Callable[[Results], Measured | None]:
    """How many questions rom answers at least as fast as the search engine does."""

    def measure(results: Results) -> Measured | None:
        found, where = _beside_engine(results, wanted)
        return Measured(sum(one >= 1 for one, _ in found), where) if found else None

    return measure


def _worst_question(wanted: int) -> Callable[[Results], Measured | None]:
    def measure(results: Results) -> Measured | None:
        found, where = _beside_engine(results, wanted)
        if not found:
            return None
        worst, title = min(found)
        return Measured(worst, title + (where and f', {where}'))

    return measure


def _beside_engine(results: Results, wanted: int) -> tuple[list[tuple[float, str]], str]:
    """How many times as fast as the search engine rom is at each question.

    Where a compound index is for the question, it is rom with that index that counts.
    """
    size, where = _nearest(results, wanted)
    found = []
    for one in SEARCHES:
        peer = OURS_COMPOUND if one.name in COMPOUND else OURS
        ratio = bars.ratio(results, peer, one, size)
        if ratio is not None:
            found.append((ratio, one.title))
    return found, where


def _loading(results: Results) -> Measured | None:
    size, where = _nearest(results, HUNDRED_THOUSAND)
    ours, theirs = (results.loads.get(peer, {}).get(size) for peer in (OURS, REDISEARCH))
    return Measured(theirs / ours, where) if ours and theirs else None


def _growth(operation: str) -> Callable[[Results], Measured | None]:
    def measure(results: Results) -> Measured | None:
        small, large = results.sizes[0], results.sizes[-1]
        found = results.growth(OURS, operation, small, large)
        if found is None or small == large:
            return None
        is_whole = (small, large) == (SMALL_SET, MILLION)
        return Measured(found, '' if is_whole else f'from {small:,} to {large:,}')

    return measure


def _longest(results: Results) -> Measured | None:
    size, where = _nearest(results, MILLION)
    names = {query.name: query.title for query in QUERIES}
    found = [
        (check['longest'] / 1000, f'{names[case.operation]}' + (where and f', {where}'))
        for case, check in results.checks.get(OURS, {}).items()
        if case.operation in names and case.size == size and check['longest'] is not None
    ]
    return Measured(*max(found)) if found else None


def _memory(results: Results) -> Measured | None:
    ours, theirs = results.memory.get(OURS, {}), results.memory.get(ROM1, {})
    both = ours.keys() & theirs.keys()
    if not both:
        return None
    size = max(both)
    return Measured(ours[size] / theirs[size], f'with {size:,} entities')


def _imports(results: Results) -> Measured | None:
    ratio = results.import_ratio('rom', 'redis')
    return None if ratio is None else Measured(ratio)


def _times(what: str, goal: float, measure: Callable[[Results], Measured | None]) -> Target:
    return Target(what, goal, True, '×', measure)


TARGETS = (
    _times(
        'commit of 10,000 new entities, against rom 1.1.2', 8, _faster('create', SMALL_SET, ROM1)
    ),
    _times(
        'the same, against hand-written pipelines', 2, _faster('create', SMALL_SET, HANDWRITTEN)
    ),
    _times(
        'change one indexed column of 10,000 loaded entities, commit',
        10,
        _faster('change', SMALL_SET, ROM1),
    ),
    _times('get 1,000 entities by id', 3, _faster('get_many', 1000, ROM1)),
    _times(
        'the same, against the pipelined HGETALLs alone', 1, _faster('get_many', 1000, HANDWRITTEN)
    ),
    _times('get_by a unique column', 1.7, _faster('get_by', 100, ROM1)),
    _times('one save', 2.5, _faster('save_one', 200, ROM1)),
    _times('one get', 2, _faster('get_one', 200, ROM1)),
    Target(
        'trips of get_by, one save, one get', 1, False, '', _trips('get_by', 'save_one', 'get_one')
    ),
    _times('city = x, age in 10%, order by score, first 20', 1.3, _query('city_and_age')),
    _times('created_at range with 50 hits', 4, _query('created_range')),
    _times('prefix with 10 hits', 5, _query('prefix')),
    _times('suffix, first 20 of 2%', 10, _query('suffix')),
    _times('two words, 3 hits', 2, _query('words')),
    _times('age in 80%, order by -score, first 20', 1000, _query('wide')),
    _times('the same, of 1,000,000', 10_000, _query('wide', ROM1, MILLION)),
    _times('latest 20, no filter', 300, _query('latest')),
    Target(
        'trips of any query of entities, beside the server',
        2,
        False,
        '',
        _trips(*(query.name for query in ENTITY_QUERIES)),
    ),
    Target('changes to the data by any query', 0, False, '', _writes),
    _times('any query, against the fastest object mapper', 1, _worst_query(*MAPPERS)),
    _times('any query, against hand-written commands', 1, _worst_query(HANDWRITTEN)),
    *(
        target
        for size in (HUNDRED_THOUSAND, MILLION)
        for target in (
            Target(
                f'questions at which rom is ahead of RediSearch, of {len(SEARCHES)}: {size:,}',
                8,
                True,
                '',
                _questions_ahead(size),
            ),
            _times(f'the worst of them: {size:,}', 0.6, _worst_question(size)),
        )
    ),
    _times('loading, against RediSearch', 1, _loading),
    *(
        Target(f'growth, 10,000 to 1,000,000: {query.title}', 2, False, '×', _growth(query.name))
        for query in QUERIES
        if query.name in GROWING
    ),
    Target('longest that one command holds the server, any query', 25, False, ' ms', _longest),
    _times(
        'a filter of schematics models that finds about 1% of 100,000, against redis-schematics',
        100,
        _filter_of_models,
    ),
    Target('trips of that filter', 1, False, '', _trips_of_filter),
    Target('memory of an entity, against rom 1.1.2', 0.65, False, '×', _memory),
    Target('importing rom, against importing redis', 1.3, False, '×', _imports),
)
