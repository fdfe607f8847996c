"""Sorting by what rows hold."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from rom._core.encoding import keygens as kg
from rom._core.ops.requests import Operation, Rest
from rom._core.ops.rows import Row
from rom._core.ops.search.sorting import sort_ids
from rom._core.query.sort_order import Order
from rom.columns import Boolean, DateTime, Integer, Json, String, Text
from tests._core.ops.search.search_support import model_of

MODEL = model_of(
    label=Text(prefix=True, keygen=kg.IDENTITY),
    tag=Text(prefix=True, keygen=kg.IDENTITY_CI),
    blob=String(prefix=True, keygen=kg.IDENTITY_STRING),
    name=String(prefix=True, keygen=kg.SIMPLE_CI),
    age=Integer(index=True),
    moment=DateTime(index=True),
    flag=Boolean(index=True),
    json=Json(),
)
SCHEMA = MODEL._schema


def run(operation: Operation[Any], is_shared: bool = False) -> tuple[Any, int]:
    """Carry out what makes no trip: what it returns, and how often it let others run."""
    rests = 0
    try:
        request = next(operation)
        while True:
            assert request == Rest()
            rests += 1
            request = operation.send(is_shared)
    except StopIteration as end:
        return end.value, rests


def rows(column: str, values: dict[int, Any]) -> list[Row]:
    encode = SCHEMA.columns[column].encode
    return [
        Row(id, {} if value is None else {column: encode(value)}) for id, value in values.items()
    ]


@pytest.mark.parametrize(
    ('column', 'kind', 'values', 'expected'),
    [
        ('label', 'text', {3: 'b', 1: None, 2: 'B', 4: '', 5: 'a\0b', 6: 'a', 10: 'b'},
         [2, 6, 5, 3, 10, 1, 4]),
        ('label', 'stored', {3: 'é', 2: 'z', 1: '\uffff', 4: '\U00010000'}, [2, 3, 1, 4]),
        ('tag', 'text', {1: 'É', 2: 'e', 3: 'é', 4: 'F'}, [2, 4, 1, 3]),
        ('blob', 'text', {1: b'\xff', 2: b'\x7f', 3: b'\xc3'}, [2, 3, 1]),
        ('name', 'text', {1: b'B', 2: b'a', 3: b'\xff', 4: b'\xc3'}, [2, 1, 4, 3]),
        ('age', 'stored', {1: 10, 2: 9, 3: -(2**70), 4: 2**70, 5: 9, 6: None}, [3, 2, 5, 1, 4, 6]),
        ('moment', 'stored', {1: dt.datetime(2020, 1, 1), 2: dt.datetime(1960, 1, 1)}, [2, 1]),
        ('flag', 'stored', {1: True, 2: False, 3: None, 4: True}, [2, 1, 4, 3]),
        ('json', 'stored', {1: [2], 2: [1]}, [2, 1]),
    ],
)  # fmt: skip
def test_sorted(column: str, kind: Any, values: dict[int, Any], expected: list[int]) -> None:
    present = [id for id in expected if values[id] not in (None, '')]
    missing = expected[len(present) :]
    for reverse in (False, True):
        found, _ = run(sort_ids(SCHEMA, [Order(column, reverse, kind)], rows(column, values)))
        assert found == [b'%d' % id for id in (present[::-1] if reverse else present) + missing]


def test_what_does_not_decode_comes_last() -> None:
    found = [Row(1, {'age': b'many'}), Row(2, {'age': b'5'}), Row(3, {'tag': b'\xff'})]
    by_age = sort_ids(SCHEMA, [Order('age', False, 'stored')], found)
    assert run(by_age) == ([b'2', b'1', b'3'], 0)
    by_tag = sort_ids(SCHEMA, [Order('tag', False, 'text')], found)
    assert run(by_tag) == ([b'1', b'2', b'3'], 0)


@pytest.mark.parametrize('reverse', [False, True])
def test_many_are_sorted_in_turns_in_an_event_loop(reverse: bool) -> None:
    """As without one, however often other tasks run in between."""
    many = [
        Row(id, {'age': b'%d' % (id * 7919 % 90), 'label': b'l%d' % (id * 31 % 4001)})
        for id in range(12_000, 0, -1)
        if id % 10
    ]
    orders = [Order('age', reverse, 'stored'), Order('label', not reverse, 'text')]
    alone, rests = run(sort_ids(SCHEMA, orders, many))
    assert rests == 1, 'it asks once whether there is a loop'
    assert len(alone) == len(many)
    shared, rests = run(sort_ids(SCHEMA, orders, many), is_shared=True)
    assert shared == alone
    assert rests > 5 * len(many) / 1000, 'five walks through all of them, a thousand at a time'
