"""Stems of strings: the order that they keep, and the range of those with a common start."""

from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.stems import bounds_of, prefix_stem, suffix_stem, whole_stem


@given(st.text(st.characters(codec='utf-8')))
def test_stems_of_text(value: str) -> None:
    assert prefix_stem(value) == whole_stem(value) == value.encode()
    assert suffix_stem(value) == value[::-1].encode()


@given(st.binary())
def test_stems_of_bytes(value: bytes) -> None:
    assert prefix_stem(value) == value
    assert whole_stem(value).decode().encode('latin-1') == value
    assert suffix_stem(value).decode().encode('latin-1')[::-1] == value


@given(st.binary(), st.binary())
def test_stems_of_bytes_keep_their_order(one: bytes, other: bytes) -> None:
    assert (whole_stem(one) < whole_stem(other)) == (one < other)
    assert (suffix_stem(one) < suffix_stem(other)) == (one[::-1] < other[::-1])


@given(st.binary(max_size=5), st.binary(max_size=5))
def test_bounds_hold_what_begins_like_it(head: bytes, value: bytes) -> None:
    """For heads without a NUL exactly that; else what begins like the part before it."""
    low, high = bounds_of(head)
    begins = head.partition(b'\0')[0]
    member = value + b'\x007'
    above = low == b'-' or member >= low[1:]
    below = high == b'+' or member < high[1:]
    assert (above and below) == value.startswith(begins)
    assert b'\0' not in low + high
