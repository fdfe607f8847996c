"""The wire format: raw strings only, no 'bin' type, nothing lost."""

from collections import defaultdict
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.wire import pack, pack_items, pack_with

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(), inner, max_size=4),
)  # fmt: skip


def unpack(packed: bytes) -> Any:
    """As the server's library reads it: every string is bytes."""
    return msgpack.unpackb(packed, raw=True, strict_map_key=False)


@given(st.dictionaries(st.text(st.characters(codec='utf-8'), max_size=9), VALUES, max_size=5))
def test_a_request_comes_back_as_it_was(request: dict[str, Any]) -> None:
    assert unpack(pack(request)) == {name.encode(): value for name, value in request.items()}


@pytest.mark.parametrize('size', [0, 1, 31, 32, 255, 256, 65535, 65536])
def test_bytes_of_any_length_are_no_bin_type(size: int) -> None:
    """bin 8, 16, 32 are 0xc4 to 0xc6: the server's library rejects them."""
    packed = pack({'a': b'x' * size})
    assert packed[3] not in (0xC4, 0xC5, 0xC6)
    assert unpack(packed) == {b'a': b'x' * size}


def test_text_and_bytes_are_the_same_on_the_wire() -> None:
    assert pack({'a': 'é'}) == pack({'a': 'é'.encode()})


def test_nothing_and_false_are_kept_apart() -> None:
    assert unpack(pack({'a': None, 'b': False, 'c': b''})) == {b'a': None, b'b': False, b'c': b''}


def test_a_defaultdict_and_a_tuple_are_taken() -> None:
    lists: defaultdict[bytes, list[bytes]] = defaultdict(list)
    lists[b'\xff'].append(b'1')
    assert unpack(pack({'a': lists, 'b': (b'x', b'y')})) == {
        b'a': {b'\xff': [b'1']},
        b'b': [b'x', b'y'],
    }


def test_an_id_travels_as_a_string_and_keeps_its_digits() -> None:
    assert unpack(pack({'id': b'%d' % 2**256}))[b'id'] == b'%d' % 2**256


@pytest.mark.parametrize('common', [0, 1, 15, 16, 70])
@pytest.mark.parametrize('own', [0, 1, 15, 16, 70])
def test_items_that_were_packed_once_make_the_same_map(common: int, own: int) -> None:
    first = {f'a{number}': number for number in range(common)}
    second = {f'b{number}': [number] for number in range(own)}
    assert pack_with(pack_items(first), second) == pack(first | second)
