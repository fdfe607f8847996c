"""Limits of commits: how much one commit may write, because it blocks the server meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from rom._core.encoding.integers import check_count
from rom._core.encoding.text import as_text, shorten
from rom._core.ops.commits.commit_request import Batch
from rom._core.schema import Schema
from rom._core.support.public_names import publish
from rom._core.writes.changes import Change
from rom.exceptions import InvalidOperation

#: Default limit of the rows, index entries and unique values of one commit. Each takes the server 2
#: to 5 microseconds.
USUAL: Final = 100_000
# Fewest bytes of a request that an entry takes. Most requests are so short that they cannot exceed
# the limit, and need no counting.
_LEAST_BYTES = 2


class _Limit:
    """The limit in force."""

    entries: int = USUAL


def limit_commits(entries: int | None) -> None:
    """Limit what one commit may write: rows, index entries and unique values, counted together.

    A commit is atomic, so the server does nothing else meanwhile: 2 to 5 microseconds for each of
    these, half a second for the default limit of 100,000. A larger commit raises
    :class:`rom.InvalidOperation`, and nothing is written. The limit holds for the whole process.

    Args:
        entries: the limit, at least 1; None for the default of 100,000.

    Raises:
        InvalidOperation: `entries` is neither an int of at least 1 nor None.

    Example::

        rom.util.limit_commits(20_000)      # a tenth of a second
    """
    if entries is None:
        _Limit.entries = USUAL
    else:
        _Limit.entries = check_count('rom.util.limit_commits', entries, otherwise=', or None')


def most_entries() -> int:
    """Return the limit in force."""
    return _Limit.entries


def is_surely_allowed(request: bytes) -> bool:
    """Return whether a packed request is so short that it cannot exceed the limit."""
    return len(request) < _Limit.entries * _LEAST_BYTES


def check_entries(batch: Batch, changes: Iterable[Change], request: bytes) -> None:
    """Refuse a commit of too many entries.

    Args:
        batch: the writes of the commit.
        changes: the changes that the writes come from.
        request: the packed request.

    Raises:
        InvalidOperation: the commit is too large; the error names the column with most entries.
    """
    if is_surely_allowed(request):
        return
    most = _Limit.entries
    rows, members = batch.sizes()
    total = rows + sum(count for _, count in members)
    if total <= most:
        return
    where, count = _largest(members, tuple({change.schema: None for change in changes}))
    raise InvalidOperation(
        f'{where}: a commit of {total:,} rows, index entries and unique values, {count:,} of them '
        f'of this column, is too large to be atomic: {most:,} are the most '
        '(rom.util.limit_commits); nothing was written. In batches, each atomic: '
        'session.commit(batch=1000) or less, query.update(_blocksize=1000); for one long text, '
        'give the column a max_length, or an index of fewer words'
    )


def _largest(members: list[tuple[bytes, int]], schemas: tuple[Schema, ...]) -> tuple[str, int]:
    """Return the column with most entries, and their number."""
    counts = Counter[str]()
    for key, count in members:
        counts[_column_of(key, schemas)] += count
    return counts.most_common(1)[0] if counts else (schemas[0].name, 0)


def _column_of(key: bytes, schemas: Iterable[Schema]) -> str:
    for schema in schemas:
        head = schema.keys.head
        if key.startswith(head):
            column = schema.keys.attribute(as_text(key[len(head) :].partition(b':')[0]))
            return f'{schema.name}.{shorten(column, 100)}'
    return 'another model'


publish('rom.util', limit_commits)
