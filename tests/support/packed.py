"""Rows as the scripts pack them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgpack


def packed_rows(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows of values, False in the gaps, as `lua/lib/rows.lua` packs them."""
    each = [list(row) for row in rows]
    packed: bytes = msgpack.packb([any(False in row for row in each), each], use_bin_type=False)
    return packed
