"""Errors of commits: turns each objection of `lua/commit.lua` into an error with a remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rom._core.encoding.text import as_text, show
from rom._core.schema import Schema, Unique
from rom._core.writes.changes import Write
from rom.exceptions import (
    CorruptRowError,
    DataRaceError,
    EntityDeletedError,
    InvalidColumnValue,
    ORMError,
    StaleEntityError,
    UniqueKeyViolation,
)

Details: TypeAlias = Sequence[bytes]


def same_row(writes: Sequence[Write], status: bytes, details: Details) -> int:
    """Return the position of the write that the objection is about; 0 if it names none."""
    for place, write in enumerate(writes):
        if _is_about(write, status, details):
            return place
    return 0


def _is_about(write: Write, status: bytes, details: Details) -> bool:
    change = write.change
    id = b'' if change.id is None else b'%d' % change.id
    if status == b'missing':
        return _missing_link(write, details) is not None
    if status == b'unique':
        return (details[0], details[1]) in write.claimed and details[2] == id
    if status == b'exists' and not id:
        return details[0].startswith(change.schema.keys.head)
    return details[0] == change.schema.keys.row(id)


def error_of(write: Write, status: bytes, details: Details) -> ORMError:
    """Return the error that an objection means."""
    return _ERRORS[status](write, details)


def _entity(write: Write) -> str:
    change = write.change
    id = _id_of(write)
    return f'{change.schema.name} {id if id is not None else "(new)"}'


def _id_of(write: Write) -> int | None:
    """Return the id of the row as programs see it."""
    change = write.change
    return None if change.id is None else change.schema.seen_id(change.id)


def _unique(write: Write, details: Details) -> ORMError:
    key, value, _, holder = details
    held_by = write.change.schema.seen_id(int(holder)) if holder else None
    return taken_error(write, key, value, held_by, 'in the same commit')


def taken_error(
    write: Write, key: bytes, value: bytes, holder: int | None, when: str
) -> UniqueKeyViolation:
    """Return the error for a unique value that another entity has.

    Args:
        write: the write that claims the value.
        key: the key of the constraint.
        value: the value.
        holder: the id of the other entity, as programs see it; None: it is new.
        when: when the other entity must be changed, so that the value is free.
    """
    columns = _constraint(write, key).columns
    schema = write.change.schema
    return UniqueKeyViolation(
        f'{_entity(write)}: {shown_value(write, key, value)} belongs to '
        f'{schema.seen_namespace}:{holder or ""} already, and {" and ".join(columns)} must be '
        f'unique; nothing was written. Choose another value, or change the other entity {when}',
        schema.seen_namespace,
        _id_of(write),
        columns,
        value=python_value(write, key, value),
        holder=holder,
    )


def shown_value(write: Write, key: bytes, value: bytes) -> str:
    """Return a unique value for an error, as in "city='Oslo', number=3"."""
    unique = _constraint(write, key)
    values = {} if unique.made_by else write.change.values
    return ', '.join(f'{name}={show(values.get(name, as_text(value)))}' for name in unique.columns)


def python_value(write: Write, key: bytes, value: bytes) -> Any:
    """Return a unique value as the program has set it; that of a group as the index has it."""
    unique = _constraint(write, key)
    is_made = unique.made_by is not None or len(unique.columns) > 1
    return value if is_made else write.change.values.get(unique.columns[0], value)


def _constraint(write: Write, key: bytes) -> Unique:
    return next(unique for unique in write.change.schema.uniques if unique.key == key)


def _race(write: Write, details: Details) -> ORMError:
    keys = write.change.schema.keys
    columns = [keys.attribute(as_text(field)) for field in details[1:]]
    return DataRaceError(
        f'{_entity(write)}: another writer changed {", ".join(columns)} since it was loaded; '
        'nothing was written. refresh(force=True) takes the new values, save(force=True) '
        'overwrites them',
        write.change.schema.seen_namespace,
        _id_of(write),
        columns,
    )


def _exists(write: Write, details: Details) -> ORMError:
    keys = write.change.schema.keys
    return DataRaceError(
        f'{_entity(write)}: {as_text(details[0])} is there already, though the entity is new; '
        f'nothing was written. The counter {as_text(keys.counter)} is behind the data: set it '
        'to the highest id in use',
        write.change.schema.seen_namespace,
        _id_of(write),
        [keys.primary],
    )


def _deleted(write: Write, details: Details) -> ORMError:
    return EntityDeletedError(
        f'{_entity(write)}: another writer deleted it since it was loaded; nothing was written. '
        'save(force=True) writes it again',
        write.change.schema.seen_namespace,
        _id_of(write),
    )


def _lost(write: Write, details: Details) -> ORMError:
    return StaleEntityError(
        f'{_entity(write)}: the row that it was read from is lost, and another has its id now '
        '(the database was emptied, restored from an older copy, or failed over to a replica that '
        'was behind); nothing was written. session.forget(entity) gives it up; '
        'entity.copy().save() writes it as a new one',
        write.change.schema.seen_namespace,
        _id_of(write),
    )


def _expired(write: Write, details: Details) -> ORMError:
    schema = write.change.schema
    return EntityDeletedError(
        f'{_entity(write)}: it has expired, so others may have its unique values; nothing was '
        f'written. Set {schema.expiry} to a later time, and save(force=True) writes it again',
        schema.seen_namespace,
        _id_of(write),
        [schema.expiry] if schema.expiry else [],
    )


def _unreadable(write: Write, details: Details) -> ORMError:
    key, schema = as_text(details[0]), write.change.schema
    if details[0] == schema.keys.counter:
        return CorruptRowError(
            f'{_entity(write)}: the key {key} should hold the last id of a {schema.name}, and '
            'holds something else; nothing was written. SET it to the highest id that there is',
            key=key,
        )
    return CorruptRowError(
        f'{_entity(write)}: the key {key} holds another type than rom keeps there; nothing was '
        f'written. Look at it with TYPE {key}, and rename or delete it',
        key=key,
    )


def _missing_link(write: Write, details: Details) -> tuple[str, str] | None:
    """Return the relation that leads to a row that does not exist, and the id of that row."""
    for name, ids in write.change.new_links():
        column: Any = write.change.schema.columns[name]
        target: Schema = column.get_related_model()._schema
        found = next((id for id in ids if target.row_key(int(id)) == details[0]), None)
        if found is not None:
            return name, as_text(found)
    return None


def _missing(write: Write, details: Details) -> ORMError:
    name, id = _missing_link(write, details) or ('', as_text(details[0]))
    column: Any = write.change.schema.columns.get(name)
    ftable = 'row' if column is None else column.ftable
    may_expire = column is not None and column.get_related_model()._schema.expiry is not None
    reason = 'it was deleted or has expired' if may_expire else 'it was deleted'
    is_reference = name in write.change.references
    remedy = 'Set another, or None' if is_reference else f'Remove it from {name}'
    return InvalidColumnValue(
        f'{write.change.schema.name}.{name}: {id}: no {ftable} has this id, or {reason}; nothing '
        f'was written. {remedy}, or save that {ftable} first'
    )


_ERRORS: dict[bytes, Callable[[Write, Details], ORMError]] = {
    b'unique': _unique,
    b'race': _race,
    b'exists': _exists,
    b'deleted': _deleted,
    b'expired': _expired,
    b'lost': _lost,
    b'missing': _missing,
    b'unreadable': _unreadable,
}
