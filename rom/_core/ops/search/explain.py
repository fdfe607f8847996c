"""Explain: the plan of a query, and a report of a run.

`lua/search.lua` returns the plan when it is asked not to search. A run is watched through the
operation that answers the query: each of its calls is asked for a report, which is removed from the
reply before the operation gets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Any, Final, TypeVar, get_args

from rom._core.encoding.text import show
from rom._core.encoding.wire import pack, unpack
from rom._core.ops.requests import NO_TRIP, Operation, Pipeline, Request, Script, answered
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.ops.search.native_reads import range_of
from rom._core.ops.search.scattered import query_for, whole_query
from rom._core.ops.search.search_calls import Search
from rom._core.ops.search.split_search import InPartsError
from rom._core.ops.shards.targets import target_partitions
from rom._core.query.explanation import (
    Call,
    Explanation,
    Filter,
    Of,
    Plan,
    Role,
    Run,
    Sorting,
    Step,
)
from rom._core.query.nodes import All, AnyOf, Node, Not, StartsWith
from rom._core.query.ordering import orders_for
from rom._core.query.query import Query
from rom.exceptions import QueryError

T = TypeVar('T')

_KINDS: Final = {
    'lex': 'strings', 'between': 'ids', 'and': 'all of', 'or': 'any of', 'refer': 'references',
    'link': 'links',
}  # fmt: skip


def explain(
    query: Query[Any], run: bool = False, of: Of = 'all', bounds: Bounds = BOUNDS
) -> Operation[Explanation]:
    """Return how a query is answered.

    Args:
        query: the query.
        run: also answer the query, and report its calls.
        of: 'all' or 'count'.
        bounds: limits of the work of one call.

    Raises:
        QueryError: `of` has another value.
        CorruptRowError: as for `rom._core.ops.search.queries.search`.
    """
    spec, placement = query.spec, query.schema.placement
    if of not in get_args(Of):
        raise QueryError(
            f"{query.schema.name}.query.explain(of={show(of)}): 'all' and 'count' can be "
            'explained; for first() and exists(), explain limit(0, 1) of the query'
        )
    is_count = of == 'count'
    whole = query
    asked: tuple[int, ...] = ()
    if placement is not None:
        whole = yield from whole_query(query, queries.finder(bounds), ranks=not is_count)
        asked = tuple((yield from target_partitions(whole)))
    if (spec.count == 0 and not is_count) or (placement is not None and not asked):
        plan = Plan('unasked')
    else:
        first = query if placement is None else query_for(whole, asked[0], spec.count)
        plan = yield from _plan(first, is_count, bounds)
        ranged = None if is_count else range_of(query)
        if ranged is not None:
            plan = replace(plan, native=ranged.name)
    limits = (0, None) if is_count else (spec.offset, spec.count)
    happened = (yield from _run(query, is_count, bounds)) if run else None
    total = 0 if placement is None else placement.group.partitions
    return Explanation(query.schema.name, of, *limits, plan, happened, asked, total)


def _plan(query: Query[Any], is_count: bool, bounds: Bounds) -> Operation[Plan]:
    asking = Search(query, bounds, () if is_count else orders_for(query.schema, query.spec))
    told = yield from _ask(asking, is_count)
    if told is None:
        orders = tuple(queries.without_index(order) for order in asking.sorted_by)
        asking = Search(query, bounds, orders)
        told = yield from _ask(asking, is_count)
    assert told is not None  # without an index, the server is not asked to sort
    return _plan_of(asking, told)


def _ask(asking: Search, is_count: bool) -> Operation[dict[str, Any] | None]:
    """Return the plan of the first call that `rom._core.ops.search.queries` would make."""
    is_whole = is_count or asking.needs_client_sort
    cursor = asking.begin_with(None) if is_whole else asking.begin()
    is_plain = is_count and cursor.seen is None
    told: dict[str, Any] | None
    try:
        told = yield from asking.plan(cursor, 'count' if is_plain else 'rows')
    except InPartsError:
        told = {'mode': b'parts', 'filters': (), 'entities': None, 'matches': None}
    return told


def _plan_of(asking: Search, told: dict[str, Any]) -> Plan:
    """Return the plan that the script told, in the terms of the query."""
    mode = told['mode'].decode()
    flat, nodes = told['filters'] or (), asking.where.flat()
    sizes = iter([(kind.decode(), size) for kind, size in zip(flat[::2], flat[1::2], strict=True)])
    filters = tuple(_filter(node, sizes) for node in nodes if flat)
    order = told.get('order') or {}
    if mode == 'known' and any(found.size == 0 for found in filters):
        mode = 'empty'
    part = order.get(b'part') if mode == 'order' else told.get('part')
    sets = {place for place, found in enumerate(filters, 1) if found.kind == 'set'}
    roles = [_role(mode, place, part, sets, node) for place, node in enumerate(nodes, 1) if flat]
    return Plan(
        way=mode,
        entities=told['entities'],
        filters=tuple(replace(f, role=role) for f, role in zip(filters, roles, strict=True)),
        sorting=_sorting(asking, mode, order),
        expired=told.get('expired') or 0,
        left_out=_left_out(asking),
        matches=told['matches'],
        walk=told.get('walk'),
        gather=told.get('gather'),
        patience=told.get('patience'),
    )


def _left_out(asking: Search) -> str:
    """Return the word for the entities that a search leaves out."""
    if asking.deleted is None:
        return 'expired'
    return 'deleted' if asking.expiry is None else 'expired or deleted'


def _role(mode: str, place: int, part: int | None, sets: set[int], node: Node) -> Role:
    """Return the role of the filter at `place`, if the one at `part` gives the candidates."""
    if mode in ('known', 'empty'):
        return 'counted'
    if place == part:
        return 'bounds' if mode == 'order' else 'drives'
    if mode in ('gather', 'sort') and {place, part} <= sets:
        return 'intersected'
    return 'collected' if isinstance(node, StartsWith) and node.whole is None else 'probed'


def _sorting(asking: Search, mode: str, order: dict[bytes, Any]) -> Sorting | None:
    if not asking.sorted_by:
        return None
    columns = tuple(f'{"-" if order.reverse else ""}{order.column}' for order in asking.sorted_by)
    first = asking.sorted_by[0]
    if asking.needs_client_sort or (mode == 'sort' and first.kind == 'text'):
        return Sorting(columns, 'program')
    is_bound = order.get(b'part') is not None and mode == 'order'
    within = order[b'stop'] - order[b'first'] if is_bound else None
    key = None if first.kind == 'id' else _shown(first.key)
    return Sorting(columns, 'server', key, order.get(b'size'), within)


def _filter(node: Node, sizes: Iterator[tuple[str, int]]) -> Filter:
    """Return a filter with its inner filters, taking their sizes in the order of `as_map`."""
    inner: tuple[Node, ...] = ()
    if isinstance(node, (All, AnyOf)):
        inner = node.flat() if isinstance(node, All) else node.nodes
        if len(inner) == 1:
            return _filter(inner[0], sizes)
    elif isinstance(node, Not):
        inner = (node.node,)
    kind, size = next(sizes)
    nodes = tuple(_filter(one, sizes) for one in inner)
    label, key = getattr(node, 'label', None), getattr(node, 'key', None)
    return Filter(
        _KINDS.get(kind, kind), size, None, label, None if key is None else _shown(key), nodes
    )


def _shown(key: bytes) -> str:
    return key.decode('utf-8', 'backslashreplace')


def _run(query: Query[Any], is_count: bool, bounds: Bounds) -> Operation[Run]:
    calls: list[Call] = []
    begun = perf_counter()
    if is_count:
        results: int = yield from _watched(queries.count(query, bounds), calls)
    else:
        results = len((yield from _watched(queries.search(query, bounds), calls)))
    return Run(results, tuple(calls), _since(begun))


def _watched(operation: Operation[T], calls: list[Call]) -> Operation[T]:
    """Run an operation unchanged, and append a report of each of its calls to `calls`."""

    def answer(request: Request) -> Operation[Any]:
        if isinstance(request, NO_TRIP):
            return (yield request)
        begun = perf_counter()
        reply = yield _with_report(request)
        calls.append(_call(request, reply, _since(begun)))
        return _without_report(request, reply)

    return (yield from answered(operation, answer))


def _since(begun: float) -> float:
    return (perf_counter() - begun) * 1000


def _is_script(request: Request) -> bool:
    first = request.requests[0] if isinstance(request, Pipeline) else request
    return isinstance(first, Script)


def _is_search(request: Request) -> bool:
    return isinstance(request, Script) and request.name == 'search'


def _asks_parts(request: Request) -> bool:
    """Return whether a request is a step of several partitions at once."""
    requests = request.requests if isinstance(request, Pipeline) else ()
    return len({one.key for one in requests if isinstance(one, Script)}) > 1


def _counts_words(request: Request) -> bool:
    first = request.requests[0] if isinstance(request, Pipeline) else request
    return isinstance(first, Script) and first.name == 'count_words'


def _with_report(request: Request) -> Request:
    if not isinstance(request, Script) or not _is_search(request):
        return request
    told = pack({**unpack(request.request), 'tell': 'report'})
    return request._replace(request=told, parts=(request.parts or frozenset()) | {'report'})


def _without_report(request: Request, reply: Any) -> Any:
    return reply[:-1] if _is_search(request) and len(reply) != _REFUSAL else reply


# Length of the reply of a script that cannot answer: a status and its detail, without a report.
_REFUSAL: Final = 2


def _call(request: Request, reply: Any, milliseconds: float) -> Call:
    if _asks_parts(request):
        return Call('partitions', (), 0, 0, milliseconds)
    if not _is_script(request) or _counts_words(request):
        return Call('parts', (), 0, 0, milliseconds)
    if isinstance(request, Pipeline) or not _is_search(request):
        replies = reply if isinstance(request, Pipeline) else [reply]
        rows = sum(len(found) for found, *_ in replies)
        return Call('load', (), 0, rows, milliseconds)
    if len(reply) == _REFUSAL:
        return Call('search', (), 0, 0, milliseconds)
    report = unpack(reply[-1])
    flat = report['steps'] or ()
    steps = tuple(
        Step(way.decode(), looked) for way, looked in zip(flat[::2], flat[1::2], strict=True)
    )
    _, _, _, count, ids, *_ = reply
    return Call('search', steps, int(count), len(ids), milliseconds, report['time'] / 1000)
