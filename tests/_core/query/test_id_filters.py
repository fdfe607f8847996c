"""What clauses about the primary key mean, without an index of it."""

from __future__ import annotations

from typing import Any

import pytest

from rom._core.encoding.integers import LARGEST_ID
from rom._core.query.nodes import AnyOf, Ids, IdsBetween, InRange, Node, Not
from rom._core.query.ordering import direction_of
from rom.columns import Integer, PrimaryKey
from rom.exceptions import QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of

MODEL = model_of(number=PrimaryKey(), age=Integer(index=True))
NUMBER: Any = MODEL._schema.columns['number']
QUERY = Query(MODEL)
ALL = IdsBetween(0, None)


def meant(value: Any) -> Node:
    return QUERY.filter(number=value).spec.where.nodes[0]


@pytest.mark.parametrize(
    ('value', 'node'),
    [
        (5, Ids((5,))),
        ('5', Ids((5,))),
        (5.0, Ids((5,))),
        (5.5, AnyOf()),
        (-1, AnyOf()),
        (10**30, AnyOf()),
        (LARGEST_ID, Ids((LARGEST_ID,))),
        ([3, 1, 3, -7, 10**400], Ids((1, 3))),
        ({2}, Ids((2,))),
        ([], AnyOf()),
        ((3, 7), IdsBetween(3, 7)),
        ((2.5, 7.5), IdsBetween(3, 7)),
        ((None, 7), IdsBetween(0, 7)),
        ((3, None), IdsBetween(3, None)),
        ((None, None), ALL),
        ((-5, 10**30), ALL),
        ((float('-inf'), float('inf')), ALL),
        ((7, 3), AnyOf()),
        ((10**30, None), AnyOf()),
    ],
)
def test_filter(value: Any, node: Node) -> None:
    assert meant(value) == node


@pytest.mark.parametrize(
    ('expression', 'node'),
    [
        (NUMBER == 5, Ids((5,))),
        (NUMBER != 5, Not(Ids((5,)))),
        (NUMBER.in_([5, 4]), Ids((4, 5))),
        (NUMBER.between(4, 5), IdsBetween(4, 5)),
        (NUMBER < 5, IdsBetween(0, 4)),
        (NUMBER <= 5, IdsBetween(0, 5)),
        (NUMBER > 5, IdsBetween(6, None)),
        (NUMBER >= 5, IdsBetween(5, None)),
        (NUMBER < 5.5, IdsBetween(0, 5)),
        (NUMBER > 5.5, IdsBetween(6, None)),
        (NUMBER > -1e400, ALL),
        (NUMBER > 10**30, AnyOf()),
        (NUMBER < 10**30, ALL),
        (NUMBER < -3, AnyOf()),
        (NUMBER.is_none(), AnyOf()),
    ],
)
def test_where(expression: Any, node: Node) -> None:
    assert QUERY.where(expression).spec.where.nodes == (node,)


@pytest.mark.parametrize(
    ('value', 'says'),
    [
        (None, r'None is no id; \(None, None\) finds all entities'),
        ([1, None], 'None is no id'),
        ((1, 2, 3), 'a range is a tuple of 2 endpoints'),
        ('x', "expected an int, got 'x'"),
        (True, r'got True \(bool\)'),
        (float('nan'), 'NaN'),
        ([[1]], r'expected an int, got \[1\] \(list\)'),
        (list(range(1, 20_002)), r'20001 values are too many .* or read them by Thing.get\('),
        (object(), 'expected an int, got <object'),
    ],
)
def test_what_is_wrong(value: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says) as error:
        meant(value)
    assert str(error.value).startswith('Thing.query.filter(number')


def test_what_is_wrong_in_a_comparison() -> None:
    with pytest.raises(QueryError, match="expected an int, got 'x'"):
        QUERY.where(NUMBER > 'x')


def test_order() -> None:
    """Ids leave none equal: what comes behind them never matters."""
    orders = QUERY.order_by('age', '-number').spec.orders
    assert [(order.column, order.kind) for order in orders] == [('age', 'score'), ('number', 'id')]
    assert direction_of(orders) == 'down'
    assert direction_of(QUERY.order_by('number').spec.orders) == 'up'
    assert direction_of(QUERY.order_by('-age').spec.orders) is None
    assert QUERY.order_by('-number', 'age').spec == QUERY.order_by('-number').spec


def test_a_declared_index_is_used() -> None:
    """Data of rom 1.x has no bitmap, and its index may be all there is to walk along."""
    query = Query(model_of(id=PrimaryKey(index=True)))
    assert isinstance(query.filter(id=5).spec.where.nodes[0], InRange)
    assert query.order_by('-id').spec.orders[0].kind == 'score'
