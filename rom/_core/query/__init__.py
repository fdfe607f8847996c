"""Queries: what is asked, as immutable data, and how it is put to the server."""

from typing import TYPE_CHECKING

from rom._core.query.query import Query
from rom._core.query.selection import (
    _dict_data_factory,
    _list_data_factory,
    _namedtuple_data_factory,
    _tuple_data_factory,
)
from rom._core.support.lazy_import import lazily

if not TYPE_CHECKING:
    # Names that rom 1.x had here as well.
    __getattr__ = lazily(
        __name__,
        {
            'ALLOWED_DIST': 'rom._core.query.geo_filters',
            'NOT_NULL': 'rom._core.query.filters',
            'NUMERIC_TYPES': 'rom._core.columns.column_lists',
            'QueryError': 'rom.exceptions',
        },
    )

__all__ = ['Query']
