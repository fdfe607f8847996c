"""Classes: pydantic classes made of models, each made once, with a field for each column."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Annotated, Any, Final, Literal, NoReturn, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model, model_validator
from pydantic.fields import FieldInfo

from rom._core.columns import Column, DateTime, ExpireAt, PrimaryKey, String
from rom._core.entities.entity import Entity
from rom._core.pydantic_types.column_types import EntityView, annotation_of
from rom._core.schema import Schema
from rom.exceptions import ColumnError, InvalidOperation

Names: TypeAlias = str | Iterable[str]
#: The purpose of a class: a row; changes of a row, where no field is required; input for a new
#: entity, whose constructor makes the defaults.
Purpose: TypeAlias = Literal['row', 'changes', 'entity']


class HoldsIds:
    """Mark of a field that holds ids. A subclass may redeclare the field to hold entities."""


HOLDS_IDS: Final = HoldsIds()


def field_names(
    schema: Schema, include: Names | None, exclude: Names, purpose: Purpose
) -> list[str]:
    """Return the names of the fields in the order of the columns; OneToMany lists come last.

    Lists are left out unless `include` names them.

    Raises:
        ColumnError: a name that cannot be a field, or no field is left.
    """
    usual = list(schema.stored)
    if purpose == 'changes':
        usual.remove(schema.primary)
    wanted = usual if include is None else _as_list(include)
    unwanted = _as_list(exclude)
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


def _as_list(given: Names) -> list[str]:
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
        annotation = Annotated[annotation, HOLDS_IDS]
    return annotation, Field(**options)


def _list_field(schema: Schema, name: str) -> tuple[Any, FieldInfo]:
    options: dict[str, Any] = {
        'default_factory': list,
        'description': f'Ids of {schema.lists[name].ftable}.',
        'json_schema_extra': {'readOnly': True},
    }
    return Annotated[list[int], HOLDS_IDS], Field(**options)


def _nothing() -> None:
    return None


def _default(column: Column[Any], purpose: Purpose) -> dict[str, Any]:
    """Return the options for a default; only a constant one is part of the JSON schema."""
    default = column.default
    if default is None and column.stamps_insert:
        return {'default_factory': _nothing}  # the commit gives the value
    if default is None:
        return {} if column.required else {'default': None}
    if column.is_relation or column.is_foreign:
        # The target may not exist yet, so the entity's constructor makes this default.
        return {'default_factory': _nothing}
    counts_from_now = isinstance(column, ExpireAt) and isinstance(default, dt.timedelta)
    if callable(default) or counts_from_now:
        return {'default_factory': _nothing if purpose == 'entity' else lambda: _made(column)}
    value = column.check(default)
    if not isinstance(column, (DateTime, String)) and type(column).to_json is Column.to_json:
        return {'default': value}
    # For the JSON schema, pydantic would encode the value in its own way, not by the annotation.
    in_json = TypeAdapter(annotation_of(column)).dump_python(value, mode='json')
    return {
        'default_factory': partial(_copied, column, default),
        'json_schema_extra': {'default': in_json},
    }


def _copied(column: Column[Any], default: Any) -> Any:
    return column.check(deepcopy(default))


def _made(column: Column[Any]) -> Any:
    value = column.default() if callable(column.default) else column.default
    return None if value is None else column.check(value)


class RowClass(BaseModel):
    """Base of the classes made of models; an entity can be validated as one, too."""

    model_config = ConfigDict(
        from_attributes=True, protected_namespaces=(), ser_json_inf_nan='strings'
    )

    @model_validator(mode='before')
    @classmethod
    def _of_entity(cls, value: Any) -> Any:
        if not isinstance(value, Entity):
            return value
        return EntityView(
            value,
            {name for name, field in cls.model_fields.items() if HOLDS_IDS in field.metadata},
        )


class InputClass(RowClass):
    """Base of the classes that validate input for a new entity; extra fields are an error."""

    model_config = ConfigDict(extra='forbid')


def class_of(
    model: Any, include: Names | None, exclude: Names, partial: bool, name: str | None
) -> type[BaseModel]:
    """Return the pydantic class of a model with these fields: see :meth:`rom.Model.pydantic`."""
    schema = schema_of(model)
    purpose: Purpose = 'changes' if partial else 'row'
    names = field_names(schema, include, exclude, purpose)
    name = name or _name(schema, names, purpose)
    made: dict[Any, type[BaseModel]] = _made_of(model)
    key = (name, purpose, *names)
    if key not in made:
        fields = fields_of(schema, names, purpose)
        # If two threads make the class at once, both must return the same one.
        made.setdefault(key, make(model, name, RowClass, fields))
    return made[key]


def schema_of(model: Any) -> Schema:
    """Return the schema of a model.

    Raises:
        InvalidOperation: the class has no columns, such as `rom.Model` itself.
    """
    schema: Schema | None = getattr(model, '_schema', None)
    if schema is None:
        raise InvalidOperation(
            f'{model.__name__}: pydantic needs a model with columns, and this one has none; name a '
            'model that declares some'
        )
    return schema


def make(
    model: Any, name: str, base: type[BaseModel], fields: Mapping[str, Any]
) -> type[BaseModel]:
    """Return a new class with the module and docstring of the model, as if written beside it."""
    options: dict[str, Any] = {
        '__base__': base,
        '__module__': model.__module__,
        '__doc__': vars(model).get('__doc__'),
        **fields,
    }
    made: type[BaseModel]
    if not any(hasattr(base, field) for field in fields):
        made = create_model(name, **options)
        return made
    with warnings.catch_warnings():
        # Columns may have names such as `json` or `schema`, which are old methods of pydantic.
        warnings.filterwarnings('ignore', r'Field name .* shadows an attribute', UserWarning)
        made = create_model(name, **options)
    return made


def _made_of(model: Any) -> dict[Any, type[BaseModel]]:
    """Return the classes made of a model. The model holds them, so both are collected together."""
    if '_pydantic_classes' not in vars(model):
        model._pydantic_classes = {}
    classes: dict[Any, type[BaseModel]] = vars(model)['_pydantic_classes']
    return classes


def _name(schema: Schema, names: Sequence[str], purpose: Purpose) -> str:
    """Return a name such as UserWithoutId or PartialUser; equal fields give equal names."""
    usual = [n for n in schema.stored if purpose == 'row' or n != schema.primary]
    start = schema.name if purpose == 'row' else f'Partial{schema.name}'
    if list(names) == usual:
        return start
    left_out = [name for name in usual if name not in names]
    is_short = len(left_out) < len(names) and set(names) <= set(usual)
    shown, word = (left_out, 'Without') if is_short else (names, '')
    return start + word + ''.join(part.capitalize() for n in shown for part in n.split('_'))
