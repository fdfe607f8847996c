"""The base class of models, and the names that rom 1.x had here."""

from typing import TYPE_CHECKING

from rom._core.model import Model
from rom._core.support.public_names import lazily

if not TYPE_CHECKING:
    # Names that rom 1.x had here as well.
    _COLUMNS = (
        'Column',
        'IndexOnly',
        'ManyToOne',
        'OneToMany',
        'OneToOne',
        'PrimaryKey',
        'Text',
        'UnsafeColumn',
    )
    _ERRORS = (
        'ColumnError',
        'DataRaceError',
        'EntityDeletedError',
        'InvalidColumnValue',
        'InvalidOperation',
        'ORMError',
        'QueryError',
        'UniqueKeyViolation',
    )
    __getattr__ = lazily(
        __name__,
        {
            'ClassProperty': 'rom._core.support.descriptors',
            'GeoIndex': 'rom._core.indexing.geo_index',
            'NUMERIC_TYPES': 'rom._core.columns.column_lists',
            'Query': 'rom._core.query',
            **dict.fromkeys(
                ('MODELS', 'MODELS_REFERENCED', 'SKIP_ON_DELETE'), 'rom._core.model_registry'
            ),
            **dict.fromkeys(_COLUMNS, 'rom._core.columns'),
            **dict.fromkeys(_ERRORS, 'rom.exceptions'),
        },
    )

__all__ = ['Model']
