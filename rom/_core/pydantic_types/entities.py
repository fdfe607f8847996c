"""Entities: a model itself as a pydantic type.

Validation makes a new entity with the model's constructor, and removes it from the session. A
commit must not write an entity only because it was validated: the rest of a list may be invalid,
another member of a union may match, or the handler may refuse the request. To keep the entity, call
its `save`, or add it to a session.

Serialization returns the row: every column, and ids for relations. It reads nothing from Redis.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, GetCoreSchemaHandler, WrapValidator
from pydantic_core import CoreSchema, core_schema

from rom._core.columns.relations import GivenId
from rom._core.pydantic_types.classes import InputClass, class_of, fields_of, make, schema_of
from rom._core.pydantic_types.column_types import (
    KINDS,
    check_value,
    is_id,
    kind_of,
    pydantic_error,
    value_of,
)
from rom._core.schema import Schema
from rom.exceptions import ColumnError, InvalidOperation


def core_schema_of(model: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Return the pydantic core schema of a model: validation and serialization of entities."""
    schema = schema_of(model)
    row = class_of(model, None, (), False, None)
    input_class = _given(model, schema)

    def validate(value: Any, build: core_schema.ValidatorFunctionWrapHandler) -> Any:
        return value if isinstance(value, model) else _draft(model, build(value))

    def serialize(entity: Any, info: core_schema.SerializationInfo) -> BaseModel:
        values = {name: value_of(entity, name) for name in _requested_names(schema, info)}
        with_value = {name for name, value in values.items() if value is not None}
        return _unvalidated(row, values, with_value)

    return core_schema.no_info_wrap_validator_function(
        validate,
        handler.generate_schema(input_class),
        serialization=core_schema.plain_serializer_function_ser_schema(
            serialize, info_arg=True, return_schema=handler.generate_schema(row)
        ),
    )


def _given(model: Any, schema: Schema) -> type[BaseModel]:
    """Return the class that validates input for a new entity: all columns but the primary key."""
    names = [name for name in schema.stored if name != schema.primary]
    instead = {
        name: _reference_to(column)
        for name, column in schema.columns.items()
        if column.is_relation or column.is_foreign
    }
    return make(model, schema.name, InputClass, fields_of(schema, names, 'entity', instead))


def _reference_to(column: Any) -> Any:
    """Return the type of a relation's input: an entity, or an id that the save looks up.

    The id of a ForeignModel is looked up at once, because only its class can load it.
    """

    def take(value: Any, as_id: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if not is_id(value):
            return check_value(column, value)
        id = as_id(value)
        return GivenId(id) if column.is_relation else check_value(column, id)

    kind = KINDS[kind_of(column)]
    return Annotated[kind, WrapValidator(take)]


def _draft(model: Any, given: BaseModel) -> Any:
    """Return a new entity that belongs to no session."""
    try:
        entity = model(**{name: getattr(given, name) for name in given.model_fields_set})
    except ColumnError as error:
        raise pydantic_error(error) from None
    entity._session.forget(entity)
    entity._is_draft = True
    return entity


def _requested_names(schema: Schema, info: core_schema.SerializationInfo) -> list[str]:
    """Return the names of the columns to serialize.

    Raises:
        InvalidOperation: `include` or `exclude` names a part of a column's value.
    """
    options: dict[str, Any] = {'include': info.include, 'exclude': info.exclude}
    for option, given in options.items():
        for name, part in given.items() if isinstance(given, dict) else ():
            if part is not True and part is not ...:
                raise InvalidOperation(
                    f'{option}={{{name!r}: {part!r}}}: expected whole columns of {schema.name}; '
                    f'for parts of them, serialize {schema.name}.pydantic().model_validate(entity)'
                )
    wanted, unwanted = info.include, info.exclude or ()
    return [
        name
        for name in schema.stored
        if (wanted is None or name in wanted) and name not in unwanted
    ]


def _unvalidated(cls: type[BaseModel], values: dict[str, Any], with_value: set[str]) -> BaseModel:
    """Return an instance with these fields only, without validation, because rows are valid."""
    instance = cls.__new__(cls)  # model_construct would make defaults for the others
    object.__setattr__(instance, '__dict__', values)
    object.__setattr__(instance, '__pydantic_fields_set__', with_value)
    object.__setattr__(instance, '__pydantic_extra__', None)
    object.__setattr__(instance, '__pydantic_private__', None)
    return instance
