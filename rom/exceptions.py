"""Every error that rom raises.

One tree, rooted in :class:`ORMError`. Nothing of the client library's own leaks: the drivers turn
its errors into these. An error carries its data as attributes, so that a program can act on it
without reading the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ORMError(Exception):
    """The root of all errors that rom raises."""


class ServerUnavailable(ORMError, ConnectionError):
    """No answer from the server: it cannot be reached, refused us, or the connection broke.

    A write that was under way may or may not have happened. To commit again is safe: what was
    already written counts as done, and is not done twice.
    """


class ServerError(ORMError):
    """The server answered with an error that is none of ours (full, read-only, not allowed...)."""


class InDoubtError(ORMError):
    """A write got no answer, and it is too long ago to find out whether it was carried out.

    The server notes each write for three minutes. ``entity.refresh(force=True)`` takes what is
    stored; ``save(force=True)`` writes it, or writes it again; ``session.forget(entity)`` gives up
    a new entity.
    """


class CorruptRowError(ORMError):
    """Something in Redis is not what rom or any rom program would have written there.

    Raised when a row's key holds another type, or a column's value does not decode. Other rows
    stay readable: where several were asked for, ``entities`` holds those that could be read.

    Attributes:
        key: the Redis key, ``str``.
        column: the column's name, or None when the whole key is unreadable.
        value: the bytes found, or None.
        entities: the entities of the same read that are in order.
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
    """What the errors about one entity's write have in common.

    Attributes:
        namespace: the model's namespace.
        id: the entity's id; None for one that has none yet.
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
    """A value that must be unique belongs to another entity already. Nothing was written.

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
    """The operation makes no sense on this entity, column or session as it is now."""


class QueryError(InvalidOperation):
    """The query asks for something that the model's indexes cannot answer."""


class ArgumentError(QueryError, TypeError, ValueError):
    """An argument of a method of a query is not of a kind that the method takes.

    It is a TypeError and a ValueError too, as rom 1.x raised one or the other.
    """


class RestrictError(InvalidOperation):
    """A delete was refused: entities refer to this one with ``on_delete='restrict'``."""


class DataRaceError(_WriteConflict, InvalidOperation):
    """Another writer changed a column since it was loaded. Nothing was written.

    ``entity.refresh(force=True)`` takes the other writer's values; ``save(force=True)`` overwrites.
    """


class EntityDeletedError(_WriteConflict, InvalidOperation):
    """Another writer deleted the entity since it was loaded, or it has expired.

    Nothing was written. ``save(force=True)`` writes it again.
    """


class StaleEntityError(EntityDeletedError):
    """The row that the entity was read from is lost, and its id belongs to another entity now.

    The database was emptied, restored from an older copy, or failed over to a replica that was
    behind. Nothing was written. ``session.forget(entity)`` gives it up; ``entity.copy().save()``
    writes it as a new one.
    """


class ColumnError(ORMError):
    """A column, or a model's definition, is wrong."""


class MissingColumn(ColumnError):
    """A required column has no value."""


class InvalidColumnValue(ColumnError):
    """A value that the column cannot hold."""


class UnsafeError(ColumnError):
    """An unsafe column was used in a way that it does not support."""


class BulkError(ORMError):
    """Several entities could not be written; ``errors`` has one error for each.

    Attributes:
        errors: the errors, in the order of the entities.
        done: of `rom.util.expire`: how many were removed all the same.
    """

    def __init__(self, message: str, errors: Sequence[Exception] = (), done: int = 0) -> None:
        super().__init__(message)
        self.errors = list(errors)
        self.done = done


class LineError(ORMError):
    """A line of a file cannot be loaded: it makes no sense, or the server refuses its row.

    Attributes:
        number: of the line, from 1 on.
    """

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(message, number)
        self.number = number

    def __str__(self) -> str:
        return str(self.args[0])


class StaleIndexWarning(UserWarning):
    """A model's indexes in Redis are not those that it declares, so queries may miss entities.

    Told once for each model by each program. ``rom reindex``, or :func:`rom.maintenance.reindex`,
    makes them right.
    """


class UnwrittenWarning(UserWarning):
    """Entities were changed, and their session has ended; or a commit does not write them.

    A session ends when it is left, when its thread, job or task ends, when nobody has it any more,
    and with the program. It is silent after ``rollback()``, and where an error leaves the session.
    A commit warns of entities that belong to a session that has ended, to that of the thread or
    task that started this one, or to none because its own was entered in another context.
    """


class EvictionWarning(UserWarning):
    """A server evicts keys when its memory is full, which breaks what rom keeps there.

    Told once for each server by each program, where ``maxmemory`` is set and ``maxmemory-policy``
    is not ``noeviction``.
    """
