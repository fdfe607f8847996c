"""The columns that a model is made of."""

from rom.columns.base import Column
from rom.columns.expiry import ExpireAt
from rom.columns.foreign import ForeignModel
from rom.columns.index_only import IndexOnly
from rom.columns.relations import ManyToOne, OneToMany, OneToOne
from rom.columns.scalars import Boolean, Decimal, Float, Integer, Json, PrimaryKey
from rom.columns.temporal import Date, DateTime, SaferDateTime, Time
from rom.columns.text import String, Text
from rom.columns.unsafe import UnsafeColumn

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
