"""Column types: the attributes that a model declares.

`__all__` leaves out `Enum` and `UUID`, which would shadow names of the standard library, and the
other types that are younger than rom 1.x.
"""

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
from rom._core.support.public_names import lazily

if TYPE_CHECKING:
    from rom._core.columns.addresses import IPAddress as IPAddress
    from rom._core.columns.durations import Duration as Duration
    from rom._core.columns.enums import Enum as Enum
    from rom._core.columns.lists import List as List
    from rom._core.columns.lists import Set as Set
    from rom._core.columns.many_to_many import ManyToMany as ManyToMany
    from rom._core.columns.typed import Typed as Typed
    from rom._core.columns.uuids import UUID as UUID
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
            'Duration': 'rom._core.columns.durations',
            'Enum': 'rom._core.columns.enums',
            'IPAddress': 'rom._core.columns.addresses',
            'List': 'rom._core.columns.lists',
            'Set': 'rom._core.columns.lists',
            'ManyToMany': 'rom._core.columns.many_to_many',
            'Typed': 'rom._core.columns.typed',
            'UUID': 'rom._core.columns.uuids',
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
