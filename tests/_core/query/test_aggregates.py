"""Which columns can be added up, counted, or have a smallest value."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from rom._core.columns.index_only import IndexOnly
from rom._core.encoding import keygens as kg
from rom._core.query.aggregates import Aggregate, adding, by_extreme, counting
from rom.columns import (
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    ManyToOne,
    String,
    Text,
)
from rom.exceptions import QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of


class Cents(Decimal):
    """Still read as its base is."""


class Hex(Integer):
    """Read in a way of its own."""

    def decode(self, raw: bytes) -> int:
        return int(raw, 16)


def own(value: Any) -> dict[str, float]:
    return {'': len(value), 'x': 1}


MODEL = model_of(
    age=Integer(index=True),
    score=Float(),
    price=Cents(index=True),
    code=Hex(),
    born=Date(index=True),
    flag=Boolean(index=True),
    extra=Json(),
    name=Text(index=True, keygen=kg.SIMPLE),
    nick=Text(prefix=True, keygen=kg.IDENTITY_CI),
    words=Text(index=True, prefix=True, keygen=kg.FULL_TEXT),
    city=Text(index=True, keygen=kg.IDENTITY),
    blob=String(index=True, keygen=own),
    length=Integer(index=True, keygen=lambda value: {'': -value}),
    boss=ManyToOne('Thing', on_delete='no action'),
    last=IndexOnly('name', keygen=kg.SIMPLE),
    both=IndexOnly(keygen2=lambda name, values: ['x']),
)
SCHEMA = MODEL._schema


@pytest.mark.parametrize(
    ('name', 'way'), [('age', 'integer'), ('score', 'float'), ('price', 'decimal')]
)
def test_what_is_added(name: str, way: Any) -> None:
    assert adding(SCHEMA, 'sum', name) == Aggregate(name, name.encode(), way)
    assert adding(SCHEMA, 'sum', name).as_map() == {
        'field': name.encode(),
        'way': way,
        'alone': False,
    }


@pytest.mark.parametrize(
    ('name', 'says'),
    [
        ('code', r"query.avg\(code\): only an Integer, Float or .* is a Hex; .*select\('code'\)"),
        ('flag', 'this is a Boolean'),
        ('born', 'this is a Date'),
        ('boss', 'this is a ManyToOne'),
        ('name', 'this is a Text'),
        ('extra', 'this is a Json'),
        ('id', r'ids are names, not amounts; count\(\)'),
        ('last', "an IndexOnly holds no value; name 'name'"),
        ('both', 'an IndexOnly holds no value, but what it indexes does'),
        ('blob:x', 'keep it in a column of its own'),
        ('none', "no column 'none'; it has age, score"),
        (MODEL._schema.columns['age'], r"takes the name of a column, as in avg\('age'\)"),
        (None, 'takes the name of a column'),
    ],
)
def test_what_is_not_added(name: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        adding(SCHEMA, 'avg', name)


@pytest.mark.parametrize('name', ['age', 'code', 'flag', 'born', 'boss', 'words', 'blob'])
def test_what_is_counted(name: str) -> None:
    assert counting(SCHEMA, name) == Aggregate(name, name.encode(), 'values')


@pytest.mark.parametrize(
    ('name', 'says'),
    [
        ('extra', r'facets\(extra\): the values of a Json are no keys of a dict; keep'),
        ('id', 'no two entities have one id'),
        ('last', "name 'name'"),
        ('none', 'no column'),
        (5, r"facets\(5\): takes the name of a column, as in facets\('age'\)"),
    ],
)
def test_what_is_not_counted(name: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        counting(SCHEMA, name)


@pytest.mark.parametrize('name', ['age', 'price', 'born', 'name', 'nick', 'boss'])
def test_what_has_extremes(name: str) -> None:
    """The query is the one that was asked but for its order, its window and its selection."""
    query = Query(MODEL).filter(age=(1, 5)).order_by('-born').limit(3, 4).select('words')
    for method, reverse in (('min', False), ('max', True)):
        found = by_extreme(query, method, name)  # type: ignore[arg-type]
        [order] = found.spec.orders
        assert (order.column, order.reverse, order.or_stored) == (name, reverse, False)
        assert order.kind in ('score', 'text')
        assert (found.spec.offset, found.spec.count) == (0, None)
        assert found.spec.where == query.spec.where
        assert found.selection is not None
        assert found.selection.columns == (name,)


@pytest.mark.parametrize(
    ('name', 'says'),
    [
        ('words', r'min\(words\): no index sorts this column; .*keygen=SIMPLE .*prefix=True'),
        ('city', 'keygen=SIMPLE'),
        ('blob', 'keygen=SIMPLE'),
        ('score', 'declare the Float with index=True and no keygen'),
        ('length', 'declare the Integer with index=True and no keygen'),
        ('flag', r"no index sorts the values of a Boolean; facets\('flag'\)"),
        ('extra', 'no index sorts the values of a Json'),
        ('last', "name 'name'"),
        ('blob:x', 'keep it in a column of its own'),
        ('none', 'no column'),
        (b'age', 'takes the name of a column'),
    ],
)
def test_what_has_none(name: Any, says: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with pytest.raises(QueryError, match=says):
            by_extreme(Query(MODEL), 'min', name)
