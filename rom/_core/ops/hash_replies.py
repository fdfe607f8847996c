"""Replies with a hash, which are a dict or a flat list: that depends on the client's protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def fields_in(reply: Any) -> dict[bytes, bytes]:
    """Return the fields and values in a reply of HGETALL, or in the second part of one of HSCAN.

    >>> fields_in([b'a', b'1']) == fields_in({b'a': b'1'}) == {b'a': b'1'}
    True
    """
    if isinstance(reply, Mapping):
        return dict(reply)
    return dict(zip(reply[::2], reply[1::2], strict=True))
