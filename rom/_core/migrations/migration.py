"""Migration: a named change of all rows of a model; and the migrations that a module declares."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from types import ModuleType
from typing import Any, TypeAlias

from rom._core import migration_registry
from rom._core.columns import Column
from rom._core.encoding.text import shorten, show, show_names
from rom._core.entities.metaclass import is_model
from rom._core.migrations.former import extended, former_columns
from rom._core.migrations.row import MigrationRow
from rom._core.migrations.steps import Step, own_step
from rom._core.schema import Schema
from rom._core.support.public_names import publish
from rom.exceptions import InvalidOperation

#: The name under which a run of migrations reports the indexes that it builds at its end.
REINDEX = 'reindex'
# A name is a field of a hash, a word of messages and an argument of the command.
_LONGEST_NAME = 200


class Migration:
    """Change of all rows of a model, which ``rom migrate`` carries out once.

    A module declares its migrations in their order, as variables, as functions with
    :func:`migration`, or in a list. Several steps of one migration are one pass over the rows.

    Args:
        name: the name under which it is recorded in Redis. It must never change, and be different
            from those of all other migrations of the module.
        model: the model, as it is declared after the migration.
        *steps: ready steps, such as :func:`rename`; or functions that get a :class:`MigrationRow`.
        was: the former types of columns that the functions read and that the model no longer
            declares, or declares with another type.

    Attributes:
        name: the name.
        model: the model.
        steps: the steps.

    Raises:
        InvalidOperation: an argument is invalid.

    Example::

        from rom.migrations import Migration, drop, rename

        rename_colour = Migration('rename-colour', Product, rename('colour', 'color'), drop('fax'))
    """

    def __init__(
        self,
        name: str,
        model: type[Any],
        *steps: Step | Callable[[MigrationRow], object],
        was: Mapping[str, Column[Any]] | None = None,
    ) -> None:
        is_name = isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()
        if not is_name or name != name.strip():
            raise InvalidOperation(
                f'Migration: expected a name of 1 to {_LONGEST_NAME} printable characters, got '
                f'{show(name)}'
            )
        if name == REINDEX:
            raise InvalidOperation(
                f'Migration: the name {name!r} stands for the indexes that are built after all '
                'migrations; choose another'
            )
        where = f'migration {shorten(name, 60)!r}'
        if not is_model(model):
            raise InvalidOperation(f'{where}: expected a model, got {show(model)}')
        if not steps or not all(map(callable, steps)):
            raise InvalidOperation(
                f'{where}: expected steps, such as rename(...) or a function of a row, got '
                f'{show(steps)}'
            )
        self.name, self.model = name, model
        self.was = former_columns(where, was or {})
        self.steps = tuple(s if isinstance(s, Step) else own_step(s, self.was) for s in steps)
        migration_registry.declare(self)

    @property
    def namespace(self) -> str:
        """The namespace of the model."""
        own: Schema = self.model._schema
        return own.keys.namespace

    @cached_property
    def schema(self) -> Schema:
        """The schema of the model, with the columns that only the steps read.

        It is made and checked when rows are to be migrated. A migration that was done long ago may
        name columns that the model has lost since.

        Raises:
            InvalidOperation: a step assigns a column that the model does not declare.
            ColumnError: a step reads a column that has no value in the row.
        """
        own: Schema = self.model._schema
        for step in self.steps:
            for name in step.writes:
                if name not in own.in_rows or name == own.primary:
                    raise InvalidOperation(
                        f'migration {self.name!r}, {step}: {own.name} has no column {show(name)} '
                        f'that can be assigned; there are {show_names(own.stored)}'
                    )
        return extended(own, dict.fromkeys(name for s in self.steps for name in s.reads))

    def check_columns(self) -> None:
        """Raise the errors of `schema`, before anything is written."""
        _ = self.schema

    def migrated(self, id: int, stored: Mapping[str, bytes]) -> MigrationRow:
        """Return a row after all steps.

        Raises:
            Exception: a step raised it.
        """
        row = MigrationRow(self.schema, self.was, id, stored)
        for step in self.steps:
            step(row)
        return row

    def __repr__(self) -> str:
        return f'<migration {self.name!r} of {self.model.__name__}>'

    def __str__(self) -> str:
        return '; '.join(map(str, self.steps))


def migration(
    model: type[Any], name: str | None = None, was: Mapping[str, Column[Any]] | None = None
) -> Callable[[Callable[[MigrationRow], object]], Migration]:
    """Return the decorator that makes a :class:`Migration` of a function.

    The function gets each row as a :class:`MigrationRow`, and changes it. It may be called several
    times for one row, if other programs write the row meanwhile, so it must do nothing else.

    Args:
        model: the model, as it is declared after the migration.
        name: the name of the migration; default: that of the function.
        was: as for :class:`Migration`.

    Example::

        @migration(Product, was={'price': rom.Float()})
        def price_in_cents(row):
            if 'cents' not in row:
                row['cents'] = round(row['price'] * 100)
    """

    def made(function: Callable[[MigrationRow], object]) -> Migration:
        own = name if name is not None else getattr(function, '__name__', '')
        return Migration(own, model, function, was=was)

    return made


#: A module of migrations or its name, or a single migration.
Source: TypeAlias = ModuleType | str | Migration


def collect(sources: Iterable[Source]) -> list[Migration]:
    """Return the migrations of modules, in the order of their declaration.

    Raises:
        InvalidOperation: a source is neither a module nor a migration, or has no migrations; or
            two of them have the same name.
    """
    found: dict[Migration, None] = {}
    for source in sources:
        before = len(found)
        found.update(dict.fromkeys(_migrations_of(source)))
        if not isinstance(source, Migration) and len(found) == before:
            raise InvalidOperation(
                f'{_shown(source)} declares no migrations; make some with rom.migrations.Migration'
            )
    names: dict[str, Migration] = {}
    for each in found:
        other = names.setdefault(each.name, each)
        if other is not each:
            raise InvalidOperation(
                f'two migrations have the name {each.name!r}, of {other.model.__name__} and of '
                f'{each.model.__name__}; rename the one that was never run'
            )
    if not names:
        raise InvalidOperation('expected a module of migrations, got none')
    return list(found)


def _migrations_of(source: Any) -> Iterator[Migration]:
    if isinstance(source, Migration):
        yield source
        return
    if isinstance(source, str):
        source = importlib.import_module(source)
    if not isinstance(source, ModuleType):
        raise InvalidOperation(f'expected a module of migrations, got {show(source)}')
    for value in list(vars(source).values()):
        if isinstance(value, Migration):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (each for each in value if isinstance(each, Migration))


def _shown(source: Any) -> str:
    return source.__name__ if isinstance(source, ModuleType) else show(source)


publish('rom.migrations', migration)
