"""Column types: the attributes that a model declares."""

from rom._core.columns.base import Column
from rom._core.columns.expire_at import ExpireAt
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

__all__ = [
    'Boolean',
    'Column',
    'Date',
    'DateTime',
    'Decimal',
    'ExpireAt',
    'Float',
    'ForeignModel',
    'IndexOnly',
    'Integer',
    'Json',
    'ManyToOne',
    'OneToMany',
    'OneToOne',
    'PrimaryKey',
    'SaferDateTime',
    'String',
    'Text',
    'Time',
    'UnsafeColumn',
]
