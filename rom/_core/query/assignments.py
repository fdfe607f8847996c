"""The checked values of an update, such as `update(score=User.score + 1, city='Rome')`. Pure.

Names, and values that are the same for all rows, are checked before anything is read. A calculated
value is checked for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from rom._core.columns import Column
from rom._core.columns.arithmetic import Computable, columns_in, evaluate, shown
from rom._core.columns.base import of_model
from rom._core.columns.element_changes import ElementChange
from rom._core.columns.expressions import Expression
from rom._core.columns.relation_paths import relation_in
from rom._core.encoding.text import show, show_name, show_names
from rom._core.schema import Schema
from rom._core.writes.changes import Instant
from rom.exceptions import InvalidColumnValue, QueryError


@dataclass(frozen=True, slots=True)
class Assignments:
    """New values of columns, for any number of rows.

    Attributes:
        schema: the schema of the model.
        values: by column: a value as the column keeps it, None to remove the value, or a
            calculation.
        stamps: the columns in `values` with the time of the update, by auto_now; a new entity gets
            that of its commit instead.
        references: the relations in `values` whose entities the commit checks.
    """

    schema: Schema
    values: Mapping[str, Any]
    stamps: frozenset[str] = frozenset()
    references: tuple[str, ...] = ()

    def of_row(self, id: int, stored: Mapping[str, bytes]) -> dict[str, Any]:
        """Return the new values of one row.

        A column that the row lacks has its default, as in an entity.

        Raises:
            CorruptRowError: a value to calculate with does not decode.
            InvalidColumnValue: a calculated value is not valid for its column.
        """
        key = f'{self.schema.keys.namespace}:{id}'

        def value_of(column: Column[Any]) -> Any:
            if column.name == self.schema.primary:
                return id
            raw = stored.get(column.name)
            return column.absent() if raw is None else column.read_stored(raw, key)

        return {name: self._value(name, value_of, str(id)) for name in self.values}

    def of_new(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a new entity, besides those that are given for it.

        Raises:
            InvalidColumnValue: as for `of_row`; or a calculation uses a column without a value.
        """

        def value_of(column: Column[Any]) -> Any:
            value = given.get(column.name)
            return default_of(column) if value is None else column.take(value)

        values = {}
        for name in self.values:
            if name in given or name in self.stamps:
                continue
            value = self._value(name, value_of, '(new)')
            calculation = self.values[name]
            if value is None and isinstance(calculation, Computable):
                raise InvalidColumnValue(
                    f'{self.schema.name}.{name}: {shown(calculation)} has nothing to begin with in '
                    f'a new entity; give the column a default, or pass create={{{name!r}: ...}}'
                )
            values[name] = value
        return values

    def _value(self, name: str, value_of: Callable[[Column[Any]], Any], entity: str) -> Any:
        value = self.values[name]
        if not isinstance(value, (Computable, ElementChange)):
            return value
        try:
            return checked(self.schema, name, _result(value, value_of))
        except InvalidColumnValue as error:
            why = str(error)
        except (TypeError, ValueError, ArithmeticError) as error:
            why = f'{self.schema.name}.{name} cannot be worked out: {error}'
        raise InvalidColumnValue(f'{self.schema.name} {entity}, {name}={shown(value)}: {why}')


def _result(value: Computable | ElementChange, value_of: Callable[[Column[Any]], Any]) -> Any:
    if isinstance(value, ElementChange):
        return value.applied(value_of(value.column))
    return evaluate(value, value_of)


def default_of(column: Column[Any]) -> Any:
    """Return the default of a column; None if it has none."""
    default = column.default() if callable(column.default) else deepcopy(column.default)
    return None if default is None else column.take(default)


def checked(schema: Schema, name: str, value: Any) -> Any:
    """Return a value as its column keeps it; None to remove the value.

    Raises:
        InvalidColumnValue: the value is not valid; or None, and the column is required.
    """
    column = schema.columns[name]
    if value is None:
        if column.required:
            raise InvalidColumnValue(
                f'{schema.name}.{name} is required and cannot be removed; set another '
                'value, or declare it without required=True'
            )
        return None
    try:
        value = column.take(value)
        if column.is_relation and (value._id is None or value._deleted):
            is_what = 'was never saved' if value._id is None else 'was deleted'
            column.refuse(value, f'{is_what}, so that no row can refer to it; save it first')
        if column.is_links:
            column.encode(value)  # a new entity has no id
            return value or None
    except InvalidColumnValue as error:
        raise of_model(error, schema.name) from None
    return value


def assigned(schema: Schema, where: str, values: Mapping[str, Any]) -> Assignments:
    """Return the assignments of an update, checked as far as possible without a row.

    Args:
        schema: the schema of the model.
        where: the start of error messages, such as ``User.query.update()``.
        values: by column.

    Raises:
        QueryError: no values; a name that is not a column with a stored value; a calculation with
            another model's column, or with a relation.
        InvalidColumnValue: a value that is not valid for its column.
    """
    if not values:
        raise QueryError(f'{where}: name one column at least, of {_settable(schema)}')
    found: dict[str, Any] = {}
    for name, value in values.items():
        check_name(schema, where, name)
        value = relation_in(value)
        if isinstance(value, Computable):
            _check_calculation(schema, where, name, value)
            found[name] = value
        elif isinstance(value, ElementChange):
            found[name] = _checked_change(schema, where, name, value)
        elif isinstance(value, Expression):
            raise InvalidColumnValue(
                f'{where}: {schema.name}.{name} takes no comparison; compare in '
                '.where(...), and set a value'
            )
        else:
            found[name] = checked(schema, name, value)
    now = Instant()
    stamps = [name for name in schema.update_stamps if name not in found]
    found |= {name: schema.columns[name].at(now.utc) for name in stamps}
    return Assignments(schema, found, frozenset(stamps))


def check_name(schema: Schema, where: str, name: object) -> None:
    """Raise QueryError for a name that is not a column that can be set."""
    if not isinstance(name, str):
        raise QueryError(f'{where}: takes the names of columns, not {show(name)}')
    column = schema.columns.get(name)
    if name == schema.primary:
        why = 'is the primary key, which the server gives'
    elif name in schema.lists:
        why = 'is a OneToMany, and stores nothing; set the column of the entities that refer'
    elif name in schema.unsafe:
        why = 'is an UnsafeColumn, a key of its own; call its commands'
    elif column is None:
        why = f'is not a column; there are {_settable(schema)}'
    elif not column.is_stored:
        why = 'is an IndexOnly, and stores nothing; set the columns that it indexes'
    else:
        return
    raise QueryError(f'{where}: {schema.name}.{show_name(name)} {why}')


def _settable(schema: Schema) -> str:
    return show_names(name for name in schema.stored if name != schema.primary)


def _checked_change(schema: Schema, where: str, name: str, value: ElementChange) -> ElementChange:
    if schema.columns.get(value.column.name) is not value.column:
        raise QueryError(
            f'{where}: {show_name(name)}={show(value)}: {value.column.name} is not a column of '
            f'{schema.name}'
        )
    try:
        return value.converted()
    except InvalidColumnValue as error:
        raise of_model(error, schema.name) from None


def _check_calculation(schema: Schema, where: str, name: str, value: Computable) -> None:
    named = show_name(name)
    for column in columns_in(value):
        own = schema.columns.get(column.name)
        if own is None or own is not column:
            raise QueryError(
                f'{where}: {named}={shown(value)}: {column.name} is not a column of {schema.name}; '
                'only what is in the same row can be calculated with'
            )
        if own.is_relation or own.is_foreign or not own.is_stored:
            raise QueryError(
                f'{where}: {named}={shown(value)}: {column.name} holds no value that could be '
                'calculated with'
            )
