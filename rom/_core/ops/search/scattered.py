"""Scattered queries: one query of several partitions, and their results as one.

Each partition sorts its own results, and returns as many as the whole query wants. They are merged
here: see `rom._core.ops.search.result_order`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from rom._core.encoding.integers import ENDLESS
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row, seen_row
from rom._core.ops.search.first_calls import Begin
from rom._core.ops.search.nearest import first_near, is_by_count, with_nearest
from rom._core.ops.search.partition_answers import answered
from rom._core.ops.search.result_order import ResultOrder, without_ids
from rom._core.ops.search.sorting import columns_for, standing
from rom._core.ops.search.word_counts import with_word_counts
from rom._core.ops.shards.asking import mark_in, query_in
from rom._core.ops.shards.targets import target_partitions
from rom._core.query.query import Query
from rom._core.query.sort_order import Order, SortCursor
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError

T = TypeVar('T')
#: The rows of a partition, with global ids, and whether there are no more.
Found: TypeAlias = 'tuple[Sequence[Row], bool]'
#: Answers a query of one partition with rows, and whether there are no more. The second argument
#: gets the scores of the rows, where they are sorted by relevance.
Find: TypeAlias = Callable[[Query[Any], dict[int, float]], Operation[tuple[list[Row], bool]]]


class Finder(NamedTuple):
    """Finder of the rows of one partition.

    Attributes:
        find: answers a query with rows, and whether there are no more.
        begin: returns the first call of `find`.
    """

    find: Find
    begin: Begin


def of_each(
    query: Query[Any],
    answer: Callable[[Query[Any]], Operation[T]],
    begin: Begin,
    finder: Finder,
) -> Operation[list[T]]:
    """Answer a query in each partition that may have results; return their answers.

    Args:
        query: a query over partitions.
        answer: answers the query of one partition.
        begin: returns the first call of `answer`.
        finder: finds the rows of one partition.
    """
    query = yield from whole_query(query, finder, ranks=False)
    numbers = yield from target_partitions(query)

    def query_of(number: int) -> Query[Any]:
        return query_in(query, number)

    return (yield from answered(query, numbers, query_of, answer, begin))


def whole_query(query: Query[Any], finder: Finder, ranks: bool = True) -> Operation[Query[Any]]:
    """Return a query with what each partition must know of the others, to find its own results.

    Args:
        query: a query over partitions.
        finder: finds the rows of one partition.
        ranks: whether results are wanted, in order.
    """
    query = yield from with_word_counts(query, ranks)
    assert query.schema.placement is not None
    if not is_by_count(query) or query.schema.placement.group.partitions == 1:
        return query
    near, spec = first_near(query), query.spec
    if ranks and near is not None and spec.where.flat() == (near,):
        assert near.count is not None
        left = max(near.count - spec.offset, 0)
        return query.at_most(left if spec.count is None else min(left, spec.count))

    def nearest(places: Query[Any]) -> Operation[tuple[list[Row], dict[int, float]]]:
        numbers = yield from target_partitions(places)
        order = ResultOrder(places, len(numbers) > 1)
        rows, _ = yield from find_in(places, finder, numbers, order)
        return rows, order.distances

    return (yield from with_nearest(query, nearest))


def find_in_parts(
    query: Query[Any], finder: Finder, scores: dict[int, float] | None = None
) -> Operation[tuple[list[Row], bool]]:
    """Return the rows of all results, in order, and whether there are no more results.

    Args:
        query: a query over partitions.
        finder: finds the rows of one partition.
        scores: gets the scores of the rows, where they are sorted by relevance.

    Raises:
        CorruptRowError: the key of a row or an index holds another type; `entities` has the other
            rows.
    """
    query = yield from whole_query(query, finder)
    numbers = yield from target_partitions(query)
    order = ResultOrder(query, len(numbers) > 1)
    found = yield from find_in(query, finder, numbers, order)
    if scores is not None:
        scores.update(order.scores)
    return found


def find_in(
    query: Query[Any], finder: Finder, numbers: Sequence[int], order: ResultOrder
) -> Operation[tuple[list[Row], bool]]:
    """Return the rows of the results in some partitions, and whether there are no more."""
    spec = query.spec
    need = None if spec.count is None else min(spec.offset + spec.count, ENDLESS)
    broken: list[CorruptRowError] = []

    def query_of(number: int) -> Query[Any]:
        return query_for(query, number, need)

    def answer(one: Query[Any]) -> Operation[Found]:
        return _found(finder.find, one, broken, order)

    each: list[Found] = yield from answered(query, numbers, query_of, answer, finder.begin)
    yield from order.measure([(query_of(n), own[0]) for n, own in zip(numbers, each, strict=True)])
    rows = yield from order.merged([rows for rows, _ in each], need)
    count = sum([len(rows) for rows, _ in each])
    is_all = all(is_all for _, is_all in each) and (need is None or count <= need)
    rows = _known(rows, each, need)[spec.offset :]
    if broken:
        broken[0].entities = rows if query.selection is None else []
        raise broken[0]
    return rows, is_all


def _known(rows: list[Row], each: Sequence[Found], need: int | None) -> list[Row]:
    """Return the merged rows up to those that another row may precede.

    A partition whose rows are gone returns fewer than were asked for, and may have more.
    """
    ends: set[int] = set()
    for own, is_all in each:
        if not is_all and need is not None and len(own) < need:
            if not own:
                return []
            ends.add(own[-1].id)
    if not ends:
        return rows
    return rows[: next((at for at, row in enumerate(rows, 1) if row.id in ends), None)]


def _found(
    find: Find, query: Query[Any], broken: list[CorruptRowError], order: ResultOrder
) -> Operation[Found]:
    """Return the rows of a partition with their global ids; note an error of some of them."""
    scores: dict[int, float] = {}
    try:
        rows, is_all = yield from find(query, scores)
    except CorruptRowError as error:
        broken.append(error)
        rows, is_all = error.entities, True
    order.note(query, scores)
    return [seen_row(query.schema, row) for row in rows], is_all


def query_for(query: Query[Any], number: int, need: int | None) -> Query[Any]:
    """Return the query of a partition for the first results of the whole query."""
    spec, schema = query.spec, query.schema
    one = query_in(query, number)
    mark, selection = spec.mark, spec.selection
    if mark is not None:
        assert one.schema.part is not None
        mark = mark_in(mark, one.schema.part, _goes_down(schema, spec.orders, mark))
    if selection is not None and spec.orders:
        names = selection.columns
        more = [n for n in columns_for(schema, without_ids(spec.orders)) if n not in names]
        selection = selection._replace(columns=(*names, *more))
    return one._with(offset=0, count=need, mark=mark, selection=selection)


def _goes_down(schema: Schema, orders: Sequence[Order], mark: SortCursor) -> bool:
    """Return whether rows in the place of a mark are sorted by descending ids."""
    if not orders or len(mark.places) < len(orders):
        return False
    last, place = orders[-1], mark.places[-1]
    if last.kind == 'id':
        return last.reverse
    is_scored = last.kind == 'score' and not last.or_stored
    is_absent = place.score is None if is_scored else not _has_value(schema, last, mark)
    return last.absent_first if is_absent else last.reverse


def _has_value(schema: Schema, order: Order, mark: SortCursor) -> bool:
    place = mark.places[-1]
    if order.or_stored and place.score is None:
        order = order._replace(kind='stored')
    return standing(schema, order)(place) not in (None, '', b'')
