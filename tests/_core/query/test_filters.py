"""What `filter` means, for each kind of column and value; and every way to be wrong."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import pytest

from rom._core.encoding import keygens as kg
from rom._core.query.filters import filtered
from rom._core.query.nodes import All, AnyOf, Exact, InRange, InSet, Node
from rom.columns import (
    Boolean,
    Date,
    DateTime,
    Decimal,
    Float,
    Integer,
    Json,
    PrimaryKey,
    String,
    Text,
    Time,
)
from rom.exceptions import QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of


def own(value: Any) -> Any:
    return {'': 1, 'x': 2, 'word': None}


MODEL = model_of(
    id=PrimaryKey(index=True),
    words=Text(index=True, keygen=kg.FULL_TEXT),
    label=Text(index=True, keygen=kg.IDENTITY),
    tag=Text(index=True, keygen=kg.IDENTITY_CI),
    blob=String(index=True, keygen=kg.IDENTITY_STRING),
    blob_ci=String(index=True, keygen=kg.IDENTITY_STRING_CI),
    text_blob=String(index=True, keygen=kg.FULL_TEXT),
    sorted=Text(index=True, keygen=kg.SIMPLE),
    age=Integer(index=True),
    word_age=Integer(index=True, keygen=kg.IDENTITY),
    price=Float(index=True),
    cost=Decimal(index=True),
    flag=Boolean(index=True),
    day=Date(index=True),
    moment=DateTime(index=True),
    hour=Time(index=True),
    own=Text(index=True, keygen=own),
    own_age=Integer(index=True, keygen=own),
    own_day=Date(index=True, keygen=own),
    own_blob=String(index=True, keygen=own),
    both=Text(index=True, keygen2=lambda name, values: ['x']),
    json=Json(index=True, keygen=own),
    plain=Text(),
    unique=Text(unique=True),
    prefix=Text(prefix=True, keygen=kg.IDENTITY),
)


def node(**clause: Any) -> Node:
    return Query(MODEL).filter(**clause).spec.where.nodes[0]


def word(column: str, text: str | bytes) -> InSet:
    return InSet(MODEL._schema.keys.word(column, text))


def words(column: str, *texts: str | bytes) -> Node:
    nodes = tuple(word(column, text) for text in texts)
    return All(nodes) if len(nodes) > 1 else nodes[0]


def between(column: str, low: float | None, high: float | None) -> InRange:
    return InRange(
        MODEL._schema.keys.scores(column),
        b'-inf' if low is None else repr(float(low)).encode(),
        b'+inf' if high is None else repr(float(high)).encode(),
    )


SECONDS = dt.datetime(2020, 1, 2, 3, 4, 5, 678901)


@pytest.mark.parametrize(
    ('column', 'value', 'expected'),
    [
        ('label', 'New York', words('label', 'New York')),
        ('label', b'caf\xc3\xa9', words('label', 'café')),
        ('tag', 'New York', words('tag', 'new york')),
        ('words', 'The cat!', words('words', 'cat', 'the')),
        ('words', 'Cat', words('words', 'cat')),
        ('words', '!!!', AnyOf()),
        ('words', '', AnyOf()),
        ('label', '', AnyOf()),
        ('blob', 'é', words('blob', b'\xe9')),
        ('blob', b'\xff\0', words('blob', b'\xff\0')),
        ('blob_ci', 'ABC\xc9', words('blob_ci', b'abc\xc9')),
        ('text_blob', b'Caf\xe9 X', words('text_blob', 'café', 'x')),
        ('text_blob', 'Café', words('text_blob', 'café')),
        ('word_age', 5, words('word_age', '5')),
        ('own', 'x', word('own', 'x')),
        ('own', b'\xff', word('own', b'\xff')),
        ('own', 5, between('own', 5, 5)),
        ('own', decimal.Decimal('0.5'), between('own', 0.5, 0.5)),
        ('own', (1, None), between('own', 1, None)),
        ('own:x', 5, between('own:x', 5, 5)),
        ('own:x', (None, 2**70), between('own:x', None, 2**70)),
        ('own:x', (10**400, None), InRange(b'Thing:own:x:idx', b'inf', b'+inf')),
        ('own_age', 'x', word('own_age', 'x')),
        ('own_age', 7, between('own_age', 7, 7)),
        ('own_day', dt.date(1970, 1, 2), between('own_day', 86400, 86400)),
        ('own_day:x', dt.date(1970, 1, 2), between('own_day:x', 86400, 86400)),
        ('own_blob', 'é', word('own_blob', b'\xe9')),
        ('both', 'x', word('both', 'x')),
        ('json', 'x', word('json', 'x')),
        ('flag', True, word('flag', 'True')),
        ('flag', 0, word('flag', 'False')),
        ('flag', 'no', word('flag', 'True')),
        ('age', 5, between('age', 5, 5)),
        ('age', '5', between('age', 5, 5)),
        ('age', 1.5, between('age', 1.5, 1.5)),
        ('age', (1, 5), between('age', 1, 5)),
        ('age', (None, None), between('age', None, None)),
        ('age', (float('-inf'), 5), InRange(b'Thing:age:idx', b'-inf', b'5.0')),
        ('age', (2, 1), between('age', 2, 1)),
        ('id', (None, 3), between('id', None, 3)),
        ('price', 1, between('price', 1, 1)),
        ('price', (1, 2.5), between('price', 1, 2.5)),
        ('cost', decimal.Decimal('1.50'), between('cost', 1.5, 1.5)),
        ('cost', (1, '2.5'), between('cost', 1, 2.5)),
        ('day', dt.date(1970, 1, 2), between('day', 86400, 86400)),
        ('day', (dt.date(1970, 1, 2), 90000), between('day', 86400, 90000)),
        ('moment', SECONDS, between('moment', 1577934245.678901, 1577934245.678901)),
        ('moment', (None, SECONDS), between('moment', None, 1577934245.678901)),
        ('hour', dt.time(0, 1), between('hour', 60, 60)),
    ],
)
def test_one_value(column: str, value: Any, expected: Node) -> None:
    assert node(**{column: value}) == expected


def test_any_of_several() -> None:
    assert node(age=[1, (5, None)]) == AnyOf((between('age', 1, 1), between('age', 5, None)))
    assert node(words=['a b', 'c']) == AnyOf((words('words', 'a', 'b'), words('words', 'c')))
    assert node(label={'x'}) == AnyOf((words('label', 'x'),))
    assert node(flag=[True, False]) == AnyOf((word('flag', 'True'), word('flag', 'False')))
    assert node(age=[]) == AnyOf()
    assert node(age=frozenset([3])) == AnyOf((between('age', 3, 3),))


WIDE = 2**53 + 1


@pytest.mark.parametrize(
    ('column', 'value', 'scores', 'exact'),
    [
        ('age', WIDE, (b'9007199254740992.0',) * 2, Exact(b'age', b'%d' % WIDE, b'%d' % WIDE)),
        ('age', -WIDE, (b'-9007199254740992.0',) * 2, Exact(b'age', b'%d' % -WIDE, b'%d' % -WIDE)),
        ('age', (5, WIDE), (b'5.0', b'9007199254740992.0'), Exact(b'age', None, b'%d' % WIDE)),
        ('age', (10**400, None), (b'inf', b'+inf'), Exact(b'age', b'1' + b'0' * 400, None)),
        ('age', (None, -(10**400)), (b'-inf',) * 2, Exact(b'age', None, b'-1' + b'0' * 400)),
        ('age', (1e300, None), (b'1e+300', b'+inf'), Exact(b'age', b'%d' % int(1e300), None)),
        ('age', str(WIDE), (b'9007199254740992.0',) * 2, Exact(b'age', b'%d' % WIDE, b'%d' % WIDE)),
        ('id', (WIDE, None), (b'9007199254740992.0', b'+inf'), Exact(b'', b'%d' % WIDE, None)),
    ],
)
def test_integers_that_doubles_confuse(
    column: str, value: Any, scores: tuple[bytes, bytes], exact: Exact
) -> None:
    assert node(**{column: value}) == InRange(MODEL._schema.keys.scores(column), *scores, exact)


def test_integers_of_as_many_digits_as_python_prints() -> None:
    found = node(age=10**4299)
    assert isinstance(found, InRange)
    assert found.exact is not None
    assert found.exact.low == b'1' + b'0' * 4299
    with pytest.raises(QueryError, match='more than 4300 digits'):
        node(age=10**4300)


@pytest.mark.parametrize(
    ('column', 'value', 'says'),
    [
        ('nme', 5, r"Thing.query.filter\(nme\): the model has no column 'nme'; it has id, words"),
        ('nme:x', 5, "no column 'nme'"),
        ('own:', 5, 'behind the colon'),
        ('plain', 'x', 'index=True'),
        ('unique', None, 'None is no value'),
        ('unique', ('a', 'b'), 'for a range declare it with index=True'),
        ('unique', ['a', 5], 'expected a str'),
        ('prefix', 'x', 'index=True'),
        ('plain:x', 5, 'index=True'),
        ('sorted', 'x', 'SIMPLE sorts, and cannot be searched; use keygen=IDENTITY'),
        ('age', (1,), r'2 endpoints.* this one has 1'),
        ('age', (1, 2, 3), r'2 endpoints.* this one has 3'),
        ('age', (), '2 endpoints'),
        ('age', 'five', "filter\\(age='five'\\): age: expected an int, got 'five' \\(str\\)"),
        ('age', (1, 'five'), 'expected an int'),
        ('age', None, r'None is no value; \(None, None\) finds all'),
        ('age', True, r'expected an int, got True \(bool\)'),
        ('age', float('nan'), 'NaN'),
        ('age', [1, None], 'None is no value'),
        ('age', {'a': 1}, r"expected an int, got {'a': 1}"),
        ('age', decimal.Decimal(5), 'expected an int'),
        ('price', float('nan'), 'NaN'),
        ('price', (None, float('nan')), 'NaN'),
        ('price', 'x', "'x'"),
        ('price', 10**400, 'too large'),
        ('cost', 1.5j, 'complex'),
        ('cost', 'x', "'x'"),
        ('cost', decimal.Decimal('nan'), 'NaN'),
        ('day', 'yesterday', 'expected a date'),
        ('moment', dt.date(2020, 1, 1), 'expected a datetime'),
        ('hour', dt.time(1, tzinfo=dt.UTC), 'has a zone'),
        ('label', None, 'holds words: expected str or bytes, got NoneType'),
        ('label', 5, 'holds words: expected str or bytes, got int'),
        ('label', ('a', 'b'), 'holds words: expected str or bytes, got tuple'),
        ('label', b'\xff', 'no value of this column could be that'),
        ('label', '\ud800', 'surrogate'),
        ('blob', '€', 'no value of this column could be that'),
        ('flag', None, 'True or False'),
        ('flag', (True, False), 'True or False'),
        ('own', None, 'None is no value'),
        ('own', True, 'holds numbers: expected int, float or Decimal, got bool'),
        ('own', object, 'holds numbers'),
        ('own:x', 'word', 'holds numbers: expected int, float or Decimal, got str'),
        ('own:x', dt.date(2020, 1, 1), 'holds numbers: expected int, float or Decimal, got date'),
    ],
)
def test_what_is_wrong_says_so(column: str, value: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says) as error:
        Query(MODEL).filter(**{column: value})
    assert str(error.value).startswith(f'Thing.query.filter({column}')
    assert error.value.__suppress_context__


def test_what_columns_have_in_common_is_kept_and_what_users_type_is_not() -> None:
    Query(MODEL).filter(**{'own:x': 1}, label='a').order_by('-age')
    kept = len(MODEL._schema.memo)
    for number in range(50):
        Query(MODEL).filter(**{f'own:x{number}': 1}, label=f'a{number}').order_by('-age')
        Query(MODEL).filter(age=number).order_by(f'own:x{number}')
    assert len(MODEL._schema.memo) <= kept + 1  # the filters of age


@pytest.mark.parametrize('method', ['filter', 'where'])
def test_an_error_names_the_method_of_this_call(method: str) -> None:
    for _ in range(2):
        with pytest.raises(QueryError, match=rf'\.{method}\(age='):
            filtered(MODEL._schema, 'age', object(), method)
