"""What goes to a script: one map, packed.

msgpack keeps bytes apart from numbers and has a real nothing, where JSON has neither. The server's
library knows no 'bin' type, so text and bytes both go as raw strings, and what must not lose digits
(ids, scores) goes as a string: a Lua number prints 1e+14 for a large id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack


def pack(request: Mapping[str, Any]) -> bytes:
    """A request as a script takes it.

    >>> pack({'a': b'\\xff'})
    b'\\x81\\xa1a\\xa1\\xff'
    """
    packed: bytes = msgpack.packb(request, use_bin_type=False)
    return packed
