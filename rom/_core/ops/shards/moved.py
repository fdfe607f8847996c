"""Marks of a move: they tell programs that the rows of a model are moved into partitions.

A program without `_shards` must neither write a row that was moved nor miss it. So the keys that it
would use hold the text `moved to GROUP` instead: the key of each moved row as a string, and the id
counter and the live bitmap as hashes. Every command for a row, a number or a bitmap fails on them,
so no script has to look for a mark, and a version of rom that knows no marks is refused as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, TypeVar

from rom._core.encoding.text import as_bytes, as_text
from rom._core.ops.requests import Command, Destination, Operation, Pipeline
from rom._core.schema import Schema
from rom.exceptions import (
    CorruptRowError,
    InvalidOperation,
    ModelMovedError,
    ORMError,
    ServerError,
)

T = TypeVar('T')

_MOVED: Final = 'moved to '
#: The field of the mark, where it is a hash.
FIELD: Final = b'moved'


def mark_of(group: str) -> bytes:
    """Return the mark of a move into a group.

    >>> mark_of('shop')
    b'moved to shop'
    """
    return as_bytes(_MOVED + group)


def stamp_of_move(group: str) -> bytes:
    """Return the text that takes the place of the fingerprint of the indexes.

    A version of rom that knows no marks warns that the indexes are not those that it declares.
    """
    return json.dumps({_MOVED + group: 'rom shard'}).encode('ascii')


def check_stamp(schema: Schema, indexes: dict[str, str]) -> None:
    """Raise ModelMovedError if a fingerprint is that of a model whose rows were moved."""
    group = group_moved_into(indexes)
    if group is not None:
        raise _error(schema, group)


def group_moved_into(indexes: Iterable[str]) -> str | None:
    """Return the group that a fingerprint names as the new place of the rows, or None.

    >>> group_moved_into({'moved to shop': 'rom shard'})
    'shop'
    """
    return next((one.removeprefix(_MOVED) for one in indexes if one.startswith(_MOVED)), None)


def explained(schema: Schema, error: ORMError) -> Operation[ORMError]:
    """Return the error to raise for one of an operation: whether the rows were moved.

    Only an error about the type of a key costs a round trip. If that fails, the error stays.

    Args:
        schema: the schema of the model.
        error: the error of the operation.
    """
    if schema.placement is not None or not _is_of_type(error):
        return error
    try:
        (mark,) = yield Pipeline((Command('HGET', schema.keys.counter, FIELD),), optional=1)
    except ORMError:
        return error
    try:
        check_mark(schema, mark if isinstance(mark, bytes) else None)
    except ModelMovedError as moved:
        return moved
    return error


def explaining(schemas: Iterable[Schema], operation: Operation[T]) -> Operation[T]:
    """Run an operation of models; raise ModelMovedError for its error if rows were moved.

    The sessions explain the errors of their operations themselves.
    """
    try:
        return (yield from operation)
    except (CorruptRowError, ServerError) as error:
        for schema in schemas:
            found = yield from explained(schema, error)
            if found is not error:
                raise found from None
        raise


def check_mark(schema: Schema, mark: bytes | None) -> None:
    """Raise ModelMovedError if the mark of a move is in the place of the id counter."""
    text = '' if mark is None else as_text(mark)
    if text.startswith(_MOVED):
        raise _error(schema, text.removeprefix(_MOVED))


def _is_of_type(error: ORMError) -> bool:
    if isinstance(error, CorruptRowError):
        return error.column is None
    return isinstance(error, ServerError) and 'WRONGTYPE' in str(error)


def _error(schema: Schema, group: str) -> ModelMovedError:
    return ModelMovedError(
        f'{schema.name}: its rows are moved into the partitions of the group {group!r}, and this '
        'program declares it without them; nothing was written. Restart the program with '
        f'_shards = rom.Shards({group!r}, ...)'
    )


def namespaces_before(schema: Schema) -> Operation[list[str]]:
    """Return the namespaces that the model has without partitions, if it declares none of its own.

    In a cluster, that is the one with a hash tag.
    """
    bare = schema.bare_namespace
    tagged = f'{{{bare}}}'
    try:
        yield Destination((as_bytes(bare), as_bytes(tagged)))
    except InvalidOperation:
        return [tagged]
    return [bare, tagged]


def counter_in(schema: Schema, namespace: str) -> Command:
    """Return the command that looks for rows of a model in a namespace without partitions."""
    return Command('EXISTS', counter_key(schema, namespace))


def counter_key(schema: Schema, namespace: str) -> bytes:
    """Return the key of a model's counter in a namespace without partitions."""
    return schema.keys._replace(namespace=namespace).counter


def moving_field(schema: Schema) -> bytes:
    """Return the field of a group's declaration that says that rows of a model are being moved."""
    return b'moving ' + as_bytes(schema.bare_namespace)


def moving_error(schema: Schema, namespace: str) -> ModelMovedError:
    """Return the error for a program with `_shards`, as long as not all rows are moved."""
    assert schema.placement is not None
    group = schema.placement.group.name
    return ModelMovedError(
        f'{schema.name}: its rows are still in the namespace {namespace!r}, without '
        f'partitions; nothing was sent. Move them: rom shard {schema.name} --into {group}'
    )
