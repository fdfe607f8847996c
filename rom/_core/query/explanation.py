"""Explanations: the plan of a search, and what a run of it did. Pure data.

`rom._core.ops.search.explain` makes one from the server's reply, and
`rom._core.query.explanation_tree` formats it as a tree. docs/design/planner.rst defines each `Way`
and `Role`, and how the server chooses them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, TypeAlias

from rom._core.query.explanation_tree import outline
from rom._core.query.filter_labels import FilterLabel
from rom._core.support.public_names import publish

#: How the candidates are found. 'order', 'index' and 'ids' are walks: along the index that sorts,
#: along that of a filter, along all ids. For 'gather' and 'sort' all matches are found at once;
#: 'near' takes entries by distance. The others read no ids: 'known' is a count, 'empty' means
#: that a filter has no ids, 'unasked' that the limit is 0.
Way: TypeAlias = Literal[
    'order', 'index', 'ids', 'gather', 'sort', 'near', 'parts', 'known', 'empty', 'unasked'
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
        expired: the number of expired entities, which are left out.
        matches: the estimated number of matches, as if the filters were independent.
        walk: the estimated number of candidates that a walk reads until it has enough results.
        gather: the number of candidates to read if all matches are gathered; None: no filter has
            a list of its ids.
        patience: the number of candidates after which a walk stops and all matches are gathered;
            None: it never stops so.
    """

    way: Way
    entities: int | None = None
    filters: tuple[Filter, ...] = ()
    sorting: Sorting | None = None
    expired: int = 0
    matches: int | None = None
    walk: int | None = None
    gather: int | None = None
    patience: int | None = None


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
        script: 'search'; 'load', which reads the rows of further matches; or 'parts', commands
            that list the ids of one filter.
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
class Explanation:
    """The plan of a query, and its run. ``str()`` formats it as a tree in plain words.

    Attributes:
        model: the model's name.
        of: the query's method: 'all' or 'count'.
        offset: the number of results to skip.
        limit: the maximum number of results; None: no limit.
        plan: the plan of the search.
        run: the run of the query; None unless requested.

    Example::

        print(User.query.filter(city='Oslo').explain())
    """

    model: str
    of: Of
    offset: int
    limit: int | None
    plan: Plan
    run: Run | None = None

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


publish('rom.query', Call, Explanation, Filter, Plan, Run, Sorting, Step)
