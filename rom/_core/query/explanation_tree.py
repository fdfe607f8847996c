"""An explanation as a tree of lines, each indented below its parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rom._core.query.explanation import Call, Explanation, Filter, Plan, Run, Sorting

_INDENT: Final = '  '

_WAYS: Final = {
    'order': 'walk along the index that sorts, until there are enough matches',
    'index': 'walk along the index of the filter that drives',
    'ids': 'walk along the ids of all entities',
    'gather': 'gather all matches at once, by the filter that drives',
    'sort': 'gather all matches at once, by the filter that drives, and sort them',
    'near': 'take the places by their distance',
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
    for line in _plan(explained.plan):
        yield _INDENT + line
    if explained.run is not None:
        yield from _run(explained.run)


def _limits(explained: Explanation) -> str:
    offset = f', without the first {_number(explained.offset)}' if explained.offset else ''
    limit = '' if explained.limit is None else f', at most {_number(explained.limit)}'
    return offset + limit


def _plan(plan: Plan) -> Iterator[str]:
    yield f'way: {_WAYS[plan.way]}'
    for line in _estimates(plan):
        yield _INDENT + line
    if plan.entities is not None:
        yield f'entities: {_number(plan.entities)}'
    if plan.filters:
        yield 'filters'
        yield from _table([row for node in plan.filters for row in _rows(node, 1)])
    if plan.expired:
        yield f'expired: {_number(plan.expired)}, left out, asked last'
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
