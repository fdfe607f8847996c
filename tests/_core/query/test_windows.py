"""Limits, offsets and slices: a query's window, compared with slices of a list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.integers import ENDLESS
from rom.columns import Integer
from rom.exceptions import ArgumentError, QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of

QUERY = Query(model_of(age=Integer(index=True)))
_BOUND = st.none() | st.integers(0, 25)


def window_of(query: Query[Any]) -> list[int]:
    """The results of a query that would find 0 to 19 without a limit."""
    offset, count = query.spec.offset, query.spec.count
    return list(range(20))[offset:][:count]


@given(slices=st.lists(st.builds(slice, _BOUND, _BOUND, st.sampled_from([None, 1])), max_size=4))
def test_slices_count_within_the_slices_before(slices: list[slice]) -> None:
    query, expected = QUERY, list(range(20))
    for each in slices:
        query, expected = query[each], expected[each]
    assert window_of(query) == expected


def test_a_slice_is_a_limit() -> None:
    assert QUERY[20:30].spec == QUERY.limit(20, 10).spec
    assert QUERY[:5].spec == QUERY.limit(5).spec
    assert QUERY[5:].spec == QUERY.offset(5).spec
    assert QUERY[:].spec == QUERY.spec
    assert QUERY.limit(10, 10)[2:5].spec == QUERY.limit(12, 3).spec
    assert QUERY[2 : 2**80].spec == QUERY.limit(2, ENDLESS - 2).spec
    assert QUERY[2**80 :][2**80 :].spec.offset == ENDLESS


def test_a_limit_keeps_the_offset() -> None:
    assert QUERY.offset(20).limit(10).spec == QUERY.limit(10).offset(20).spec
    assert QUERY.offset(20).limit(10).spec == QUERY.limit(20, 10).spec
    assert QUERY.limit(20, 10).limit(5).spec == QUERY.limit(20, 5).spec
    assert QUERY.limit(20, 10).offset(-1).spec == QUERY.limit(0, 10).spec
    assert QUERY.offset(5).replace(limit=(3,)).spec == QUERY.limit(0, 3).spec
    with pytest.raises(ArgumentError, match=r"offset\(offset\) takes ints, not '5'"):
        QUERY.offset('5')  # type: ignore[arg-type]


def test_the_window_is_in_the_repr() -> None:
    assert repr(QUERY[20:30]) == 'Thing.query.limit(20, 10)'
    assert repr(QUERY[5:]) == 'Thing.query.offset(5)'


@pytest.mark.parametrize(
    ('query', 'place', 'says'),
    [
        (QUERY, -1, "Thing.query[-1]: results are counted from the first one; for the last ones, "
                    "reverse the order: order_by('-id')[:10]"),
        (QUERY.order_by('-age', 'id'), slice(-5, None), "[-5:]: ... order_by('age', '-id')[:10]"),
        (QUERY, slice(None, -5), '[:-5]: results are counted from the first'),
        (QUERY, slice(None, None, 2), '[::2]: a slice takes no step; use list(query)[::2]'),
        (QUERY, slice(None, None, -1), '[::-1]: ... reverse the order'),
    ],
)  # fmt: skip
def test_what_the_server_cannot_count(query: Query[Any], place: Any, says: str) -> None:
    with pytest.raises(QueryError, match=re.escape(says).replace(r'\.\.\.', '.*')):
        query[place]


@pytest.mark.parametrize('place', ['3', 1.5, None, (1, 2), slice('a', None), slice(0, 2.0)])
def test_an_index_is_an_int(place: Any) -> None:
    with pytest.raises(TypeError, match=r'takes an int, or a slice of ints, as in \[3\]'):
        QUERY[place]
