"""Links as values: the stored form, and how the changes of two writers merge."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.columns.links import added_ids, in_order, read_ids, rebased, write_ids

IDS = st.sets(st.integers(1, 12))


@given(IDS)
def test_equal_sets_have_equal_bytes(ids: set[int]) -> None:
    links = in_order(ids)
    assert links == tuple(sorted(ids))
    assert read_ids(write_ids(links)) == links


@given(base=IDS, wanted=IDS, current=IDS)
def test_what_one_writer_adds_and_removes_is_done_to_what_is_there(
    base: set[int], wanted: set[int], current: set[int]
) -> None:
    merged = rebased(in_order(base), in_order(wanted), in_order(current))
    assert set(merged) == (current | (wanted - base)) - (base - wanted)
    assert merged == tuple(sorted(merged))
    if current == base:
        assert set(merged) == wanted


@given(before=IDS, after=IDS)
def test_added_ids(before: set[int], after: set[int]) -> None:
    found = added_ids(write_ids(sorted(before)), write_ids(sorted(after)))
    assert sorted(map(int, found)) == sorted(after - before)


@pytest.mark.parametrize('before', [None, b''])
def test_a_row_without_links(before: Any) -> None:
    assert added_ids(before, b'1,2') == [b'1', b'2']
    assert added_ids(b'1', None) == added_ids(b'1', b'') == []
    assert read_ids(before) == ()


@pytest.mark.parametrize(
    'raw', [b'0', b'01', b'1,', b',1', b'1,,2', b'2,1', b'1,1', b'1, 2', b'-1', b'x', b'9' * 30]
)
def test_other_bytes_are_no_links(raw: bytes) -> None:
    with pytest.raises(ValueError, match='expected ids'):
        read_ids(raw)
