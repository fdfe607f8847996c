"""Rows as the scripts reply them, see lua/lib/rows.lua."""

from typing import Any

import msgpack


def pack_rows(*rows: list[Any]) -> bytes:
    """Rows whose gaps are false."""
    packed: bytes = msgpack.packb([True, rows], use_bin_type=False)
    return packed
