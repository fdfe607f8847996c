"""Ready steps: rename, split, convert, fill and remove a column.

Each looks at the row first, and leaves it as it is where its work is done already. So a row that a
program with the new declaration has written is never changed a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rom._core.columns import Column, Text
from rom._core.encoding.text import show
from rom._core.migrations.former import check_field, former_columns
from rom._core.migrations.row import MigrationRow
from rom._core.support.public_names import publish
from rom.exceptions import CorruptRowError, ORMError


class Step:
    """A step of a migration: changes one row.

    Attributes:
        reads: the columns that it needs, which the model may no longer declare.
        writes: the columns that it assigns, which the model must declare.
    """

    def __init__(
        self, label: str, reads: Sequence[str], writes: Sequence[str], work: Callable[..., None]
    ) -> None:
        for name in (*reads, *writes):
            check_field(label, name)
        self.reads, self.writes = tuple(reads), tuple(writes)
        self._label, self._work = label, work

    def __call__(self, row: MigrationRow) -> None:
        self._work(row)

    def __str__(self) -> str:
        return self._label

    def __repr__(self) -> str:
        return f'<step {self._label}>'


def rename(old: str, new: str) -> Step:
    """Return the step that moves the value of a column to a column with another name.

    Where the new column has a value already, that one is kept, because a program with the new
    declaration wrote it. (``stored_as='old'`` on the new column renames only the attribute, and
    needs no migration.)

    Args:
        old: the former name.
        new: the name of a column that the model declares.

    Example::

        Migration('rename-colour', Product, rename('colour', 'color'))
    """
    label = f'rename {old} to {new}'

    def move(row: MigrationRow) -> None:
        raw = row.raw(old)
        if raw is None:
            return
        if row.raw(new) is None:
            row.assign_stored(new, raw)
        del row[old]

    if old == new:
        raise ORMError(f'rename: expected two names, got {show(old)} twice')
    return Step(label, (old, new), (new,), move)


def split(
    old: str,
    into: Sequence[str],
    by: Callable[[Any], Sequence[Any]],
    was: Column[Any] | None = None,
) -> Step:
    """Return the step that divides the value of a column among several others, and removes it.

    Columns that have a value already keep it.

    Args:
        old: the column to divide; not one of `into`.
        into: the columns that the model declares for the parts.
        by: returns the parts of a value, as many as `into` has names. None is no value.
        was: the former type of `old`; default: as the model declares it, else ``rom.Text()``.

    Example::

        Migration('split-name', User, split('name', into=('first', 'last'), by=str.split))
    """
    parts = tuple(into) if not isinstance(into, str) else ()
    if not parts or old in parts or not callable(by):
        raise ORMError(
            f'split({show(old)}): expected the names of other columns and a function, got '
            f'into={show(into)}, by={show(by)}'
        )
    types = former_columns('split', {old: Text() if was is None else was})

    def divide(row: MigrationRow) -> None:
        raw = row.raw(old)
        if raw is None:
            return
        is_declared = was is None and row.is_declared(old)
        value = row[old] if is_declared else types[old].read_stored(raw, row.key)
        found = tuple(by(value))
        if len(found) != len(parts):
            raise ValueError(f'expected {len(parts)} parts of {show(value)}, got {len(found)}')
        for name, part in zip(parts, found, strict=True):
            if row.raw(name) is None:
                row[name] = part
        del row[old]

    return Step(f'split {old} into {" and ".join(parts)}', (old, *parts), parts, divide)


def retype(name: str, was: Column[Any], convert: Callable[[Any], Any]) -> Step:
    """Return the step that converts the values of a column whose type has changed.

    A value that is not one of the former type, but is one of the declared type, is left as it is.
    Each row is converted once: its position is recorded in the same commit.

    Args:
        name: the column, as the model declares it now.
        was: the former type.
        convert: returns the new value for a former one; None removes it.

    Example::

        Migration('price-as-decimal', Product, retype('price', rom.Float(), decimal.Decimal))
    """
    types = former_columns('retype', {name: was})
    if not callable(convert):
        raise ORMError(f'retype({show(name)}): convert: expected a function, got {show(convert)}')

    def work(row: MigrationRow) -> None:
        raw = row.raw(name)
        if raw is None:
            return
        try:
            value = types[name].read_stored(raw, row.key)
        except CorruptRowError:
            if row.is_valid(name, raw):
                return
            raise
        row[name] = convert(value)

    return Step(f'retype {name} from {type(was).__name__}', (name,), (name,), work)


def backfill(name: str, value: Any) -> Step:
    """Return the step that gives a column a value in the rows that have none.

    Args:
        name: a column that the model declares.
        value: the value, or a function that gets the :class:`MigrationRow` and returns it. None
            leaves the row as it is.

    Example::

        Migration('slugs', Article, backfill('slug', lambda row: slugify(row['title'])))
    """

    def fill(row: MigrationRow) -> None:
        if row.raw(name) is None:
            found = value(row) if callable(value) else value
            if found is not None:
                row[name] = found

    return Step(f'backfill {name}', (name,), (name,), fill)


def drop(*names: str) -> Step:
    """Return the step that removes columns from rows.

    Args:
        *names: columns, which the model need not declare.

    Example::

        Migration('drop-fax', User, drop('fax'))
    """
    if not names:
        raise ORMError("drop: expected the name of a column, got none; as in drop('fax')")

    def remove(row: MigrationRow) -> None:
        for name in names:
            if row.raw(name) is not None:
                del row[name]

    return Step(f'drop {" and ".join(map(str, names))}', names, (), remove)


def own_step(function: Callable[[MigrationRow], object], was: Mapping[str, Column[Any]]) -> Step:
    """Return the step that calls a function of the program."""

    def call(row: MigrationRow) -> None:
        function(row)

    name = getattr(function, '__name__', type(function).__name__)
    return Step(f'call {name}', tuple(was), (), call)


publish('rom.migrations', rename, split, retype, backfill, drop)
