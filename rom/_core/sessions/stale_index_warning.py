"""The check of a model's indexes and migrations against its data: once, without a round trip."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

from rom._core.drivers import eviction_warning
from rom._core.drivers.cluster_slots import key_of
from rom._core.encoding.keys import hash_tag
from rom._core.migration_registry import difference, has_declared
from rom._core.model import Model
from rom._core.ops.index_fingerprint import Declared, changes, declared_by, read_stamp
from rom._core.ops.requests import Command, Operation, Script
from rom._core.ops.shards.moved import check_stamp
from rom._core.ops.shared_trips import Aside, alongside
from rom._core.schema import Schema
from rom._core.support.caller_warnings import warn
from rom.exceptions import MigrationWarning, StaleIndexWarning

# The ids of the schemas that were checked; every operation looks here. (A model that is on two
# servers is checked once.)
_checked: set[int] = set()
# The ids of the schemas over partitions whose records of migrations were read.
_recorded: set[int] = set()
# By the id of a schema over partitions: those that are not checked yet, by their hash tags.
_unchecked: dict[int, dict[bytes, Schema]] = {}


def watched(
    model: type[Model], operation: Operation[Any], connection: Any, is_write: bool = True
) -> Operation[Any]:
    """Return an operation that also checks the indexes, if it is the first one on its model.

    The first one on a server also checks whether the server evicts keys. If the program declares
    migrations of the model, they are compared with their records as well. For a model with
    `_shards`, the declaration of its partitions is checked, and the records are read in a round
    trip of their own. The indexes of a partition are checked with the first request to it, so that
    no request waits for the node of another partition.

    Args:
        model: the model.
        operation: its operation.
        connection: the client.
        is_write: the operation may write.
    """
    schema = model._schema
    if schema.placement is not None:
        from rom._core.ops.shards.declaration import declared

        if id(schema) not in _checked:
            operation = alongside(operation, partial(_stamps_beside, schema))
        operation = eviction_warning.noticed(connection, operation)
        operation = declared(schema, operation, connection, is_write)
        is_new = id(schema) not in _recorded and has_declared(schema.keys.namespace)
        return _with_records(schema, operation) if is_new else operation
    if id(schema) in _checked and eviction_warning.is_known(connection):
        return operation
    asides = [eviction_warning.aside(connection)]
    if id(schema) not in _checked:
        if has_declared(schema.keys.namespace):
            note = partial(_note_records, schema)
            asides.append(Aside(Command('HGETALL', schema.keys.migrations), note))
        # It is told last, because it also compares the records.
        asides.append(Aside(Command('GET', schema.keys.indexes), partial(_compare, schema)))
    return alongside(operation, tuple(filter(None, asides)))


def _with_records(schema: Schema, operation: Operation[Any]) -> Operation[Any]:
    """Compare the migrations of a model over partitions with their records, then go on."""
    reply = yield Command('HGETALL', schema.keys.migrations)
    _note_records(schema, reply)
    if id(schema) not in _recorded:
        _note(_recorded, schema)
        if reply and (found := difference(schema.keys.namespace)):
            warn(f'{schema.name}: {found}', MigrationWarning)
    return (yield from operation)


def _note_records(schema: Schema, reply: Any) -> None:
    """Note the records of a model whose migrations the program declares."""
    from rom._core.ops.migrations.record import note_records

    note_records(schema.keys.namespace, reply)


def _stamps_beside(schema: Schema, requests: tuple[Any, ...]) -> tuple[Aside, ...]:
    """Return the requests for the fingerprints of those partitions that requests go to."""
    if id(schema) not in _unchecked:
        _unchecked[id(schema)] = {hash_tag(part.keys.head): part for part in schema.parts}
        weakref.finalize(schema, _unchecked.pop, id(schema), None)
    left = _unchecked[id(schema)]
    keys = [key_of(one) for one in requests if isinstance(one, (Command, Script))]
    tags = dict.fromkeys(hash_tag(key) for key in keys if key is not None)
    return tuple(
        Aside(Command('GET', part.keys.indexes), partial(_compare_part, schema, tag))
        for tag in tags
        if (part := left.get(tag)) is not None
    )


def _compare_part(schema: Schema, tag: bytes, stamp: bytes | None) -> None:
    """Compare the fingerprint of a partition; warn once for all."""
    left = _unchecked.get(id(schema), {})
    if left.pop(tag, None) is None or id(schema) in _checked:
        return  # another thread has checked it meanwhile
    before = read_stamp(stamp)
    is_stale = before is not None and bool(changes(before, declared_by(schema)))
    if is_stale or not left:
        _note(_checked, schema)
    if before is not None:
        _warn_of(schema, before)


def _note(schemas: set[int], schema: Schema) -> None:
    schemas.add(id(schema))
    weakref.finalize(schema, schemas.discard, id(schema))  # a later schema may get the same id


def _compare(schema: Schema, stamp: bytes | None) -> None:
    if id(schema) in _checked:
        return  # another thread has checked it meanwhile
    before = read_stamp(stamp)
    check_stamp(schema, before or {})
    _note(_checked, schema)
    if stamp is not None and (found := difference(schema.keys.namespace)):
        warn(f'{schema.name}: {found}', MigrationWarning)
    if before is not None:  # data from before fingerprints has nothing to compare with
        _warn_of(schema, before)


def _warn_of(schema: Schema, before: Declared) -> None:
    if differing := changes(before, declared_by(schema)):
        warn(
            f'{schema.name}: its indexes in Redis are not those that it declares '
            f'({"; ".join(differing)}), so queries may miss entities: run rom reindex, or '
            f'rom.maintenance.reindex({schema.name})',
            StaleIndexWarning,
        )
