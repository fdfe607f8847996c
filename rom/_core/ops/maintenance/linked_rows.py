"""Links to rows that do not exist: a load or another program may leave them, a commit does not.

The index of a column of links has a set for each linked id, so the names of these keys are all that
a check has to look at: one look for each linked row, however many rows have links to it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.schema import Schema

# Linked rows in one round trip.
_STEP = 1000


class LinkedRow(NamedTuple):
    """A row that others have links to.

    Attributes:
        key: the key of the index that has those others.
        column: the name of the column of links.
        id: the id of the row.
        row: the key of the row.
    """

    key: bytes
    column: str
    id: int
    row: bytes


def linked_rows(schema: Schema, keys: Iterable[bytes]) -> Iterator[LinkedRow]:
    """Yield the rows that links lead to, from the keys of a model's indexes."""
    heads = {schema.keys.word(name, '')[: -len(b':idx')]: name for name in schema.links}
    for key in keys if heads else ():
        for head, name in heads.items():
            id = key[len(head) : -len(b':idx')]
            if key.startswith(head) and key.endswith(b':idx') and id.isdigit():
                column: Any = schema.columns[name]
                target: Schema = column.get_related_model()._schema
                yield LinkedRow(key, name, int(id), target.row_key(int(id)))


def without_row(schema: Schema, keys: Iterable[bytes]) -> Operation[list[LinkedRow]]:
    """Return the rows that links lead to and that do not exist.

    Each row is asked for before its index. A delete removes both at one moment, so a row that is
    deleted in between is not reported.
    """
    found: list[LinkedRow] = []
    linked = list(linked_rows(schema, keys))
    for start in range(0, len(linked), _STEP):
        block = linked[start : start + _STEP]
        asked = [Command('EXISTS', key) for one in block for key in (one.row, one.key)]
        replies = yield Pipeline(tuple(asked))
        pairs = zip(replies[::2], replies[1::2], strict=True)
        found += [one for one, (row, key) in zip(block, pairs, strict=True) if key and not row]
    return found
