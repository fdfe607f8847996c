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
from rom._core.ops.requests import Command, Operation, Pipeline, Script
from rom._core.schema import Schema
from rom._core.sharding.shards import Shards
from rom._core.sharding.tags import VERSION
from rom.exceptions import InvalidOperation

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
    assert schema.shards is not None
    # A commit may write rows of every model of the group.
    fresh = [one for one in schema.shards.shards._members if id(one) not in met]
    if fresh and (yield from compare(schema.shards.shards, fresh, is_write)):
        for one in fresh:
            met.add(id(one))
            weakref.finalize(one, met.discard, id(one))  # a later schema may get the same id
    return (yield from _in_partitions(schema, operation))


def compare(shards: Shards, schemas: Sequence[Schema], is_write: bool) -> Operation[bool]:
    """Compare the declarations of models of a group; return whether all are stored.

    Raises:
        InvalidOperation: another one is stored.
    """
    wanted = {b'partitions': b'%d' % shards.partitions, b'tags': b'%d' % VERSION}
    wanted |= {b'model ' + as_bytes(_name(one)): as_bytes(str(one.shards)) for one in schemas}
    read = Command('HMGET', shards._key, *wanted)
    stored = dict(zip(wanted, (yield read), strict=True))
    _check(shards, wanted, stored)
    if None not in stored.values():
        return True
    if not is_write:
        return False
    # Another program may store its own at the same time: the first one counts.
    writes = [Command('HSETNX', shards._key, field, value) for field, value in wanted.items()]
    replies = yield Pipeline((*writes, read))
    _check(shards, wanted, dict(zip(wanted, replies[-1], strict=True)))
    return True


def _name(schema: Schema) -> str:
    return schema.keys.namespace.partition('}')[2]


def _check(
    shards: Shards, wanted: Mapping[bytes, bytes], stored: Mapping[bytes, bytes | None]
) -> None:
    for field, value in wanted.items():
        found = stored[field]
        if found is not None and found != value:
            raise InvalidOperation(
                f'{shards!r}: the program declares {as_text(field)} as {as_text(value)!r}, and '
                f'{as_text(shards._key)} says that the data was stored with {as_text(found)!r}, so '
                'rows would not be found; nothing was sent. Declare what is stored, or copy the '
                'data into a group with another name'
            )


def _in_partitions(schema: Schema, operation: Operation[Any]) -> Operation[Any]:
    """Run an operation; refuse requests that use the keys of the model over all partitions."""
    head = schema.keys.head
    try:
        request = next(operation)
        while True:
            if isinstance(request, (Command, Script, Pipeline)) and _uses(head, request):
                raise InvalidOperation(
                    f'{schema.name} has _shards, and this operation is not supported over '
                    'partitions yet; nothing was sent'
                )
            try:
                reply = yield request
            except BaseException as error:
                request = operation.throw(error)
            else:
                request = operation.send(reply)
    except StopIteration as end:
        return end.value
    finally:
        operation.close()


def _uses(head: bytes, request: Command | Script | Pipeline) -> bool:
    if isinstance(request, Pipeline):
        return any(_uses(head, one) for one in request.requests)
    if isinstance(request, Script):
        return request.key.startswith(head)
    key = request.args[1] if len(request.args) > 1 else b''
    return isinstance(key, bytes) and key.startswith(head)
