"""Errors and warnings of rom.

The errors derive from :class:`ORMError`. The drivers convert the errors of the client library to
these. An error carries its data as attributes, so that a program can act on it without parsing the
message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ORMError(Exception):
    """The base class of all errors that rom raises."""


class ServerUnavailable(ORMError, ConnectionError):
    """The server gave no answer: it cannot be reached, refused the login, or the connection broke.

    A write that was under way may or may not have been carried out. Committing again is safe,
    because a write that was carried out is not carried out twice.
    """


class ServerError(ORMError):
    """The server replied with an error, for example out of memory, read-only or no permission."""


class InDoubtError(ORMError):
    """A write got no answer, and it is too late to find out whether it was carried out.

    The server keeps a note of each write for three minutes. ``entity.refresh(force=True)`` takes
    the stored values; ``save(force=True)`` writes the entity, perhaps for a second time;
    ``session.forget(entity)`` drops a new entity.
    """


class NotReplicatedError(ORMError):
    """A commit with ``durable=`` was carried out, and too few replicas have it so far.

    The entities count as saved; do not repeat the commit. It is lost only if the master fails
    before a replica has it.

    Attributes:
        wanted: the number of replicas that the commit waited for.
        found: the number of replicas that have it; None where that is not known, or where a replica
            without it has become the master.
    """

    def __init__(self, message: str, wanted: int = 1, found: int | None = None) -> None:
        super().__init__(message, wanted, found)
        self.wanted = wanted
        self.found = found

    def __str__(self) -> str:
        return str(self.args[0])


class CorruptRowError(ORMError):
    """A key in Redis holds data that rom cannot have written.

    Raised where the key of a row holds another type, or a stored value does not decode. Other rows
    stay readable: where several were read, ``entities`` holds the readable ones.

    Attributes:
        key: the Redis key, ``str``.
        column: the column's name, or None where the whole key is unreadable.
        value: the stored bytes, or None.
        entities: the readable entities of the same read.
    """

    def __init__(
        self,
        message: str,
        key: str,
        column: str | None = None,
        value: bytes | None = None,
        entities: Sequence[Any] = (),
    ) -> None:
        super().__init__(message, key, column, value)
        self.key = key
        self.column = column
        self.value = value
        self.entities = list(entities)

    def __str__(self) -> str:
        return str(self.args[0])


class _WriteConflict(ORMError):
    """Base class of errors about the write of one entity.

    Attributes:
        namespace: the model's namespace.
        id: the entity's id, or None where it has no id yet.
        columns: the names of the columns concerned.
    """

    def __init__(
        self,
        message: str,
        namespace: str | None = None,
        id: int | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        super().__init__(message, namespace, id)
        self.namespace = namespace
        self.id = id
        self.columns = tuple(columns)

    def __str__(self) -> str:
        return str(self.args[0])


class UniqueKeyViolation(_WriteConflict):
    """A unique value belongs to another entity already. Nothing was written.

    Attributes:
        value: the value that is taken, as text where it is text.
        holder: the id of the entity that has it.
    """

    def __init__(
        self,
        message: str,
        namespace: str | None = None,
        id: int | None = None,
        columns: Sequence[str] = (),
        value: Any = None,
        holder: int | None = None,
    ) -> None:
        super().__init__(message, namespace, id, columns)
        self.value = value
        self.holder = holder


class InvalidOperation(ORMError):
    """The operation is not possible in the current state of the entity, column or session."""


class ModelMovedError(InvalidOperation):
    """The rows of the model are being moved into partitions, or were moved. Nothing was written.

    A program without ``_shards`` gets it for rows that were moved, and a program with ``_shards``
    as long as rows are left: see ``rom shard``.
    """


class QueryError(InvalidOperation):
    """The model's indexes cannot answer the query."""


class ArgumentError(QueryError, TypeError, ValueError):
    """A method of a query was given an argument of a wrong type or value.

    It is a TypeError and a ValueError, too, because rom 1.x raised one or the other.
    """


class TransferError(InvalidOperation, ValueError):
    """A transfer is invalid, was done already, or exceeds what there is. Nothing was written.

    It is a ValueError, too, because rom 1.x raised one.
    """


class RestrictError(InvalidOperation):
    """A delete was refused: entities refer to this one with ``on_delete='restrict'``."""


class DataRaceError(_WriteConflict, InvalidOperation):
    """A column was changed by another writer since it was loaded. Nothing was written.

    ``entity.refresh(force=True)`` takes the other writer's values; ``save(force=True)`` overwrites
    them.
    """


class EntityDeletedError(_WriteConflict, InvalidOperation):
    """The entity was deleted by another writer since it was loaded, or it has expired.

    Nothing was written. ``save(force=True)`` writes it again.
    """


class StaleEntityError(EntityDeletedError):
    """The row that the entity was read from is lost, and its id belongs to another entity now.

    The database was emptied, restored from an older copy, or failed over to a replica that was
    behind. Nothing was written. ``session.forget(entity)`` drops the entity;
    ``entity.copy().save()`` writes it as a new one.
    """


class ColumnError(ORMError):
    """The definition of a column or a model is invalid."""


class MissingColumn(ColumnError):
    """A required column has no value."""


class InvalidColumnValue(ColumnError):
    """A value that the column cannot hold."""


class UnsafeError(ColumnError):
    """An UnsafeColumn was used in a way that it does not support."""


class BulkError(ORMError):
    """Several entities could not be written; ``errors`` has one error for each.

    Attributes:
        errors: the errors, in the order of the entities.
        done: for `rom.util.expire`, the number of entities that were removed nevertheless.
    """

    def __init__(self, message: str, errors: Sequence[Exception] = (), done: int = 0) -> None:
        super().__init__(message)
        self.errors = list(errors)
        self.done = done


class LineError(ORMError):
    """A line of a file cannot be loaded: it is malformed, or the server refuses its row.

    Attributes:
        number: the line number, from 1.
    """

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(message, number)
        self.number = number

    def __str__(self) -> str:
        return str(self.args[0])


class MigrationError(ORMError):
    """A migration stopped: at a row that it cannot migrate, or because another migrator has it.

    Earlier batches stay written, and nothing of the row was written. The next run continues at the
    row. The cause of a failing row is ``__cause__``.

    Attributes:
        migration: the name of the migration.
        model: the name of the model.
        id: the id of the row; None if the error is about no row.
    """

    def __init__(
        self,
        message: str,
        migration: str | None = None,
        model: str | None = None,
        id: int | None = None,
    ) -> None:
        super().__init__(message, migration, model, id)
        self.migration = migration
        self.model = model
        self.id = id

    def __str__(self) -> str:
        return str(self.args[0])


class StaleIndexWarning(UserWarning):
    """A model's indexes in Redis differ from those that it declares, so queries may miss entities.

    Each program warns once for each model. ``rom reindex``, or :func:`rom.maintenance.reindex`,
    rebuilds them.
    """


class MigrationWarning(UserWarning):
    """A model's data lacks a migration, or has one that the program does not know.

    Each program warns once for each model of which it declares migrations. ``rom migrate`` runs
    those that are missing. If the data is newer, the program must be replaced.
    """


class UnwrittenWarning(UserWarning):
    """Entities were changed, and their session has ended or a commit does not write them.

    A session ends when its ``with`` block, its thread, its job, its task or the program ends, or
    when it is garbage-collected. There is no warning after ``rollback()``, or where an error leaves
    the session.

    A commit warns of entities that belong to a session that has ended, or to the session of the
    thread or task that started this one. So it does of entities without a session here, because
    theirs was entered in another context.
    """


class EvictionWarning(UserWarning):
    """A server evicts keys when its memory is full, which breaks the data of rom.

    Each program warns once for each server, if ``maxmemory`` is set and ``maxmemory-policy`` is not
    ``noeviction``.
    """
