"""Classes: pydantic classes made of models, each made once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model, model_validator

from rom._core.entities.entity import Entity
from rom._core.pydantic_types.column_types import Seen
from rom._core.pydantic_types.fields import BY_ID, Names, Purpose, chosen, fields_of
from rom._core.schema import Schema
from rom.exceptions import InvalidOperation


class Travelling(BaseModel):
    """Base of the classes made of models; an entity can be validated as one, too."""

    model_config = ConfigDict(
        from_attributes=True, protected_namespaces=(), ser_json_inf_nan='strings'
    )

    @model_validator(mode='before')
    @classmethod
    def _of_entity(cls, value: Any) -> Any:
        if not isinstance(value, Entity):
            return value
        return Seen(
            value,
            {name for name, field in cls.model_fields.items() if BY_ID in field.metadata},
        )


class Given(Travelling):
    """Base of the classes that validate input for a new entity; extra fields are an error."""

    model_config = ConfigDict(extra='forbid')


def class_of(
    model: Any, include: Names | None, exclude: Names, partial: bool, name: str | None
) -> type[BaseModel]:
    """Return the pydantic class of a model with these fields: see :meth:`rom.Model.pydantic`."""
    schema = schema_of(model)
    purpose: Purpose = 'changes' if partial else 'row'
    names = chosen(schema, include, exclude, purpose)
    name = name or _name(schema, names, purpose)
    made: dict[Any, type[BaseModel]] = _made_of(model)
    key = (name, purpose, *names)
    if key not in made:
        fields = fields_of(schema, names, purpose)
        # If two threads make the class at once, both must return the same one.
        made.setdefault(key, make(model, name, Travelling, fields))
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
