"""What `startswith`, `endswith` and `like` mean."""

from __future__ import annotations

from typing import Any

import pytest

from rom._core.encoding import keygens as kg
from rom._core.query.like_patterns import EncodedToken
from rom._core.query.nodes import StartsWith, Whole
from rom._core.query.string_filters import has_many, index_string
from rom.columns import Integer, String, Text
from rom.exceptions import QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of

BOTH = {'prefix': True, 'suffix': True}
MODEL = model_of(
    words=Text(**BOTH, keygen=kg.FULL_TEXT),
    label=Text(**BOTH, keygen=kg.IDENTITY),
    tag=Text(**BOTH, keygen=kg.IDENTITY_CI),
    name=Text(**BOTH, keygen=kg.SIMPLE),
    nick=Text(**BOTH, keygen=kg.SIMPLE_CI),
    blob=String(**BOTH, keygen=kg.IDENTITY_STRING),
    raw=String(**BOTH, keygen=kg.SIMPLE_CI),
    text_blob=String(**BOTH, keygen=kg.FULL_TEXT),
    own=Text(**BOTH, keygen=lambda value: [value]),
    number=Integer(**BOTH, keygen=kg.IDENTITY),
    index=Text(index=True, keygen=kg.IDENTITY),
)
COLUMNS = MODEL._schema.columns


def asked(method: str, column: str, value: Any) -> StartsWith:
    found = getattr(Query(MODEL), method)(**{column: value}).spec.where.nodes[0]
    assert isinstance(found, StartsWith)
    return found


@pytest.mark.parametrize(
    ('column', 'value', 'head'),
    [
        ('words', 'Caf', b'caf'),
        ('words', 'Two Words', b'two words'),
        ('label', 'Caf', b'Caf'),
        ('label', 'é', b'\xc3\xa9'),
        ('label', b'\xc3\xa9', b'\xc3\xa9'),
        ('label', '', b''),
        ('label', 'a\0b', b'a\0b'),
        ('tag', 'CafÉ', b'caf\xc3\xa9'),
        ('name', 'Caf', b'Caf'),
        ('nick', 'Caf', b'caf'),
        ('blob', b'\xff', b'\xff'),
        ('blob', 'é', b'\xe9'),
        ('raw', b'A\xff', b'a\xc3\xbf'),
        ('text_blob', b'A\xe9', b'a\xc3\xa9'),
        ('own', 'Caf', b'Caf'),
        ('own', b'\xff', b'\xff'),
        ('number', '5', b'5'),
    ],
)
def test_beginnings(column: str, value: Any, head: bytes) -> None:
    found = asked('startswith', column, value)
    assert (found.key, found.head) == (f'Thing:{column}:pre'.encode(), head)
    assert not found.pattern


@pytest.mark.parametrize(
    ('column', 'value', 'head'),
    [
        ('words', 'éX', b'x\xc3\xa9'),
        ('label', 'né', b'\xc3\xa9n'),
        ('tag', 'NÉ', b'\xc3\xa9n'),
        ('blob', b'n\xff', b'\xc3\xbfn'),
        ('raw', b'N\xff', b'\xc3\xbfn'),
        ('own', b'n\xff', b'\xc3\xbfn'),
        ('label', '', b''),
    ],
)
def test_ends(column: str, value: Any, head: bytes) -> None:
    found = asked('endswith', column, value)
    assert (found.key, found.head) == (f'Thing:{column}:suf'.encode(), head)


@pytest.mark.parametrize(
    ('column', 'pattern', 'head', 'tokens', 'raw'),
    [
        ('label', 'J*n', b'J', [EncodedToken(0, None, b'n')], False),
        ('tag', 'J!É', b'j', [EncodedToken(1, 1, b'\xc3\xa9')], False),
        ('blob', b'\xff!\xfe', b'\xff', [EncodedToken(1, 1, b'\xfe')], True),
        ('blob', 'é?x', b'\xe9', [EncodedToken(0, 1, b'x')], True),
        ('raw', b'\xff+X', b'\xc3\xbf', [EncodedToken(1, None, b'x')], False),
        ('text_blob', b'\xe9!x', b'\xc3\xa9', [EncodedToken(1, 1, b'x')], False),
        ('own', b'\xff!\xfe', b'\xff', [EncodedToken(1, 1, b'\xfe')], True),
        ('label', '', b'', [], False),
    ],
)
def test_patterns(
    column: str, pattern: Any, head: bytes, tokens: list[EncodedToken], raw: bool
) -> None:
    found = asked('like', column, pattern)
    assert (found.head, list(found.pattern), found.raw) == (head, tokens, raw)


def test_the_row_tells_where_the_whole_value_is_indexed() -> None:
    assert asked('startswith', 'label', 'x').whole == Whole(b'label', lowers=False)
    assert asked('like', 'nick', 'x').whole == Whole(b'nick', lowers=True)
    assert asked('endswith', 'tag', 'x').whole == Whole(b'tag', lowers=True, turned=True)
    for column in ('words', 'own', 'number'):
        assert has_many(COLUMNS[column])
        assert asked('startswith', column, 'x').whole is None


def test_how_values_stand_in_the_index() -> None:
    assert index_string(COLUMNS['tag'], 'É') == b'\xc3\xa9'
    assert index_string(COLUMNS['blob'], b'\xff') == b'\xff'
    assert index_string(COLUMNS['raw'], b'A\xff') == b'a\xc3\xbf'


@pytest.mark.parametrize(
    ('method', 'column', 'value', 'says'),
    [
        ('startswith', 'nme', 'x', "no column 'nme'"),
        ('startswith', 'index', 'x', 'prefix=True'),
        ('like', 'index', 'x', 'prefix=True'),
        ('endswith', 'index', 'x', 'suffix=True'),
        ('startswith', 'label', None, 'holds words: expected str or bytes, got NoneType'),
        ('startswith', 'label', 5, 'holds words: expected str or bytes, got int'),
        ('endswith', 'label', ['a'], 'holds words: expected str or bytes, got list'),
        ('like', 'label', ('a', 'b'), 'holds words: expected str or bytes, got tuple'),
        ('startswith', 'label', '\ud800', 'surrogate'),
        ('endswith', 'label', '\ud800', 'surrogate'),
        ('like', 'label', 'a*\ud800', 'surrogate'),
        ('startswith', 'label', b'\xff', 'no value of this column could be that'),
        ('startswith', 'blob', '€', 'no value of this column could be that'),
    ],
)
def test_what_is_wrong_says_so(method: str, column: str, value: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says) as error:
        getattr(Query(MODEL), method)(**{column: value})
    assert str(error.value).startswith(f'Thing.query.{method}({column}')


@pytest.mark.parametrize(
    ('method', 'column', 'values', 'without'),
    [
        ('does_not_startwith', 'label', 'Ab', (b'Ab',)),
        ('does_not_startwith', 'tag', ['Ab', 'É'], (b'ab', 'é'.encode())),
        ('does_not_startwith', 'words', [], ()),
        ('does_not_startwith', 'blob', (b'\xff',), (b'\xff',)),
        ('does_not_endwith', 'label', {'né'}, ('én'.encode(),)),
        ('does_not_endwith', 'blob', [b'n\xff'], ('ÿn'.encode(),)),
    ],
)
def test_what_strings_do_not_begin_with(
    method: str, column: str, values: Any, without: tuple[bytes, ...]
) -> None:
    found = asked(method, column, values)
    assert (found.head, found.pattern, found.without) == (b'', (), without)
    assert found.key.endswith(b':pre' if method == 'does_not_startwith' else b':suf')
    assert found.as_map()['plain'] is not bool(without)
    assert found.as_map().get('without', []) == list(without)


@pytest.mark.parametrize('values', [None, 5, ['x', None], [['x']], '\ud800'])
def test_what_is_no_string_to_leave_out(values: Any) -> None:
    for method in ('does_not_startwith', 'does_not_endwith'):
        with pytest.raises(QueryError, match=method):
            asked(method, 'label', values)
