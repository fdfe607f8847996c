"""Queries: what is asked, as immutable data, and how it is put to the server."""

from typing import TYPE_CHECKING

from rom.lazily import lazily
from rom.query.builder import Query
from rom.query.selection import (
    _dict_data_factory,
    _list_data_factory,
    _namedtuple_data_factory,
    _tuple_data_factory,
)

if not TYPE_CHECKING:
    # Names that rom 1.x had here as well.
    __getattr__ = lazily(
        __name__,
        {
            'ALLOWED_DIST': 'rom.query.near',
            'NOT_NULL': 'rom.query.filters',
            'NUMERIC_TYPES': 'rom.columns.kinds',
            'QueryError': 'rom.exceptions',
        },
    )

__all__ = ['Query']
