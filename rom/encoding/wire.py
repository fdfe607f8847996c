"""What goes to a script, one map, packed; and what comes back so.

msgpack keeps bytes apart from numbers and has a real nothing, where JSON has neither. The server's
library knows no 'bin' type, so text and bytes both go as raw strings, and what must not lose digits
(ids, scores) goes as a string: a Lua number prints 1e+14 for a large id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from rom.encoding.text import as_text


def pack(request: Mapping[str, Any]) -> bytes:
    """A request as a script takes it.

    >>> pack({'a': b'\\xff'})
    b'\\x81\\xa1a\\xa1\\xff'
    """
    packed: bytes = msgpack.packb(request, use_bin_type=False)
    return packed


def unpack(packed: bytes) -> Any:
    """What was packed; text comes as bytes, but for the keys of maps.

    Raises:
        ValueError: it is not what `pack` makes.

    >>> unpack(pack({'a': [b'x', None]}))
    {'a': [b'x', None]}
    """
    try:
        found = msgpack.unpackb(packed, raw=True, strict_map_key=True)
    except (msgpack.UnpackException, ValueError) as error:
        raise ValueError(f'not packed: {error}') from None
    if not isinstance(found, dict):
        raise ValueError('not packed: no map')
    return {as_text(name): value for name, value in found.items()}


def unpack_list(packed: bytes) -> list[Any]:
    """What a script packed as a list; text comes as bytes.

    >>> unpack_list(pack({'a': [b'x', None]})[3:])
    [b'x', None]
    """
    found: list[Any] = msgpack.unpackb(packed, raw=True)
    return found
