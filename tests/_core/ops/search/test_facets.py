"""Counts by value, from the tallies of several calls. No server."""

from __future__ import annotations

import decimal
from collections import Counter
from typing import Any

import pytest

from rom._core.ops.requests import Rest
from rom._core.ops.search.aggregates import value_of
from rom._core.ops.search.facets import counts
from rom._core.ops.time_slices import TURN
from rom._core.query.aggregates import Aggregate
from rom.columns import Column, Decimal, Float, Integer, ManyToOne, Text
from rom.exceptions import CorruptRowError, QueryError
from tests._core.ops.search.search_support import model_of


class Listed(Column[Any]):
    """A column of a program's own, whose values are no keys."""

    def encode(self, value: Any) -> bytes:
        return b','.join(value)

    def decode(self, raw: bytes) -> Any:
        return raw.split(b',')


MODEL = model_of(
    whole=Integer(), real=Float(), exact=Decimal(), city=Text(), listed=Listed(),
    boss=ManyToOne('Thing', on_delete='no action'),
)  # fmt: skip
SCHEMA = MODEL._schema


def merged(tally: Aggregate, replies: Any, is_shared: bool) -> tuple[Counter[Any], int]:
    """The counts, and how often other tasks could run."""
    operation, rests = counts(SCHEMA, tally, replies), 0
    try:
        request = next(operation)
        while True:
            assert request == Rest()
            rests += 1
            request = operation.send(is_shared)
    except StopIteration as end:
        return end.value, rests


def counted(tally: Aggregate, replies: Any) -> Counter[Any]:
    return merged(tally, replies, False)[0]


def test_nothing() -> None:
    assert counted(Aggregate('city', b'city', 'values'), [[b'0', [], []]]) == Counter()


def test_as_many_values_as_rows_are_merged_in_turns() -> None:
    """Each turn has a bounded number of values, whatever a reply holds."""
    whole, many = Aggregate('whole', b'whole', 'values'), 20 * TURN
    parts = [part for n in range(many) for part in (b'%d' % n, b'%d' % (1 + n % 3), b'%d' % n)]
    replies = [[b'1', parts, []], [b'1', parts[: 3 * TURN], []]]
    found, rests = merged(whole, replies, True)
    alone, few = merged(whole, replies, False)
    assert list(found.items()) == list(alone.items())
    assert (found[0], found[many - 1], found[None]) == (2, 1 + (many - 1) % 3, 2)
    # Read, sorted by value, decoded, sorted by number.
    assert rests > 4 * many / TURN
    assert few == 1
    assert merged(whole, [[b'0', parts[:30], []]], True)[1] == 0


def test_counts() -> None:
    city = Aggregate('city', b'city', 'values')
    replies = [
        [b'1', [b'b', b'2', b'1', b'', b'1', b'5'], []],
        [b'2', [b'a', b'3', b'2', b'b', b'1', b'3', b'c', b'4', b'4'], []],
    ]
    found = counted(city, replies)
    assert list(found.items()) == [('c', 4), ('a', 3), ('b', 3), (None, 3), ('', 1)]
    assert isinstance(found, Counter)
    with pytest.raises(CorruptRowError, match="Thing:8, column 'city'"):
        counted(city, [[b'0', [b'\xff', b'1', b'8'], []]])


def test_equal_values_are_one() -> None:
    replies = [[b'0', [b'1.0', b'2', b'1', b'1', b'1', b'2', b'1.00', b'4', b'3'], []]]
    assert counted(Aggregate('exact', b'exact', 'values'), replies) == {decimal.Decimal(1): 7}
    assert counted(Aggregate('real', b'real', 'values'), replies) == {1.0: 7}
    assert counted(Aggregate('boss', b'boss', 'values'), [[b'1', [b'5', b'2', b'1'], []]]) == {
        5: 2,
        None: 1,
    }
    assert value_of(SCHEMA, 'boss', b'5', 1) == 5


@pytest.mark.parametrize(('name', 'raw'), [('listed', b'a,b'), ('exact', b'sNaN')])
def test_what_is_no_key(name: str, raw: bytes) -> None:
    with pytest.raises(QueryError, match=rf'facets\({name}\): .*, which Thing 7 has, is no key'):
        counted(Aggregate(name, name.encode(), 'values'), [[b'0', [raw, b'1', b'7'], []]])
