"""Direct tallies: whether the script may try them.

`lua/search.lua` tallies the range of a single filter by `SORT_RO`, which reads a column of many
rows at once. Not every server takes the command: see `lua/lib/entry_values.lua`. A refused command
costs the same call some microseconds, and the server may note it in its log of refusals. So the
process does not ask for it again for some minutes then.
"""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from rom._core.schema import Schema
from rom._core.support.clock import elapsed

#: The least size of a range for a direct tally. Smaller ones gain little. The command also turns a
#: sorted set of up to 128 members into its larger form, and those have no larger ranges.
USUAL: Final = 150
#: Seconds until a refused command is tried again.
PAUSE: Final = 600.0

_until: WeakKeyDictionary[Schema, float] = WeakKeyDictionary()
_sparse: WeakKeyDictionary[Schema, dict[str, float]] = WeakKeyDictionary()
_least: int | None = USUAL


def set_least(least: int | None = USUAL) -> None:
    """Set the least size of a range, for tests and measurements; None: no direct tallies.

    Refused commands and sparse columns are tried again.
    """
    global _least
    _least = least
    _until.clear()
    _sparse.clear()


def least_direct(schema: Schema) -> int | None:
    """Return the least size of a range for a direct tally; None: do not ask for one."""
    if not _has_patterns(schema):
        return None
    until = _until.get(schema.whole)
    return _least if until is None or elapsed() >= until else None


def _has_patterns(schema: Schema) -> bool:
    """Return whether patterns of SORT_RO can name the values of all columns."""
    key = (_has_patterns,)
    found: bool | None = schema.memo.get(key)
    if found is None:
        # The server puts the id in the place of the first asterisk of a pattern. It takes a NUL for
        # the end of what it looks for: behind the arrow, there is no field then.
        head = schema.keys.head
        fields = map(schema.keys.field, schema.columns)
        found = not (b'*' in head or b'\0' in head or any(f[:1] in (b'', b'\0') for f in fields))
        schema.memo[key] = found
    return found


def note_refused(schema: Schema) -> None:
    """Note that the server does not take the command, for all partitions if it is of one."""
    _until[schema.whole] = elapsed() + PAUSE


def note_sparse(schema: Schema, column: str) -> None:
    """Note that a row lacked the value of a column, so that the script had to look at the rows."""
    _sparse.setdefault(schema, {})[column] = elapsed() + PAUSE


def is_sparse(schema: Schema, column: str) -> bool:
    """Return whether a row lacked the value of a column some minutes ago."""
    until = _sparse.get(schema, {}).get(column)
    return until is not None and elapsed() < until
