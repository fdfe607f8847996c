"""Column types: the attributes that a model declares."""

from typing import TYPE_CHECKING

from rom.columns.base import Column
from rom.columns.expiry import ExpireAt
from rom.columns.foreign import ForeignModel
from rom.columns.index_only import IndexOnly
from rom.columns.relations import ManyToOne, OneToMany, OneToOne
from rom.columns.scalars import Boolean, Decimal, Float, Integer, Json, PrimaryKey
from rom.columns.temporal import Date, DateTime, SaferDateTime, Time
from rom.columns.text import String, Text
from rom.columns.unsafe import UnsafeColumn
from rom.lazily import lazily

if not TYPE_CHECKING:
    # Names that rom 1.x exported from this module.
    _ERRORS = (
        'ColumnError',
        'InvalidColumnValue',
        'InvalidOperation',
        'MissingColumn',
        'ORMError',
        'RestrictError',
    )
    __getattr__ = lazily(
        __name__,
        {
            'COLUMN_TYPES': 'rom.columns.kinds',
            'ON_DELETE': 'rom.columns.relations',
            **dict.fromkeys(('MODELS', 'MODELS_REFERENCED', 'SKIP_ON_DELETE'), 'rom.registry'),
            **dict.fromkeys(_ERRORS, 'rom.exceptions'),
        },
    )

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
