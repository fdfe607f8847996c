"""The declaration of a group, as stored beside its data: a program with another one is refused.

With another number of partitions, or another `_shard_by`, a program would look for rows where they
are not. So before its first operation on a model, a program reads the declaration; its first write
stores it. Later operations do not read it.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rom._core.encoding.text import as_bytes, as_text
from rom._core.ops.requests import Command, Operation, Pipeline, Request, Script, answered
from rom._core.ops.shards.moved import (
    counter_in,
    counter_key,
    moving_error,
    moving_field,
    namespaces_before,
)
from rom._core.schema import Schema
from rom._core.sharding.shards import Shards
from rom._core.sharding.tags import VERSION
from rom.exceptions import InvalidOperation, ServerError

# The models whose declaration was compared, by the pool of connections to their server.
_compared: Final[weakref.WeakKeyDictionary[Any, set[int]]] = weakref.WeakKeyDictionary()


def declared(
    schema: Schema, operation: Operation[Any], connection: Any, is_write: bool
) -> Operation[Any]:
    """Run an operation; first compare the stored declaration of its group, once for each server.

    The operation may not use the keys of the model over all partitions, because it has none.

    Raises:
        InvalidOperation: another declaration is stored, or the operation does not know partitions.
    """
    pool = getattr(connection, 'connection_pool', connection)
    met = _compared.setdefault(pool, set())
    assert schema.placement is not None
    # A commit may write rows of every model of the group.
    fresh = [one for one in schema.placement.group._members if id(one) not in met]
    if fresh and (yield from compare(schema.placement.group, fresh, is_write)):
        for one in fresh:
            met.add(id(one))
            weakref.finalize(one, met.discard, id(one))  # a later schema may get the same id
    return (yield from _in_partitions(schema, operation))


def compare(shards: Shards, schemas: Sequence[Schema], is_write: bool) -> Operation[bool]:
    """Compare the declarations of models of a group; return whether all are stored.

    Raises:
        InvalidOperation: another one is stored.
        ModelMovedError: rows of a model are not in the partitions yet.
    """
    wanted = declaration_of(shards, schemas)
    moving = [moving_field(one) for one in schemas]
    read = Command('HMGET', shards._key, *wanted, *moving)
    stored = _stored(shards, schemas, wanted, (yield read))
    fresh = [one for one in schemas if stored[model_field(one)] is None]
    if fresh:
        yield from _check_unsharded(fresh)
    if None not in stored.values():
        return True
    if not is_write:
        return False
    # Another program may store its own at the same time: the first one counts.
    writes = [Command('HSETNX', shards._key, field, value) for field, value in wanted.items()]
    replies = yield Pipeline((*writes, read))
    _stored(shards, schemas, wanted, replies[-1])
    return True


def _stored(
    shards: Shards,
    schemas: Sequence[Schema],
    wanted: Mapping[bytes, bytes],
    found: Sequence[bytes | None],
) -> Mapping[bytes, bytes | None]:
    """Return the declaration as it is stored; raise an error if it is another one.

    Args:
        shards: the group.
        schemas: the schemas of the models.
        wanted: their declaration.
        found: the reply with its fields, and for each model the namespace of the rows that are
            being moved.
    """
    stored = dict(zip(wanted, found, strict=False))
    check_declared(shards, wanted, stored)
    for schema, namespace in zip(schemas, found[len(wanted) :], strict=True):
        if namespace is not None:
            raise moving_error(schema, as_text(namespace))
    return stored


def _check_unsharded(schemas: Sequence[Schema]) -> Operation[None]:
    """Look for rows that models had before they declared partitions, because they would be missed.

    Only models that no program has declared yet may have any. So a program that is not the first
    one needs neither the node of these keys nor the right to read them.

    Raises:
        ModelMovedError: there are some.
        ServerError: the user may not look.
    """
    older: list[tuple[Schema, str]] = []
    for one in schemas:
        older += [(one, name) for name in (yield from namespaces_before(one))]
    try:
        found = yield Pipeline(tuple(counter_in(*each) for each in older))
    except ServerError as error:
        names = ' and '.join(sorted({as_text(counter_key(*each)) for each in older}))
        raise ServerError(
            f'{error}. The first program that uses {schemas[0].name} with _shards looks for rows '
            f'without partitions, and must be allowed to read {names}; later ones need not'
        ) from error
    for (schema, namespace), is_there in zip(older, found, strict=True):
        if is_there:
            raise moving_error(schema, namespace)


def declaration_of(shards: Shards, schemas: Sequence[Schema]) -> dict[bytes, bytes]:
    """Return the fields of the declaration of a group, for some of its models."""
    wanted = {b'partitions': b'%d' % shards.partitions, b'tags': b'%d' % VERSION}
    return wanted | {model_field(one): as_bytes(str(one.placement)) for one in schemas}


def model_field(schema: Schema) -> bytes:
    """Return the field of a group's declaration that has the rule of a model."""
    return b'model ' + as_bytes(schema.bare_namespace)


def check_declared(
    shards: Shards, wanted: Mapping[bytes, bytes], stored: Mapping[bytes, bytes | None]
) -> None:
    """Raise InvalidOperation if the data of a group was stored with another declaration."""
    for field, value in wanted.items():
        found = stored[field]
        if found is not None and found != value:
            raise InvalidOperation(
                f'{shards!r}: the program declares {as_text(field)} as {as_text(value)!r}, and '
                f'{as_text(shards._key)} says that the data was stored with {as_text(found)!r}, so '
                'rows would not be found; nothing was written. Declare what is stored, or copy the '
                'data into a group with another name'
            )


def _in_partitions(schema: Schema, operation: Operation[Any]) -> Operation[Any]:
    """Run an operation; refuse requests that use the keys of the model over all partitions."""
    head = schema.keys.head

    def answer(request: Request) -> Operation[Any]:
        if isinstance(request, (Command, Script, Pipeline)) and _uses(head, request):
            raise InvalidOperation(
                f'{schema.name} has _shards, and this operation is not supported over '
                'partitions yet; nothing was sent'
            )
        return (yield request)

    return (yield from answered(operation, answer))


def _uses(head: bytes, request: Command | Script | Pipeline) -> bool:
    if isinstance(request, Pipeline):
        return any(_uses(head, one) for one in request.requests)
    if isinstance(request, Script):
        return request.key.startswith(head)
    key = request.args[1] if len(request.args) > 1 else b''
    return isinstance(key, bytes) and key.startswith(head)
