"""Column types: the attributes that a model declares."""

from typing import TYPE_CHECKING

from rom._core.columns.base import Column
from rom._core.columns.expiry import ExpireAt
from rom._core.columns.foreign import ForeignModel
from rom._core.columns.index_only import IndexOnly
from rom._core.columns.relations import ManyToOne, OneToMany, OneToOne
from rom._core.columns.scalars import Boolean, Decimal, Float, Integer, Json, PrimaryKey
from rom._core.columns.temporal import Date, DateTime, SaferDateTime, Time
from rom._core.columns.text import String, Text
from rom._core.columns.unsafe import UnsafeColumn
from rom._core.support.lazy_import import lazily

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
            'COLUMN_TYPES': 'rom._core.columns.column_lists',
            'ON_DELETE': 'rom._core.columns.relations',
            **dict.fromkeys(
                ('MODELS', 'MODELS_REFERENCED', 'SKIP_ON_DELETE'), 'rom._core.model_registry'
            ),
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
