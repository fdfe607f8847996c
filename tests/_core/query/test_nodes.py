"""Plans as the maps that the script reads."""

from rom._core.query.like_patterns import EncodedToken
from rom._core.query.nodes import (
    All,
    AnyOf,
    Exact,
    InRange,
    InSet,
    Not,
    StartsWith,
    Whole,
)

A, B, C = InSet(b'a'), InSet(b'b'), InSet(b'c')
SET_A, SET_B, SET_C = ({'kind': 'set', 'key': key} for key in (b'a', b'b', b'c'))


def test_trees() -> None:
    assert All().as_map() == {'kind': 'all'}
    assert All((A,)).as_map() == SET_A
    assert All((A, B)).as_map() == {'kind': 'and', 'nodes': [SET_A, SET_B]}
    assert AnyOf().as_map() == {'kind': 'or', 'nodes': []}
    assert AnyOf((A,)).as_map() == SET_A
    assert AnyOf((A, All())).as_map() == {'kind': 'or', 'nodes': [SET_A, {'kind': 'all'}]}
    assert Not(A).as_map() == {'kind': 'not', 'node': SET_A}


def test_all_within_all_is_flat() -> None:
    assert All((All((A, All((B,)))), C)).as_map() == {
        'kind': 'and',
        'nodes': [SET_A, SET_B, SET_C],
    }
    assert All((All(), All((A,)))).as_map() == SET_A
    assert All((All(),)).as_map() == {'kind': 'all'}


def test_ranges() -> None:
    plain = {'kind': 'range', 'key': b'k', 'low': b'1.0', 'high': b'+inf'}
    assert InRange(b'k', b'1.0', b'+inf').as_map() == plain
    exact = InRange(b'k', b'1.0', b'+inf', Exact(b'age', b'9007199254740993', None))
    assert exact.as_map() == {**plain, 'exact': {'field': b'age', 'low': b'9007199254740993'}}


def test_strings() -> None:
    assert StartsWith(b'k', b'ab').as_map() == {
        'kind': 'lex',
        'key': b'k',
        'low': b'[ab',
        'high': b'(ac',
        'head': b'ab',
        'pattern': [],
        'raw': False,
        'plain': True,
    }
    wild = StartsWith(
        b'k',
        b'a\0',
        (EncodedToken(1, None, b'x'), EncodedToken(0, 1, b'')),
        whole=Whole(b'name', lowers=True, turned=False),
    )
    found = wild.as_map()
    assert found['pattern'] == [{'least': 1, 'text': b'x'}, {'least': 0, 'most': 1, 'text': b''}]
    assert (found['field'], found['lowers'], found['turned']) == (b'name', True, False)
    assert not found['plain']
    assert not StartsWith(b'k', b'a\0').as_map()['plain']


def test_one_of_one_is_that_one() -> None:
    """Whether an entity may be found twice is seen from what is flat."""
    one, other = InSet(b'a'), InSet(b'b')
    nested = All((AnyOf((All((one, AnyOf((other,)))),)), AnyOf((one, other))))
    assert nested.flat() == (one, other, AnyOf((one, other)))
