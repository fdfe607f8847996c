"""Explanations: the plan of a search, and the figures of a run. Pure data.

A printed explanation is a tree. :doc:`/design/planner` defines each `Way` and `Role`, and how the
server chooses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, Literal, TypeAlias

from rom._core.query.filter_labels import FilterLabel
from rom._core.support.public_names import publish

#: How the candidates are found. 'order', 'index' and 'ids' are walks: along the index that sorts,
#: along that of a filter, along all ids. For 'gather' and 'sort' all matches are found at once;
#: 'near' takes entries by distance. The others read no ids: 'known' is a count, 'empty' means
#: that a filter has no ids, 'unasked' that the limit is 0.
Way: TypeAlias = Literal[
    'order', 'index', 'ids', 'gather', 'sort', 'near', 'rank', 'parts', 'known', 'empty', 'unasked'
]

#: The role of a filter: it 'drives' (its ids are the candidates), 'bounds' the walk along the
#: order's index, is 'intersected' by the server, is 'probed' with the ids of candidates, is
#: 'collected' whole before it can be probed, or is only 'counted'.
Role: TypeAlias = Literal['drives', 'bounds', 'intersected', 'probed', 'collected', 'counted']

#: The method of the query that is explained.
Of: TypeAlias = Literal['all', 'count']


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter, or several combined.

    Attributes:
        kind: 'set', 'range', 'strings', 'near', 'ids', 'unique'; 'any of', 'all of' and 'not'
            combine others; 'all' matches every entity.
        size: the maximum number of its ids; None: not counted.
        role: its role in the search; None: that of the filter that it is a part of.
        said: the filter in the terms of the program; None for a combination.
        key: the key of its index, or of the hash of unique values; None for ids and combinations.
        nodes: the filters that it combines.
    """

    kind: str
    size: int | None
    role: Role | None = None
    label: FilterLabel | None = None
    key: str | None = None
    nodes: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Sorting:
    """The order of the results.

    Attributes:
        columns: as given to `order_by`.
        by: 'server'; or 'program': rom reads all matches and sorts them.
        key: the key of the first column's index; None without one, as for ids.
        size: the number of ids in that index.
        within: the number of those within the filter that bounds the walk.
    """

    columns: tuple[str, ...]
    by: Literal['server', 'program']
    key: str | None = None
    size: int | None = None
    within: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a search; numbers that are shown with 'about' are estimates.

    Attributes:
        way: how candidates are found.
        entities: the number of entities; None: not counted.
        filters: the filters, all of which must hold.
        sorting: the order of the results; None: unsorted, or by id.
        expired: the number of entities that are left out: expired or soft-deleted ones.
        left_out: the word for these.
        matches: the estimated number of matches, as if the filters were independent.
        walk: the estimated number of candidates that a walk reads until it has enough results.
        gather: the number of candidates to read if all matches are gathered; None: no filter has
            a list of its ids.
        patience: the number of candidates after which a walk stops and all matches are gathered;
            None: it never stops so.
        native: the command that lists the ids if the server is near; a second trip reads the rows
            then, and no script runs. None: a script answers the query, wherever the server is.
    """

    way: Way
    entities: int | None = None
    filters: tuple[Filter, ...] = ()
    sorting: Sorting | None = None
    expired: int = 0
    left_out: str = 'expired'
    matches: int | None = None
    walk: int | None = None
    gather: int | None = None
    patience: int | None = None
    native: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a call.

    Attributes:
        way: as in `Plan`; also 'group', a walk within the many entities with equal values of a
            column, and 'tail', one over the entities without a value in the order's index.
        looked: the number of candidates that it read.
    """

    way: str
    looked: int


@dataclass(frozen=True, slots=True)
class Call:
    """One round trip to the server.

    Attributes:
        script: 'search'; 'load', which reads the rows of further matches; 'parts', commands
            that list the ids of one filter; or 'partitions', calls of several partitions.
        steps: the steps of a search, in order.
        matches: the number of matches found.
        rows: the number of rows in the reply.
        milliseconds: the time until the reply arrived.
        server_milliseconds: the server's part of it, to the microsecond; None for 'load'.
    """

    script: str
    steps: tuple[Step, ...]
    matches: int
    rows: int
    milliseconds: float
    server_milliseconds: float | None = None

    @property
    def looked(self) -> int:
        """The number of candidates that were read."""
        return sum(step.looked for step in self.steps)

    @property
    def gave_up(self) -> bool:
        """True if a walk exceeded its patience, and all matches were gathered instead."""
        return len(self.steps) > 1 and self.steps[-1].way in ('gather', 'sort')


@dataclass(frozen=True, slots=True)
class Run:
    """The run of a query.

    Attributes:
        results: the number of results; for 'count', the count.
        calls: the round trips.
        milliseconds: from the first request to the last reply, with sorting by rom.
    """

    results: int
    calls: tuple[Call, ...]
    milliseconds: float

    @property
    def looked(self) -> int:
        """The number of candidates that were read."""
        return sum(call.looked for call in self.calls)


@dataclass(frozen=True, slots=True)
class Related:
    """A search for the ids of related entities, which a filter over a relation makes first.

    Attributes:
        relation: the name of the relation.
        way: 'related first': all related entities that match are found; 'own first': these are too
            many, so the entities of the query are read first.
        found: the number of ids that took the place of the filter.
        explanation: the search in the other model.
    """

    relation: str
    way: Literal['related first', 'own first']
    found: int
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Explanation:
    """The plan of a query, and its run. ``str()`` formats it as a tree in plain words.

    Attributes:
        model: the model's name.
        of: the query's method: 'all' or 'count'.
        offset: the number of results to skip.
        limit: the maximum number of results; None: no limit.
        plan: the plan of the search.
        run: the run of the query; None unless requested.
        partitions: the numbers of the partitions that are asked; the plan is that of the first of
            them. Empty without `_shards`.
        of_partitions: the number of all partitions; 0 without `_shards`.
        related: the searches in other models, which are made before, even for a plan alone.

    Example::

        print(User.query.filter(city='Oslo').explain())
    """

    model: str
    of: Of
    offset: int
    limit: int | None
    plan: Plan
    run: Run | None = None
    partitions: tuple[int, ...] = ()
    of_partitions: int = 0
    related: tuple[Related, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as dicts, lists, text and numbers, ready for JSON.

        Example::

            json.dumps(User.query.filter(city='Oslo').explain().as_dict())
        """
        found: dict[str, Any] = _plain(self)
        return found

    def __str__(self) -> str:
        return '\n'.join(outline(self))


def _plain(value: Any) -> Any:
    if isinstance(value, FilterLabel):
        label = {name: _plain(part) for name, part in value._asdict().items()}
        return {**label, 'text': str(value)}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.decode('utf-8', 'backslashreplace') if isinstance(value, bytes) else str(value)


publish('rom.query', Call, Explanation, Filter, Plan, Related, Run, Sorting, Step)


_INDENT: Final = '  '
#: Partitions that are listed.
_SHOWN: Final = 8

_WAYS: Final = {
    'order': 'walk along the index that sorts, until there are enough matches',
    'index': 'walk along the index of the filter that drives',
    'ids': 'walk along the ids of all entities',
    'gather': 'gather all matches at once, by the filter that drives',
    'sort': 'gather all matches at once, by the filter that drives, and sort them',
    'near': 'take the places by their distance',
    'rank': 'score the texts with the words, those first that can score most',
    'parts': 'gather the ids of each filter in several calls, and put them together here',
    'known': 'no id is looked at: the sizes tell',
    'empty': 'no id is looked at: a filter has none',
    'unasked': 'nothing is asked: the limit is 0',
}
_WALKS: Final = ('order', 'index', 'ids')
_ROLES: Final = {
    'drives': 'drives',
    'bounds': 'bounds the walk',
    'intersected': 'intersected',
    'probed': 'probed',
    'collected': 'all its ids collected, then probed',
    'counted': 'counted',
}


def outline(explained: Explanation) -> Iterator[str]:
    """Yield the lines of the tree."""
    yield f'{explained.model}.{explained.of}(){_limits(explained)}'
    if explained.of_partitions:
        yield _INDENT + _partitions(explained)
    for line in _plan(explained.plan):
        yield _INDENT + line
    if explained.run is not None:
        yield from _run(explained.run)
    for one in explained.related:
        yield from _related(one)


def _related(related: Related) -> Iterator[str]:
    first = 'before' if related.way == 'related first' else 'among those of the other filters'
    ids = '1 id' if related.found == 1 else f'{_number(related.found)} ids'
    yield f'relation {related.relation}: {ids}, found {first}'
    for line in outline(related.explanation):
        yield _INDENT + line


def _partitions(explained: Explanation) -> str:
    asked, number = explained.partitions, len(explained.partitions)
    if number in (0, explained.of_partitions):
        return f'asks {"none" if not number else "all"} of {explained.of_partitions} partitions'
    shown = ', '.join(map(str, asked[:_SHOWN])) + (', ...' if number > _SHOWN else '')
    return f'asks {number} of {explained.of_partitions} partitions: {shown}'


def _limits(explained: Explanation) -> str:
    offset = f', without the first {_number(explained.offset)}' if explained.offset else ''
    limit = '' if explained.limit is None else f', at most {_number(explained.limit)}'
    return offset + limit


def _plan(plan: Plan) -> Iterator[str]:
    yield f'way: {_WAYS[plan.way]}'
    for line in _estimates(plan):
        yield _INDENT + line
    if plan.native is not None:
        yield f'if the server is near: {plan.native}, then HMGET for each row, in 2 trips'
    if plan.entities is not None:
        yield f'entities: {_number(plan.entities)}'
    if plan.filters:
        yield 'filters'
        yield from _table([row for node in plan.filters for row in _rows(node, 1)])
    if plan.expired:
        yield f'{plan.left_out}: {_number(plan.expired)}, left out, asked last'
    if plan.sorting is not None:
        yield f'order: {", ".join(plan.sorting.columns)}, {_sorter(plan.sorting)}'


def _estimates(plan: Plan) -> Iterator[str]:
    if plan.way in _WALKS and plan.walk is not None:
        gather = None if plan.way == 'index' else plan.gather
        yield f'looks at: about {_number(plan.walk)}{_instead("gathering", gather)}'
    elif plan.gather is not None:
        walk = plan.walk if plan.way in ('gather', 'sort') else None
        yield f'looks at: {_number(plan.gather)}{_instead("a walk", walk, "about ")}'
    if plan.patience is not None:
        yield f'gives up after: {_number(plan.patience)}, and gathers all matches'
    if plan.way not in ('known', 'empty') and plan.matches is not None:
        yield f'matches: about {_number(plan.matches)}'


def _instead(what: str, count: int | None, about: str = '') -> str:
    return '' if count is None else f' ({what}: {about}{_number(count)})'


def _sorter(sorting: Sorting) -> str:
    if sorting.by == 'program':
        return 'sorted in the program: all matches are read'
    if sorting.key is None:
        return 'by the ids'
    size = '' if sorting.size is None else f' of {_number(sorting.size)}'
    within = '' if sorting.within is None else f', {_number(sorting.within)}'
    return f'by the index {sorting.key}{within}{size}'


def _rows(node: Filter, depth: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of the table of filters: filter, size, role and key."""
    what = _INDENT * depth + (node.kind if node.label is None else str(node.label))
    size = '' if node.size is None else _number(node.size)
    role = '' if node.role is None else _ROLES[node.role]
    yield what, size, role, node.key or ''
    for inner in node.nodes:
        yield from _rows(inner, depth + 1)


def _table(rows: Sequence[tuple[str, str, str, str]]) -> Iterator[str]:
    what, size, role = (max(len(row[place]) for row in rows) for place in range(3))
    for row in rows:
        yield f'{row[0]:{what}}  {row[1]:>{size}}  {row[2]:{role}}  {row[3]}'.rstrip()


def _run(run: Run) -> Iterator[str]:
    calls = len(run.calls)
    trips = 'no trip' if not calls else '1 trip' if calls == 1 else f'{_number(calls)} trips'
    yield f'ran: {_number(run.results)} found, {trips}, {run.milliseconds:.3f} ms'
    for call in run.calls:
        yield _INDENT + _call(call)


def _call(call: Call) -> str:
    steps = [f'{step.way} {_number(step.looked)}' for step in call.steps]
    looked = f', looked at {_number(call.looked)}' if call.steps else ''
    how = f' ({" then ".join(steps)}{", gave up" if call.gave_up else ""})' if steps else ''
    server = call.server_milliseconds
    own = '' if server is None else f', {server:.3f} of them on the server'
    matched = f', {_number(call.matches)} matched' if call.script == 'search' else ''
    rows = f', {_number(call.rows)} rows' if call.rows else ''
    return f'{call.script}{looked}{how}{matched}{rows}, {call.milliseconds:.3f} ms{own}'


def _number(number: int) -> str:
    return f'{number:,}'
