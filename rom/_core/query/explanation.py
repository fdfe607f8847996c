"""Explained: how a search goes about a query, and what came of it. Pure data.

`rom._core.ops.search.explain` makes it of what the server told, and
`rom._core.query.explanation_tree` a tree of words of it. What a `Way` and a `Role` mean, and how
they are chosen, is in docs/design/planner.rst.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, TypeAlias

from rom._core.query.explanation_tree import outline
from rom._core.query.filter_labels import Said
from rom._core.support.public_names import publish

#: How the candidates are found. 'order', 'index' and 'ids' are walks: along the index that sorts,
#: along that of a filter, along all ids. For 'gather' and 'sort' all matches are found at once;
#: 'near' takes places by distance. For the others no id is looked at: 'known' is a count, 'empty'
#: means that a filter has no id, 'unasked' that no result is wanted.
Way: TypeAlias = Literal[
    'order', 'index', 'ids', 'gather', 'sort', 'near', 'parts', 'known', 'empty', 'unasked'
]

#: What a filter does: it 'drives' (candidates are its ids), 'bounds' the walk along the order's
#: index, is 'intersected' by the server, is 'probed' with the ids of candidates, is 'collected'
#: whole before it can be probed, or is just 'counted'.
Role: TypeAlias = Literal['drives', 'bounds', 'intersected', 'probed', 'collected', 'counted']

#: The query's method that is explained.
Of: TypeAlias = Literal['all', 'count']


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter, or several as one.

    Attributes:
        kind: 'set', 'range', 'strings', 'near', 'ids', 'unique'; 'any of', 'all of' and 'not' are
            made of others; 'all' is every entity.
        size: how many ids it has, at most; None: nobody asked.
        role: what it does in the search; None: what the filter does that it is a part of.
        said: what the program said; None for one made of others.
        key: of its index, or of the hash of unique values; None for ids, and for one made of
            others.
        nodes: the others that it is made of.
    """

    kind: str
    size: int | None
    role: Role | None = None
    said: Said | None = None
    key: str | None = None
    nodes: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Sorting:
    """How the results are put in order.

    Attributes:
        columns: as `order_by` was told.
        by: 'server'; or 'program': all matches are read, and sorted here.
        key: of the index of the first column; None where there is none, as for ids.
        size: how many ids that index has.
        within: how many of them lie within the filter that bounds the walk.
    """

    columns: tuple[str, ...]
    by: Literal['server', 'program']
    key: str | None = None
    size: int | None = None
    within: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the search does; the numbers that begin with 'about' are estimates.

    Attributes:
        way: how candidates are found.
        entities: how many there are; None: nobody asked.
        filters: all of them must hold.
        sorting: how the results are put in order; None: as they are found, or by id.
        expired: how many entities have expired, and are left out.
        matches: about how many match, all filters being independent of each other.
        walk: about how many candidates a walk looks at, before it has enough.
        gather: how many are looked at where all matches are gathered; None: no filter has a list
            of its ids.
        patience: after so many candidates, a walk is given up and all matches are gathered; None:
            it is not given up.
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
        way: as in `Plan`; also 'group', a walk within the many that a column leaves equal, and
            'tail', one along what has no value in the order's index.
        looked: how many candidates it looked at.
    """

    way: str
    looked: int


@dataclass(frozen=True, slots=True)
class Call:
    """One trip to the server.

    Attributes:
        script: 'search'; 'load', which reads the rows of further matches; or 'parts', commands
            that list what one filter has.
        steps: what a search did, one after the other.
        matches: how many it found.
        rows: how many rows came with them.
        milliseconds: until the reply was here.
        server_milliseconds: of these, the server's work, to the microsecond; None for 'load'.
    """

    script: str
    steps: tuple[Step, ...]
    matches: int
    rows: int
    milliseconds: float
    server_milliseconds: float | None = None

    @property
    def looked(self) -> int:
        """How many candidates were looked at."""
        return sum(step.looked for step in self.steps)

    @property
    def gave_up(self) -> bool:
        """A walk took longer than was thought, and was given up for gathering all matches."""
        return len(self.steps) > 1 and self.steps[-1].way in ('gather', 'sort')


@dataclass(frozen=True, slots=True)
class Run:
    """What happened.

    Attributes:
        results: how many there were; of a count, the count.
        calls: each trip to the server.
        milliseconds: from the first request to the last reply, what is sorted here included.
    """

    results: int
    calls: tuple[Call, ...]
    milliseconds: float

    @property
    def looked(self) -> int:
        """How many candidates were looked at."""
        return sum(call.looked for call in self.calls)


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a query is answered. ``str()`` of it is a tree of plain words.

    Attributes:
        model: the model's name.
        of: the query's method: 'all' or 'count'.
        offset: so many results are left out.
        limit: at most so many come; None: all.
        plan: what the server would do.
        run: what it did, where that was asked.

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
        """All of it as dicts, lists, text and numbers, fit for JSON.

        Example::

            json.dumps(User.query.filter(city='Oslo').explain().as_dict())
        """
        found: dict[str, Any] = _plain(self)
        return found

    def __str__(self) -> str:
        return '\n'.join(outline(self))


def _plain(value: Any) -> Any:
    if isinstance(value, Said):
        said = {name: _plain(part) for name, part in value._asdict().items()}
        return {**said, 'text': str(value)}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.decode('utf-8', 'backslashreplace') if isinstance(value, bytes) else str(value)


publish('rom.query', Call, Explanation, Filter, Plan, Run, Sorting, Step)
