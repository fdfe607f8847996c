"""The wire format of scripts: a request is a map or a list in msgpack, and so are some replies.

msgpack, unlike JSON, carries bytes and nil. The library of the server does not support the 'bin'
type, so text and bytes are both sent as raw strings. Ids and scores are sent as strings, because
Lua prints a large number with too few digits (1e+14).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgpack

from rom._core.encoding.text import as_text


def pack(request: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """Pack a request for a script.

    >>> pack({'a': b'\\xff'})
    b'\\x81\\xa1a\\xa1\\xff'
    """
    packed: bytes = msgpack.packb(request, use_bin_type=False)
    return packed


class PackedItems(NamedTuple):
    """Items of a map that are packed once, for many requests that have them in common."""

    number: int
    packed: bytes


def pack_items(items: Mapping[str, Any]) -> PackedItems:
    """Pack items for `pack_with`."""
    return PackedItems(len(items), pack(items)[len(_head(len(items))) :])


def pack_with(common: PackedItems, items: Mapping[str, Any]) -> bytes:
    """Pack a request that has the common items, and these.

    >>> unpack(pack_with(pack_items({'a': 1}), {'b': 2}))
    {'a': 1, 'b': 2}
    """
    size = len(items)
    return _head(common.number + size) + common.packed + pack(items)[len(_head(size)) :]


def _head(size: int) -> bytes:
    """Return the start of a map of this many items, at most 65,535."""
    return _SHORT[size] if size < len(_SHORT) else b'\xde' + size.to_bytes(2, 'big')


_SHORT: Final = [bytes((0x80 | size,)) for size in range(16)]


def unpack(packed: bytes) -> Any:
    """Unpack a map; all text in it is bytes, except its keys.

    Raises:
        ValueError: the bytes are not a map in msgpack.

    >>> unpack(pack({'a': [b'x', None]}))
    {'a': [b'x', None]}
    """
    try:
        found = msgpack.unpackb(packed, raw=True, strict_map_key=True)
    except (msgpack.UnpackException, ValueError) as error:
        raise ValueError(f'expected a map in msgpack: {error}') from None
    if not isinstance(found, dict):
        raise ValueError(f'expected a map in msgpack, got a {type(found).__name__}')
    return {as_text(name): value for name, value in found.items()}


def unpack_list(packed: bytes) -> list[Any]:
    """Unpack a list that a script packed; all text in it is bytes.

    >>> unpack_list(pack({'a': [b'x', None]})[3:])
    [b'x', None]
    """
    found: list[Any] = msgpack.unpackb(packed, raw=True)
    return found
