"""Lists of column types that rom 1.x exported, for programs that read them."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

from rom._core.columns.base import Column
from rom._core.columns.foreign import ForeignModel
from rom._core.columns.index_only import IndexOnly
from rom._core.columns.mutable import Json
from rom._core.columns.one_to_many import OneToMany
from rom._core.columns.primary_key import PrimaryKey
from rom._core.columns.relations import ManyToOne, OneToOne
from rom._core.columns.scalars import Boolean, Decimal, Float, Integer
from rom._core.columns.temporal import Date, DateTime, SaferDateTime, Time
from rom._core.columns.text import String, Text
from rom._core.columns.unsafe import UnsafeColumn

#: The classes of columns.
COLUMN_TYPES: list[type[Any]] = [
    Column,
    Integer,
    Boolean,
    Float,
    Decimal,
    DateTime,
    SaferDateTime,
    Date,
    Time,
    String,
    Text,
    Json,
    PrimaryKey,
    ManyToOne,
    ForeignModel,
    OneToMany,
    OneToOne,
    IndexOnly,
    UnsafeColumn,
]

#: The Python types whose values are indexed by a number without a keygen.
NUMERIC_TYPES: tuple[type, ...] = (
    int,
    float,
    decimal.Decimal,
    datetime.datetime,
    datetime.date,
    datetime.time,
)
