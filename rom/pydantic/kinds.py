"""Kinds: what a column's value is to pydantic, and how it looks in JSON.

pydantic converts what comes in, by its own rules; then the column itself says whether it takes the
value, by rom's. So what a class validates, the entity's column accepts as well. Only what JSON has
no word for needs a rule of our own:

* bytes are base64;
* moments are UTC, as everywhere in rom, and say so: a JSON text without a zone would be local time
  to whoever reads it;
* a number that stands for a moment is seconds, never milliseconds;
* True and False are no numbers.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import decimal
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from rom.columns import (
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
from rom.exceptions import ColumnError

Taken = Callable[[Column[Any], Any], Any]


def annotation_of(column: Column[Any]) -> Any:
    """The type of a column's values, with all that pydantic has to know of them."""
    kind = kind_of(column)
    annotation = KINDS[kind]
    taken = BEFORE.get(kind)
    if not (column.is_relation or column.is_foreign):  # what their ids are of is looked up later
        annotation = Annotated[annotation, AfterValidator(partial(checked, column))]
    if taken is not None:
        annotation = Annotated[annotation, BeforeValidator(partial(taken, column))]
    schema = JSON_SCHEMAS.get(kind)
    return annotation if schema is None else Annotated[annotation, WithJsonSchema(schema)]


def kind_of(column: Column[Any]) -> type:
    """The class by which a column is in the tables."""
    return next(cls for cls in type(column).__mro__ if cls in KINDS)


def checked(column: Column[Any], value: Any) -> Any:
    """The value as the column keeps it, or pydantic's kind of error."""
    try:
        return column.check(value)
    except ColumnError as error:
        raise refusal(error) from None


def refusal(error: ColumnError) -> PydanticCustomError:
    """An error of a column's, for pydantic to report with the others."""
    # The message is no template: there may be braces in it.
    return PydanticCustomError('invalid_column_value', '{reason}', {'reason': str(error)})


def _number(column: Column[Any], value: Any) -> Any:
    return checked(column, value) if isinstance(value, bool) else value


def _moment(column: Column[Any], value: Any) -> Any:
    """Seconds, as columns take them, and an ExpireAt's timedelta; pydantic reads the rest."""
    is_ours = isinstance(value, (int, float, dt.timedelta))
    return checked(column, value) if is_ours else value


def _day(column: Column[Any], value: Any) -> Any:
    is_ours = isinstance(value, (int, float, dt.date))  # of a datetime, its day in UTC
    return checked(column, value) if is_ours else value


def _bytes(column: Column[Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError('invalid_base64', 'Bytes are written as base64') from None


def _json(column: Column[Any], value: Any) -> Any:
    """What the row will give back: lists for tuples, and keys that are strings."""
    return column.decode(column.encode(checked(column, value)))


def _id(column: Any, value: Any) -> Any:
    return value if is_id(value) else id_of(column, value)


def is_id(value: Any) -> bool:
    """Something to read as an id; anything else is the object itself. None is for pydantic."""
    return value is None or (isinstance(value, (int, float, str)) and not isinstance(value, bool))


def id_of(column: Any, value: Any) -> int:
    """The id of what a column refers to; the server gives a new entity its id now.

    Raises:
        InvalidColumnValue: nothing that the column refers to.
        InvalidOperation: a new entity under an AsyncSession.
    """
    try:
        id: int = column.id_of(value)
    except ColumnError as error:
        raise refusal(error) from None
    return id


def _in_utc(moment: dt.datetime) -> str:
    return f'{moment.isoformat()}Z'


def _in_base64(value: bytes) -> str:
    return base64.b64encode(value).decode('ascii')


def _written(write: Callable[[Any], str]) -> PlainSerializer:
    return PlainSerializer(write, return_type=str, when_used='json-unless-none')


_Moment = Annotated[dt.datetime, _written(_in_utc)]
_Id = Annotated[int, Field(ge=1)]

#: What pydantic takes a column's values for, by the column's class or the nearest base of it.
KINDS: Final[dict[type, Any]] = {
    Integer: int,
    Float: float,
    Decimal: Annotated[decimal.Decimal, Field(allow_inf_nan=True)],
    Boolean: bool,
    Text: str,
    String: Annotated[bytes, _written(_in_base64)],
    Json: Any,
    DateTime: _Moment,
    Date: dt.date,
    Time: dt.time,
    ManyToOne: _Id,
    OneToOne: _Id,
    ForeignModel: int,
    Column: Any,
}

#: What comes before pydantic's own reading of a value.
BEFORE: Final[dict[type, Taken]] = {
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

#: Where pydantic cannot tell by itself.
JSON_SCHEMAS: Final[dict[type, dict[str, Any]]] = {
    String: {'type': 'string', 'contentEncoding': 'base64'},
    Json: {'anyOf': [{'type': 'object', 'additionalProperties': True}, {'type': 'array'}]},
    DateTime: {'type': 'string', 'format': 'date-time'},
}
