"""Fields: the columns of a model as fields of a pydantic class."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, NoReturn, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.fields import FieldInfo

from rom._core.columns import Column, DateTime, PrimaryKey, String
from rom._core.pydantic_types.column_types import annotation_of
from rom._core.schema import Schema
from rom.exceptions import ColumnError

Names: TypeAlias = str | Iterable[str]
#: The purpose of a class: a row; changes of a row, where no field is required; input for a new
#: entity, whose constructor makes the defaults.
Purpose: TypeAlias = Literal['row', 'changes', 'entity']


class ById:
    """Mark of a field that holds ids. A subclass may redeclare the field to hold entities."""


BY_ID: Final = ById()


def chosen(schema: Schema, include: Names | None, exclude: Names, purpose: Purpose) -> list[str]:
    """Return the names of the fields in the order of the columns; OneToMany lists come last.

    Lists are left out unless `include` names them.

    Raises:
        ColumnError: a name that cannot be a field, or no field is left.
    """
    usual = list(schema.stored)
    if purpose == 'changes':
        usual.remove(schema.primary)
    wanted = usual if include is None else _names(include)
    unwanted = _names(exclude)
    possible = [*schema.stored, *schema.lists]
    for option, names in (('include', wanted), ('exclude', unwanted)):
        for name in names:
            if name not in possible:
                _refuse(schema, option, name)
    found = [name for name in possible if name in wanted and name not in unwanted]
    if not found:
        raise ColumnError(
            f'{schema.name}.pydantic: expected at least one field, but nothing is left; include '
            f'some of {", ".join(possible)}'
        )
    for name in found:
        if name.startswith('model_') and hasattr(BaseModel, name):
            raise ColumnError(
                f'{schema.name}.{name}: pydantic reserves this name; leave the column out with '
                f'exclude={name!r}, or rename it'
            )
    return found


def _names(given: Names) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _refuse(schema: Schema, option: str, name: object) -> NoReturn:
    where = f'{schema.name}.pydantic({option}=...)'
    if name in schema.columns:
        source = schema.columns[str(name)].source
        of = '' if source == name else f', {source!r}'
        raise ColumnError(
            f'{where}: {name!r} is an IndexOnly column without a value; name the column that it '
            f'indexes{of}'
        )
    if name in schema.unsafe:
        raise ColumnError(
            f'{where}: {name!r} is an UnsafeColumn without a value; read it in your program, and '
            'declare a field for the result in a subclass'
        )
    raise ColumnError(
        f'{where}: expected one of {", ".join([*schema.stored, *schema.lists])}, got {name!r}'
    )


def fields_of(
    schema: Schema,
    names: Iterable[str],
    purpose: Purpose,
    instead: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the definitions of fields for `pydantic.create_model`.

    Args:
        schema: the schema of the model.
        names: the names of the fields.
        purpose: the purpose of the class.
        instead: types that replace the usual ones, by column.
    """
    return {
        name: _list_field(schema, name)
        if name in schema.lists
        else _field(schema.columns[name], purpose, (instead or {}).get(name))
        for name in names
    }


def _field(column: Column[Any], purpose: Purpose, instead: Any) -> tuple[Any, FieldInfo]:
    annotation = annotation_of(column) if instead is None else instead
    options: dict[str, Any] = {}
    if isinstance(column, PrimaryKey):
        options = {'json_schema_extra': {'readOnly': True}}
    elif purpose == 'changes':
        # A factory keeps the default out of the JSON schema: an omitted field means no change,
        # while None removes the column's value.
        options = {'default_factory': _nothing}
    else:
        options = _default(column, purpose)
    if column.is_relation or column.is_foreign:
        of = getattr(column, 'ftable', None) or getattr(column.fmodel, '__name__', 'object')  # type: ignore[attr-defined]
        options['description'] = f'Id of {of}.'
    if not column.required and not isinstance(column, PrimaryKey):
        annotation = annotation | None
    if column.is_relation or column.is_foreign:
        annotation = Annotated[annotation, BY_ID]
    return annotation, Field(**options)


def _list_field(schema: Schema, name: str) -> tuple[Any, FieldInfo]:
    options: dict[str, Any] = {
        'default_factory': list,
        'description': f'Ids of {schema.lists[name].ftable}.',
        'json_schema_extra': {'readOnly': True},
    }
    return Annotated[list[int], BY_ID], Field(**options)


def _nothing() -> None:
    return None


def _default(column: Column[Any], purpose: Purpose) -> dict[str, Any]:
    """Return the options for a default; only a constant one is part of the JSON schema."""
    default = column.default
    if default is None:
        return {} if column.required else {'default': None}
    if column.is_relation or column.is_foreign:
        # The target may not exist yet, so the entity's constructor makes this default.
        return {'default_factory': _nothing}
    if callable(default) or isinstance(default, dt.timedelta):  # a timedelta counts from now
        return {'default_factory': _nothing if purpose == 'entity' else lambda: _made(column)}
    value = column.check(default)
    if not isinstance(column, (DateTime, String)):
        return {'default': value}
    # For the JSON schema, pydantic would encode the value in its own way, not by the annotation.
    shown = TypeAdapter(annotation_of(column)).dump_python(value, mode='json')
    return {'default_factory': lambda: value, 'json_schema_extra': {'default': shown}}


def _made(column: Column[Any]) -> Any:
    value = column.default() if callable(column.default) else column.default
    return None if value is None else column.check(value)
