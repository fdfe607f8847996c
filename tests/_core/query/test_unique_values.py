"""What a filter of a unique column means that has no index."""

from __future__ import annotations

import pytest

from rom._core.encoding import keygens as kg
from rom._core.query.nodes import AnyOf, InSet, InUnique, Not
from rom.columns import IndexOnly, Integer, String, Text
from rom.exceptions import QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of

MODEL = model_of(
    email=Text(unique=True, prefix=True, keygen=kg.IDENTITY),
    number=Integer(unique=True),
    blob=String(unique=True),
    folded=IndexOnly('email', keygen=kg.IDENTITY_CI, unique=True),
    both=Text(unique=True, index=True, keygen=kg.IDENTITY),
)
QUERY = Query(MODEL)


@pytest.mark.parametrize(
    ('column', 'value', 'values'),
    [
        ('email', 'a', (b'a',)),
        ('email', ['b', 'a', 'b'], (b'b', b'a')),
        ('email', {'a'}, (b'a',)),
        ('number', 5, (b'5',)),
        ('number', 5.0, (b'5',)),
        ('blob', b'\xff', (b'\xc3\xbf',)),
        ('folded', 'ABC', (b'abc',)),
    ],
)
def test_filter(column: str, value: object, values: tuple[bytes, ...]) -> None:
    node = QUERY.filter(**{column: value}).spec.where.nodes[0]
    assert node == InUnique(b'Thing:%s:uidx' % column.encode(), values)


def test_too_many() -> None:
    assert QUERY.filter(number=[*range(20_000)] * 2).spec.where.nodes
    with pytest.raises(QueryError, match='20001 values are too many for one look-up; 20000 are'):
        QUERY.filter(number=list(range(20_001)))


def test_none_of_none() -> None:
    assert QUERY.filter(email=[]).spec.where.nodes == (AnyOf(),)


def test_where() -> None:
    email = MODEL._schema.columns['email']
    assert QUERY.where(email == 'a').spec.where.nodes == QUERY.filter(email='a').spec.where.nodes
    assert isinstance(QUERY.where(email != 'a').spec.where.nodes[0], Not)


def test_an_index_comes_first() -> None:
    """It knows words, whatever a program's keygen makes of values."""
    assert isinstance(QUERY.filter(both='a').spec.where.nodes[0], InSet)
