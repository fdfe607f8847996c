"""The check of a model's indexes and migrations against its data: once, without a round trip."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

from rom._core.drivers import eviction_warning
from rom._core.migration_registry import difference, has_declared
from rom._core.model import Model
from rom._core.ops.index_fingerprint import changes, declared_by, read_stamp
from rom._core.ops.migrations.record import note_records
from rom._core.ops.requests import Command, Operation
from rom._core.ops.shards.moved import check_stamp
from rom._core.ops.shared_trips import Aside, alongside
from rom._core.schema import Schema
from rom._core.support.caller_warnings import warn
from rom.exceptions import MigrationWarning, StaleIndexWarning

# The ids of the schemas that were checked; every operation looks here. (A model that is on two
# servers is checked once.)
_checked: set[int] = set()


def watched(
    model: type[Model], operation: Operation[Any], connection: Any, is_write: bool = True
) -> Operation[Any]:
    """Return an operation that also checks the indexes, if it is the first one on its model.

    The first one on a server also checks whether the server evicts keys. If the program declares
    migrations of the model, they are compared with their records as well. A model with `_shards`
    has no indexes of its own, so the declaration of its partitions is checked instead. Its records
    of migrations are read in a round trip of their own.

    Args:
        model: the model.
        operation: its operation.
        connection: the client.
        is_write: the operation may write.
    """
    schema = model._schema
    if schema.shards is not None:
        from rom._core.ops.shards.declaration import declared

        operation = eviction_warning.noticed(connection, operation)
        operation = declared(schema, operation, connection, is_write)
        is_new = id(schema) not in _checked and has_declared(schema.keys.namespace)
        return _with_records(schema, operation) if is_new else operation
    if id(schema) in _checked and eviction_warning.is_known(connection):
        return operation
    asides = [eviction_warning.aside(connection)]
    if id(schema) not in _checked:
        if has_declared(schema.keys.namespace):
            note = partial(note_records, schema.keys.namespace)
            asides.append(Aside(Command('HGETALL', schema.keys.migrations), note))
        # It is told last, because it also compares the records.
        asides.append(Aside(Command('GET', schema.keys.indexes), partial(_compare, schema)))
    return alongside(operation, tuple(filter(None, asides)))


def _with_records(schema: Schema, operation: Operation[Any]) -> Operation[Any]:
    """Compare the migrations of a model over partitions with their records, then go on."""
    reply = yield Command('HGETALL', schema.keys.migrations)
    note_records(schema.keys.namespace, reply)
    if id(schema) not in _checked:
        _note_checked(schema)
        if reply and (found := difference(schema.keys.namespace)):
            warn(f'{schema.name}: {found}', MigrationWarning)
    return (yield from operation)


def _note_checked(schema: Schema) -> None:
    _checked.add(id(schema))
    weakref.finalize(schema, _checked.discard, id(schema))  # a later schema may get the same id


def _compare(schema: Schema, stamp: bytes | None) -> None:
    if id(schema) in _checked:
        return  # another thread has checked it meanwhile
    before = read_stamp(stamp)
    check_stamp(schema, before or {})
    _note_checked(schema)
    if stamp is not None and (found := difference(schema.keys.namespace)):
        warn(f'{schema.name}: {found}', MigrationWarning)
    if before is None:
        return  # data from before fingerprints: nothing to compare with
    if differing := changes(before, declared_by(schema)):
        warn(
            f'{schema.name}: its indexes in Redis are not those that it declares '
            f'({"; ".join(differing)}), so queries may miss entities: run rom reindex, or '
            f'rom.maintenance.reindex({schema.name})',
            StaleIndexWarning,
        )
