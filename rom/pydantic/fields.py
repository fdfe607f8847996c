"""Fields: a model's columns, as the fields of a pydantic class."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, NoReturn, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.fields import FieldInfo

from rom.columns import Column, DateTime, PrimaryKey, String
from rom.exceptions import ColumnError
from rom.pydantic.kinds import annotation_of
from rom.schema import Schema

Names: TypeAlias = str | Iterable[str]
#: What a class is for: all of a row; changes of one, where nothing is required; what an entity is
#: made from, which has its own defaults made.
Purpose: TypeAlias = Literal['row', 'changes', 'entity']


class ById:
    """Marks a field that holds ids. A subclass's field of that name may hold entities instead."""


BY_ID: Final = ById()


def chosen(schema: Schema, include: Names | None, exclude: Names, purpose: Purpose) -> list[str]:
    """The names of the fields, in the order of the columns; lists come last, when asked for.

    Raises:
        ColumnError: a name that cannot be a field, or none is left.
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
            f'{schema.name}.pydantic: nothing is left; include some of {", ".join(possible)}'
        )
    for name in found:
        if name.startswith('model_') and hasattr(BaseModel, name):
            raise ColumnError(
                f'{schema.name}.{name} cannot be in a pydantic class, which has something of its '
                f'own of that name: leave it out, as exclude={name!r}, or give the column another'
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
            f'{where}: {name!r} is an IndexOnly and holds no value; name what it indexes{of}'
        )
    if name in schema.unsafe:
        raise ColumnError(
            f'{where}: {name!r} is an UnsafeColumn, which takes commands and has no value; '
            'declare a field of a subclass for what you read from it'
        )
    raise ColumnError(
        f'{where}: there is no column {name!r}; there are '
        f'{", ".join([*schema.stored, *schema.lists])}'
    )


def fields_of(
    schema: Schema,
    names: Iterable[str],
    purpose: Purpose,
    instead: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The definitions of fields, as `pydantic.create_model` takes them.

    Args:
        schema: the model's.
        names: those of the fields.
        purpose: what the class is for.
        instead: other types than the usual, by column.
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
        # No default to be seen: what is left out stays as it is. None removes a column.
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
    """A default that is always the same is in the schema; one that is made anew is not."""
    default = column.default
    if default is None:
        return {} if column.required else {'default': None}
    if column.is_relation or column.is_foreign:
        # What it refers to may not be there yet: an entity gets it, when it is made.
        return {'default_factory': _nothing}
    if callable(default) or isinstance(default, dt.timedelta):  # so long from now, when it is made
        return {'default_factory': _nothing if purpose == 'entity' else lambda: _made(column)}
    value = column.check(default)
    if not isinstance(column, (DateTime, String)):
        return {'default': value}
    # pydantic would show it as it writes such a value, and not as we do.
    shown = TypeAdapter(annotation_of(column)).dump_python(value, mode='json')
    return {'default_factory': lambda: value, 'json_schema_extra': {'default': shown}}


def _made(column: Column[Any]) -> Any:
    value = column.default() if callable(column.default) else column.default
    return None if value is None else column.check(value)
