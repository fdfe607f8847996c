"""Column types: the attributes that a model declares."""

from typing import TYPE_CHECKING

from rom._core.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    ExpireAt,
    Float,
    ForeignModel,
    IndexOnly,
    Integer,
    Json,
    ManyToOne,
    OneToMany,
    OneToOne,
    PrimaryKey,
    SaferDateTime,
    String,
    Text,
    Time,
    UnsafeColumn,
)
from rom._core.support.lazy_import import lazily

if not TYPE_CHECKING:
    # Names that rom 1.x had here as well.
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
