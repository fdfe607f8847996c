"""Which index sorts, if any."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from rom._core.encoding import keygens as kg
from rom._core.query.ordering import orders_for
from rom._core.query.sort_order import Order
from rom.columns import Boolean, DateTime, Float, Integer, Json, PrimaryKey, String, Text
from rom.exceptions import QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of


def orders_of(query: Query[Any]) -> tuple[Order, ...]:
    return orders_for(query.schema, query.spec)


def own(value: Any) -> Any:
    return {'': 1}


MODEL = model_of(
    id=PrimaryKey(index=True),
    age=Integer(index=True),
    price=Float(index=True),
    moment=DateTime(index=True),
    flag=Boolean(index=True),
    name=Text(index=True, prefix=True, keygen=kg.SIMPLE),
    nick=Text(index=True, keygen=kg.SIMPLE_CI),
    sorted_pre=Text(prefix=True, keygen=kg.SIMPLE_CI),
    label_pre=Text(index=True, prefix=True, keygen=kg.IDENTITY),
    blob_pre=String(prefix=True, keygen=kg.IDENTITY_STRING),
    number_pre=Integer(prefix=True, keygen=kg.IDENTITY),
    label=Text(index=True, keygen=kg.IDENTITY),
    words_pre=Text(index=True, prefix=True, keygen=kg.FULL_TEXT),
    suffix=Text(suffix=True, keygen=kg.IDENTITY),
    own=Text(index=True, keygen=own),
    own_pre=Text(prefix=True, keygen=own),
    own_age=Integer(index=True, keygen=own),
    json=Json(index=True, keygen=own),
    plain=Text(),
    unique=Text(unique=True),
)
QUERY = Query(MODEL)


def order(asked: str) -> Order:
    return QUERY.order_by(asked).spec.orders[0]


@pytest.mark.parametrize(
    ('asked', 'kind', 'key', 'tie'),
    [
        ('id', 'score', b'Thing:id:idx', 'id'),
        ('age', 'score', b'Thing:age:idx', 'integer'),
        ('price', 'score', b'Thing:price:idx', 'id'),
        ('moment', 'score', b'Thing:moment:idx', 'id'),
        ('name', 'score', b'Thing:name:idx', 'text'),
        ('nick', 'score', b'Thing:nick:idx', 'text_ci'),
        ('own:x', 'score', b'Thing:own:x:idx', 'id'),
        ('own_age', 'score', b'Thing:own_age:idx', 'id'),
        ('json', 'score', b'Thing:json:idx', 'id'),
        ('sorted_pre', 'text', b'Thing:sorted_pre:pre', 'id'),
        ('label_pre', 'text', b'Thing:label_pre:pre', 'id'),
        ('blob_pre', 'text', b'Thing:blob_pre:pre', 'id'),
        ('number_pre', 'stored', b'', 'id'),
        ('flag', 'stored', b'', 'id'),
    ],
)
def test_without_a_warning(asked: str, kind: str, key: bytes, tie: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        found = order(asked)
    assert (found.kind, found.key, found.tie, found.reverse) == (kind, key, tie, False)
    assert order(f'-{asked}').reverse


def test_what_only_the_keygen_knows() -> None:
    assert order('own_age').or_stored
    assert order('json').or_stored
    assert not order('age').or_stored


@pytest.mark.parametrize('asked', ['label', 'words_pre', 'suffix', 'own', 'own_pre'])
def test_a_text_that_is_not_sorted_warns_once_where_it_is_asked(asked: str) -> None:
    with pytest.warns(UserWarning, match=rf'order_by\({asked!r}\).*keygen=SIMPLE') as caught:
        found = order(asked)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert found.kind == ('score' if asked == 'own' else 'stored')


@pytest.mark.parametrize(
    ('asked', 'says'),
    [
        ('nme', "no column 'nme'"),
        ('-nme', "no column 'nme'"),
        ('', "no column ''"),
        ('plain', 'index=True or prefix=True or suffix=True'),
        ('unique', 'index=True'),
        ('plain:x', 'index=True'),
        ('label_pre:', 'behind the colon'),
        (None, 'takes the name of a column'),
        (5, 'takes the name of a column'),
        (['age'], 'takes the name of a column'),
    ],
)
def test_what_is_wrong_says_so(asked: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        QUERY.order_by(asked)


def test_a_filter_of_strings_sorts_as_well() -> None:
    by_name = QUERY.order_by('-name')
    assert orders_of(QUERY) == ()
    assert orders_of(by_name) == by_name.spec.orders
    assert orders_of(by_name.startswith(label_pre='x')) == by_name.spec.orders
    [found] = orders_of(by_name.startswith(name='x'))
    assert (found.kind, found.key, found.reverse) == ('text', b'Thing:name:pre', True)


def test_several_columns() -> None:
    found = QUERY.order_by('age', '-name').spec.orders
    assert [(order.column, order.reverse) for order in found] == [('age', False), ('name', True)]
    assert orders_of(QUERY.order_by('age', 'name')) == QUERY.order_by('age', 'name').spec.orders


@pytest.mark.parametrize(
    ('asked', 'says'),
    [
        ((), 'takes the names of columns'),
        (('age', 'age'), 'names a column twice'),
        (('age', '-age'), 'names a column twice'),
        (('age', 'plain'), 'index=True'),
    ],
)
def test_what_several_columns_cannot_be(asked: tuple[str, ...], says: str) -> None:
    with pytest.raises(QueryError, match=says):
        QUERY.order_by(*asked)
