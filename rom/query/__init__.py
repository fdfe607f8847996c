"""Queries: what is asked, as immutable data, and how it is put to the server."""

from rom.query.builder import Query
from rom.query.selection import (
    _dict_data_factory,
    _list_data_factory,
    _namedtuple_data_factory,
    _tuple_data_factory,
)

__all__ = ['Query']
