"""What `where` means, and every way to be wrong.

tests/_core/ops/search/test_where_random.py: what it finds.
"""

# ruff: noqa: SIM300

from __future__ import annotations

import datetime as dt
import functools
import math
import operator
from decimal import Decimal as D
from typing import Any

import pytest
import redis

import rom
from rom._core.columns.expressions import Expression
from rom._core.encoding import keygens as kg
from rom._core.query.compile_expressions import DEEPEST
from rom._core.query.nodes import All, AnyOf, Exact, InRange, InSet, Node, Not
from rom.columns import Boolean, Column, DateTime, Decimal, Float, IndexOnly, Integer, String, Text
from rom.exceptions import QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of


def own(value: Any) -> Any:
    return {'': 1, 'word': None}


MODEL = model_of(
    age=Integer(index=True),
    price=Float(index=True),
    cost=Decimal(index=True),
    moment=DateTime(index=True),
    label=Text(index=True, prefix=True, suffix=True, keygen=kg.IDENTITY),
    words=Text(index=True, keygen=kg.FULL_TEXT),
    ends=Text(suffix=True, keygen=kg.IDENTITY),
    sorted=Text(index=True, keygen=kg.SIMPLE),
    blob=String(index=True, prefix=True, keygen=kg.IDENTITY_STRING),
    flag=Boolean(index=True),
    own=Text(index=True, keygen=own),
    both=Text(index=True, keygen2=lambda name, values: ['x']),
    by_label=IndexOnly('label', keygen=kg.IDENTITY_CI, prefix=True),
    plain=Integer(),
)
QUERY = Query(MODEL)
C: dict[str, Any] = MODEL._schema.columns
AGE, PRICE, LABEL = C['age'], C['price'], C['label']


def node(expression: Any) -> Node:
    found = QUERY.where(expression).spec.where.nodes
    assert len(found) == 1
    return found[0]


def number(key: str, low: float, high: float, exact: Any = None) -> InRange:
    scores = [b'+inf' if end is OPEN else repr(float(end)).encode() for end in (low, high)]
    return InRange(b'Thing:%s:idx' % key.encode(), *scores, exact)


INF, NAN = math.inf, math.nan
#: An end that was not given is written in another way than an infinity.
OPEN = float('inf')


@pytest.mark.parametrize(
    ('expression', 'means'),
    [
        (AGE == 5, number('age', 5, 5)),
        (AGE != 5, Not(number('age', 5, 5))),
        (AGE <= 5, number('age', -INF, 5)),
        (AGE >= 5, number('age', 5, OPEN)),
        (AGE < 5, number('age', -INF, math.nextafter(5, 0))),
        (AGE > 5, number('age', math.nextafter(5, 6), OPEN)),
        (AGE > 2**53 - 1, number('age', 2**53, OPEN)),
        (AGE < 2**53, number('age', -INF, 2**53 - 1)),
        (AGE > 2**53, number('age', 2**53, OPEN, Exact(b'age', b'%d' % (2**53 + 1), None))),
        (AGE < 2**60, number('age', -INF, 2**60, Exact(b'age', None, b'%d' % (2**60 - 1)))),
        (AGE < 2.0**60, number('age', -INF, 2**60, Exact(b'age', None, b'%d' % (2**60 - 1)))),
        (AGE > 10**400, number('age', INF, OPEN, Exact(b'age', b'1' + b'0' * 399 + b'1', None))),
        (AGE.between(1, 5), number('age', 1, 5)),
        (AGE.in_([1, 2]), AnyOf((number('age', 1, 1), number('age', 2, 2)))),
        (AGE.in_([]), AnyOf()),
        (PRICE > INF, AnyOf()),
        (PRICE < -INF, AnyOf()),
        (PRICE < INF, number('price', -INF, math.nextafter(INF, 0))),
        (PRICE > 0, number('price', 5e-324, OPEN)),
        (C['cost'] >= D('1.5'), number('cost', 1.5, OPEN)),
        (C['moment'] >= dt.datetime(1970, 1, 2), number('moment', 86400, OPEN)),
        (C['own'] > 1, number('own', math.nextafter(1, 2), OPEN)),
        (C['own'] == 'word', InSet(b'Thing:own:word:idx')),
        (LABEL == 'a', InSet(b'Thing:label:a:idx')),
        (C['flag'] == False, InSet(b'Thing:flag:False:idx')),  # noqa: E712
        (C['words'] == 'a b', All((InSet(b'Thing:words:a:idx'), InSet(b'Thing:words:b:idx')))),
        (AGE.is_none(), Not(number('age', -INF, OPEN))),
        (~AGE.is_none(), number('age', -INF, OPEN)),
        (C['sorted'].is_none(), Not(number('sorted', -INF, OPEN))),
        (
            C['flag'].is_none(),
            Not(AnyOf((InSet(b'Thing:flag:True:idx'), InSet(b'Thing:flag:False:idx')))),
        ),
    ],
)
def test_what_it_means(expression: Any, means: Node) -> None:
    assert node(expression) == means


@pytest.mark.parametrize('name', ['label', 'ends', 'blob', 'by_label'])
def test_no_value_by_an_index_of_strings(name: str) -> None:
    query = QUERY.endswith(ends='') if name == 'ends' else QUERY.startswith(**{name: ''})
    assert node(C[name].is_none()) == Not(query.spec.where.nodes[0])


@pytest.mark.parametrize('method', ['startswith', 'endswith', 'like'])
def test_strings_are_those_of_the_methods(method: str) -> None:
    expected = getattr(QUERY, method)(label='a*b').spec.where.nodes[0]
    assert node(getattr(LABEL, method)('a*b')) == expected


def test_they_are_put_together_and_mixed_with_filters() -> None:
    a, b = number('age', 1, 1), InSet(b'Thing:label:x:idx')
    assert node((AGE == 1) & (LABEL == 'x')) == All((a, b))
    assert node((AGE == 1) | ~(LABEL == 'x')) == AnyOf((a, Not(b)))
    assert QUERY.filter(label='x').where(AGE == 1, LABEL == 'x').spec.where == All((b, a, b))
    assert QUERY.where().spec == QUERY.spec


def test_long_chains_are_flat_and_deep_trees_have_an_end() -> None:
    chain = functools.reduce(operator.or_, [AGE == number for number in range(2000)])
    found = node(chain)
    assert isinstance(found, AnyOf)
    assert len(found.nodes) == 2000
    with pytest.raises(QueryError, match=f'more than {DEEPEST} deep'):
        node(deep(DEEPEST + 1))


def deep(depth: int, age: Any = AGE) -> Expression:
    """Nested so deep; holds for an age of 1."""
    found: Expression = age == 1
    for level in range(depth):
        found = found & (age >= 0) if level % 2 else found | (age == 7)
    return found


@pytest.mark.parametrize(
    ('asked', 'says'),
    [
        (lambda: AGE == None, r'where\(age=None\).*is_none\(\)'),  # noqa: E711
        (lambda: LABEL != None, r'is_none\(\)'),  # noqa: E711
        (lambda: AGE < None, r'is_none\(\)'),
        (lambda: AGE.in_([1, None]), r'is_none\(\)'),
        (lambda: LABEL.startswith(None), r'is_none\(\)'),
        (lambda: AGE.between(None, 5), 'open end'),
        (lambda: AGE == (1, 5), 'between'),
        (lambda: AGE == [1, 5], r'in_\('),
        (lambda: AGE.in_([(1, 5)]), 'between'),
        (lambda: AGE >= (1, 5), 'between'),
        (lambda: AGE == 'x', r"where\(age='x'\).*expected an int"),
        (lambda: AGE < 'x', r"where\(age='x'\).*expected an int"),
        (lambda: PRICE < NAN, 'NaN'),
        (lambda: AGE < D('5'), 'expected an int'),
        (lambda: AGE > AGE, 'another column'),
        (lambda: AGE == PRICE, 'another column'),
        (lambda: LABEL == 5, 'holds words'),
        (lambda: LABEL < 'x', 'holds no numbers'),
        (lambda: LABEL.between('a', 'b'), 'holds no numbers'),
        (lambda: C['flag'] > False, 'holds no numbers'),
        (lambda: C['sorted'] == 'x', 'sorts, and cannot be searched'),
        (lambda: C['sorted'] > 'x', 'holds no numbers'),
        (lambda: C['own'] > 'x', 'holds numbers'),
        (lambda: C['plain'] == 5, 'no such index; declare it with index=True'),
        (lambda: C['plain'] > 5, 'no such index; declare it with index=True'),
        (lambda: C['plain'].is_none(), 'no such index'),
        (lambda: C['ends'] == 'x', 'no such index'),
        (lambda: C['ends'].startswith('x'), 'prefix=True'),
        (lambda: C['words'].endswith('x'), 'suffix=True'),
        (lambda: C['words'].like('x'), 'prefix=True'),
        (lambda: C['words'].is_none(), 'declare it with prefix=True'),
        (lambda: C['own'].is_none(), 'only its own keygen'),
        (lambda: C['both'].is_none(), 'only its own keygen'),
        (lambda: C['flag'], 'the column flag is not an expression'),
        (lambda: True, 'True is not an expression'),
        (lambda: None, 'None is not an expression'),
        (lambda: other_column('age') == 5, 'another model'),
        (lambda: other_column('size') == 5, 'no column'),
    ],
)
def test_what_is_wrong(asked: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        QUERY.where(asked())
    if isinstance(asked(), Expression):
        with pytest.raises(QueryError, match=says):
            QUERY.where((AGE == 1) | ~(asked() & (AGE == 2)))


def other_column(name: str) -> Column[Any]:
    found: Column[Any] = model_of(**{name: Integer(index=True)})._schema.columns[name]
    return found


# --- on servers ----------------------------------------------------------------------------------


@pytest.fixture
def connected(client: redis.Redis) -> None:
    rom.util.CONNECTION = client


class WhereAuthor(rom.Model):
    name = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)


class WhereBook(rom.Model):
    title = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True)
    author = rom.ManyToOne('WhereAuthor', on_delete='no action')


class WhereNovel(WhereBook):
    pass


def titles(*expressions: Any) -> str:
    return ''.join(sorted(book.title for book in WhereBook.query.where(*expressions).all()))


@pytest.mark.usefixtures('connected')
def test_entities_are_found() -> None:
    ann, bob = WhereAuthor(name='Ann'), WhereAuthor(name='Bob')
    WhereBook(title='a', age=1, author=ann)
    WhereBook(title='b', age=2, author=bob)
    WhereBook(title='c')
    rom.session.commit()
    author: Any = WhereBook.author
    assert titles(author == ann) == titles(author == ann.id) == 'a'
    assert titles(author != ann) == 'bc'
    assert titles(author.in_([ann, bob])) == 'ab'
    assert titles(author.is_none()) == titles(WhereBook.age.is_none()) == 'c'
    assert titles(~(WhereBook.age > 1)) == 'ac'
    assert titles((WhereBook.age >= 1) & ((author == bob) | ~WhereBook.title.startswith('b'))) == (
        'ab'
    )
    assert WhereBook.query.filter(age=(1, None)).where(WhereBook.title != 'a').count() == 1
    with pytest.raises(QueryError, match='none is larger'):
        titles(author > ann)
    with pytest.raises(QueryError, match='is not an entity of WhereAuthor'):
        titles(author == WhereBook.query.first())


@pytest.mark.usefixtures('connected')
def test_a_column_is_that_of_the_subclasses_too() -> None:
    WhereNovel(title='x', age=5).save()
    assert WhereNovel.query.where(WhereBook.age > 4).count() == 1
    assert WhereNovel.query.where(WhereNovel.age > 5).count() == 0


@pytest.mark.usefixtures('connected')
def test_deep_trees_are_answered() -> None:
    WhereBook(title='a', age=1).save()
    WhereBook(title='b', age=2).save()
    age: Any = WhereBook.age
    assert titles(deep(DEEPEST, age)) == 'a'
    assert titles(~deep(DEEPEST - 1, age)) == 'b'
    chain = functools.reduce(operator.or_, [age == number for number in range(2, 2000)])
    assert titles(chain) == 'b'
