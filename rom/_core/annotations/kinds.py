"""Kinds: the class of columns for each type, with the options that the type implies."""

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import types
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from rom._core.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    Float,
    Integer,
    Json,
    String,
    Text,
    Time,
)
from rom._core.columns.addresses import IPAddress
from rom._core.columns.durations import Duration
from rom._core.columns.enums import Enum
from rom._core.columns.lists import List, Set
from rom._core.columns.typed import Typed
from rom._core.columns.uuids import UUID
from rom._core.encoding.keygens import IDENTITY
from rom._core.entities.metaclass import ModelMeta


class Kind(NamedTuple):
    """A class of columns for a type.

    Attributes:
        column: the class.
        arguments: the positional arguments of its constructor.
        options: options that the type implies.
        keygen: the keygen of an index, where the type allows only one that makes sense.
        item: the type of the elements of a collection.
    """

    column: type[Column[Any]]
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = {}
    keygen: Any = None
    item: Any = None


class NoKind(Exception):
    """A type has no kind; the message says why, and what to do instead."""


class OfType:
    """A validator that accepts the values of one type, where a column accepts those of several."""

    def __init__(self, type: type) -> None:
        self.type = type

    def __call__(self, value: Any) -> None:
        if not isinstance(value, self.type):
            raise ValueError(f'expected an {self.type.__name__}')


def _address(form: Any) -> Kind:
    return Kind(IPAddress, options={'validators': (OfType(form),)})


def _of(column: type[Column[Any]]) -> Callable[[Any], Kind]:
    return lambda form: Kind(column)


def _literal(form: Any) -> Kind:
    values = get_args(form)
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return Kind(Text, options={'choices': values}, keygen=IDENTITY)
    if kinds == {int}:
        return Kind(Integer, options={'choices': values})
    raise NoKind('expected the values of a Literal to be all str, or all int; or use an Enum')


def _collection(column: type[Column[Any]]) -> Callable[[Any], Kind]:
    def make(form: Any) -> Kind:
        if not get_args(form):
            raise NoKind('name the type of the elements, as in list[str]; or use rom.Json()')
        element = get_args(form)[0]
        if _is_validated(element):
            return Kind(Typed, (form,))
        return Kind(column, item=element)

    return make


def _is_validated(form: Any) -> bool:
    """Return whether pydantic validates a type that has no column of its own."""
    return dataclasses.is_dataclass(form) or hasattr(form, '__pydantic_validator__')


#: The kind by the type itself, or by the origin of a generic type.
KINDS: Final[dict[Any, Callable[[Any], Kind]]] = {
    str: _of(Text),
    int: _of(Integer),
    float: _of(Float),
    bool: _of(Boolean),
    bytes: _of(String),
    decimal.Decimal: _of(Decimal),
    dt.datetime: _of(DateTime),
    dt.date: _of(Date),
    dt.time: _of(Time),
    dt.timedelta: _of(Duration),
    uuid.UUID: _of(UUID),
    ipaddress.IPv4Address: _address,
    ipaddress.IPv6Address: _address,
    dict: _of(Json),
    Mapping: _of(Json),
    MutableMapping: _of(Json),
    Literal: _literal,
    list: _collection(List),
    set: _collection(Set),
}

_BOTH_ADDRESSES: Final = {ipaddress.IPv4Address, ipaddress.IPv6Address}


def kind_of(form: Any) -> Kind:
    """Return the kind of a type, without None and without metadata.

    Raises:
        NoKind: rom has no column of that type.

    >>> kind_of(int).column.__name__, kind_of(Literal['a', 'b']).options
    ('Integer', {'choices': ('a', 'b')})
    """
    origin = get_origin(form)
    if origin in (Union, types.UnionType):
        if {*get_args(form)} == _BOTH_ADDRESSES:
            return Kind(IPAddress)
        raise NoKind('expected one type, or one type and None')
    if isinstance(form, type) and issubclass(form, enum.Enum):
        return Kind(Enum, (form,))
    if hasattr(form, '__required_keys__'):  # a TypedDict, also that of typing_extensions
        return Kind(Json)
    make = KINDS.get(form if origin is None else origin)
    if make is not None:
        return make(form)
    if isinstance(form, ModelMeta):
        raise NoKind('a model is a relation: use Ref[...] with rom.relation(on_delete=...)')
    if _is_validated(form):
        return Kind(Typed, (form,))
    raise NoKind(
        'rom has no column of this type; declare the column itself, as in '
        'name: Mapped[...] = rom.Typed(...), for a type that pydantic validates, or rom.Json()'
    )


#: The classes of columns of which a type chooses one. Others, a program's own, fit any type.
CHOSEN: Final = (
    Boolean, Date, DateTime, Decimal, Duration, Enum, Float, Integer, IPAddress, Json, List, Set,
    String, Text, Time, Typed, UUID,
)  # fmt: skip
