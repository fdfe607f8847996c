"""Column types: the pydantic type of each class of columns, and its form in JSON.

pydantic converts a value by its own rules, then the column checks the result by those of rom. So an
entity's column accepts whatever the class validates. The form in JSON is that of dumps
(:mod:`rom._core.columns.json_forms`). rom has rules of its own only for types that JSON lacks:

* bytes are base64, and datetimes end in ``Z``;
* a number for a datetime means seconds, never milliseconds;
* True and False are refused as numbers.

A relation gives its id, and loads nothing.
"""

from __future__ import annotations

import datetime as dt
import decimal
import sys
from collections.abc import Callable, Container
from functools import partial
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    WrapSerializer,
)
from pydantic_core import PydanticCustomError

from rom._core.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    Float,
    ForeignModel,
    Integer,
    Json,
    ManyToOne,
    OneToOne,
    String,
    Text,
    Time,
)
from rom._core.columns.elements import place_of_form
from rom._core.columns.json_forms import FORMS, form_of
from rom._core.columns.limits import Limit
from rom._core.columns.relations import GivenId
from rom._core.columns.typed import Typed
from rom.exceptions import ColumnError

Conversion = Callable[[Column[Any], Any], Any]


def annotation_of(column: Column[Any]) -> Any:
    """Return the annotated type of a column's values."""
    if column.element is not None:
        return _annotation_of_elements(column)
    if isinstance(column, Typed):
        return _annotation_of_type(column)
    annotation = _annotation_of_form(column) if _has_own_form(column) else _annotation(column)
    return annotation if column.rules is None else _with_choices(column, annotation)


def _has_own_form(column: Column[Any]) -> bool:
    return type(column).to_json is not Column.to_json


def _annotation_of_form(column: Column[Any]) -> Any:
    """Return the type of a column with a JSON form of its own, which `check` accepts."""
    return Annotated[
        Any,
        AfterValidator(partial(check_value, column)),
        PlainSerializer(column.to_json, when_used='json-unless-none'),
        WithJsonSchema(dict(column.json_schema or {})),
    ]


def _annotation_of_elements(column: Any) -> Any:
    """Return the type of a collection, so that errors and the schema are about its elements."""
    annotation: Any = column.holds[annotation_of(column.item)]
    annotation = Annotated[
        annotation,
        Field(max_length=column.max_length),
        AfterValidator(partial(check_value, column)),
    ]
    return Annotated[annotation, _IN_ORDER] if column.holds is set else annotation


def _annotation_of_type(column: Typed[Any]) -> Any:
    """Return the type that a column declares, with the JSON of its rows."""
    return Annotated[
        column.of,
        AfterValidator(partial(check_value, column)),
        # A lambda has no type, so the schema is that of the declared type.
        WrapSerializer(lambda value, dump: column.to_json(value), when_used='json-unless-none'),
    ]


# Sets are written in the order of rows. A lambda has no type, so the schema is that of the set.
_IN_ORDER: Final = WrapSerializer(
    lambda value, dump: sorted(map(_finite, dump(value)), key=place_of_form),
    when_used='json-unless-none',
)


def _finite(form: Any) -> Any:
    # pydantic writes infinite floats as text after this, but not those that a serializer returns.
    return FORMS[Float].to_json(form) if isinstance(form, float) else form


def _with_choices(column: Column[Any], annotation: Any) -> Any:
    choices = None if column.rules is None else column.rules.choices
    form = form_of(column)
    if choices is None or form is None:
        return annotation
    in_json: Any = {'enum': [form.to_json(value) for value in choices]}
    return Annotated[annotation, Field(json_schema_extra=in_json)]


def _annotation(column: Column[Any]) -> Any:
    kind = kind_of(column)
    form = _value_type(column)
    annotation = _limited(column, kind, KINDS[kind] if form is None else form)
    taken = BEFORE.get(kind)
    if not (column.is_relation or column.is_foreign):  # the save looks up the ids of relations
        annotation = Annotated[annotation, AfterValidator(partial(check_value, column))]
    if taken is not None:
        annotation = Annotated[annotation, BeforeValidator(partial(taken, column))]
    schema = JSON_SCHEMAS.get(kind) if form is None else None
    return annotation if schema is None else Annotated[annotation, WithJsonSchema(schema)]


def _value_type(column: Column[Any]) -> Any:
    """Return the annotated type of a column's values; None where pydantic does not take it."""
    form = column.value_type
    # Before Python 3.12, pydantic takes only the TypedDict of typing_extensions.
    is_refused = sys.version_info < (3, 12) and type(form).__module__ == 'typing'
    return None if is_refused and hasattr(form, '__required_keys__') else form


def _limited(column: Column[Any], kind: type, annotation: Any) -> Any:
    """Return a type with the limits of a column, which pydantic checks and shows in the schema."""
    if kind not in LIMITED:
        return annotation
    validators = () if column.rules is None else column.rules.validators
    limits: dict[str, Any] = {v.sign: v.bound for v in validators if isinstance(v, Limit)}
    most = getattr(column, 'max_length', None)
    if most is not None:
        limits['max_length'] = most
    return Annotated[annotation, Field(**limits)] if limits else annotation


def kind_of(column: Column[Any]) -> type:
    """Return the nearest base of the column's class that is a key of the tables below."""
    return next(cls for cls in type(column).__mro__ if cls in KINDS)


def check_value(column: Column[Any], value: Any) -> Any:
    """Return the value as the column keeps it, or raise an error for pydantic."""
    try:
        return column.take(value)
    except ColumnError as error:
        raise pydantic_error(error) from None


def pydantic_error(error: ColumnError) -> PydanticCustomError:
    """Return the error of a column in a form that pydantic reports with the others."""
    # The message must not be the template itself, because it may contain braces.
    return PydanticCustomError('invalid_column_value', '{reason}', {'reason': str(error)})


def _number(column: Column[Any], value: Any) -> Any:
    return check_value(column, value) if isinstance(value, bool) else value


def _moment(column: Column[Any], value: Any) -> Any:
    """Check seconds, and the timedelta of an ExpireAt, by the column; pydantic reads the rest."""
    is_for_column = isinstance(value, (int, float, dt.timedelta))
    return check_value(column, value) if is_for_column else value


def _day(column: Column[Any], value: Any) -> Any:
    is_for_column = isinstance(value, (int, float, dt.date))  # a datetime gives its day in UTC
    return check_value(column, value) if is_for_column else value


def _bytes(column: Column[Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return FORMS[String].from_json(value)
    except ValueError:
        raise PydanticCustomError('invalid_base64', 'Bytes should be base64') from None


def _json(column: Column[Any], value: Any) -> Any:
    """Return the value as the row will give it back: with lists for tuples, and str keys."""
    return column.decode(column.encode(check_value(column, value)))


def _id(column: Any, value: Any) -> Any:
    return value if is_id(value) else id_of(column, value)


def is_id(value: Any) -> bool:
    """Return whether to read a value as an id, not as the object itself; pydantic takes None."""
    return value is None or (isinstance(value, (int, float, str)) and not isinstance(value, bool))


def id_of(column: Any, value: Any) -> int:
    """Return the id of the object that a column refers to; a new entity gets its id now.

    Raises:
        InvalidColumnValue: the column does not refer to objects of this type.
        InvalidOperation: a new entity under an AsyncSession.
    """
    try:
        id: int = column.id_of(value)
    except ColumnError as error:
        raise pydantic_error(error) from None
    return id


def _in_json(kind: type) -> PlainSerializer:
    """Return the serializer of a type that pydantic would write in another form."""
    return PlainSerializer(FORMS[kind].to_json, return_type=str, when_used='json-unless-none')


_Moment = Annotated[dt.datetime, _in_json(DateTime)]
_Id = Annotated[int, Field(ge=1)]

#: The pydantic type, by the column's class or its nearest base.
KINDS: Final[dict[type, Any]] = {
    Integer: int,
    Float: float,
    Decimal: Annotated[decimal.Decimal, Field(allow_inf_nan=True)],
    Boolean: bool,
    Text: str,
    String: Annotated[bytes, _in_json(String)],
    Json: Any,
    DateTime: _Moment,
    Date: dt.date,
    Time: dt.time,
    ManyToOne: _Id,
    OneToOne: _Id,
    ForeignModel: int,
    Column: Any,
}

#: The classes whose limits are those of pydantic. (The length of bytes is not that of their base64,
#: and a date may be converted to another zone before it is compared.)
LIMITED: Final = frozenset((Integer, Float, Decimal, Text))

#: The conversion that runs before pydantic reads a value.
BEFORE: Final[dict[type, Conversion]] = {
    Integer: _number,
    Float: _number,
    Decimal: _number,
    String: _bytes,
    Json: _json,
    DateTime: _moment,
    Date: _day,
    Time: _moment,
    ManyToOne: _id,
    OneToOne: _id,
    ForeignModel: _id,
}

#: The JSON schemas that pydantic cannot derive from the type.
JSON_SCHEMAS: Final[dict[type, dict[str, Any]]] = {
    String: {'type': 'string', 'contentEncoding': 'base64'},
    Json: {'anyOf': [{'type': 'object', 'additionalProperties': True}, {'type': 'array'}]},
    DateTime: {'type': 'string', 'format': 'date-time'},
}


def value_of(entity: Any, name: str) -> Any:
    """Return the value of a column; a relation gives its id, and a OneToMany a list of ids.

    Raises:
        CorruptRowError: the stored value does not decode.
        InvalidOperation: under an AsyncSession, a new entity without an id, or a list that is not
            loaded.
    """
    schema = entity._schema
    if name in schema.lists:
        return [one._need_id() for one in getattr(entity, name)]
    column = schema.columns.get(name)
    if column is None or not (column.is_relation or column.is_foreign):
        return getattr(entity, name)
    if name not in entity._values:
        raw = entity._stored.get(name)
        if raw is not None:
            return column.read_stored(raw, entity._key).id
    value = entity._values.get(name)
    if isinstance(value, GivenId):
        return value.id
    value = getattr(entity, name)
    return None if value is None else id_of(column, value)


class EntityView:
    """View of an entity for pydantic: some attributes give ids, the others are unchanged."""

    __slots__ = ('_entity', '_ids')

    def __init__(self, entity: Any, ids: Container[str]) -> None:
        self._entity = entity
        self._ids = ids

    def __getattr__(self, name: str) -> Any:
        return value_of(self._entity, name) if name in self._ids else getattr(self._entity, name)

    def __repr__(self) -> str:
        return repr(self._entity)  # for error messages
