"""Queries: what is asked, as immutable data, and how it is put to the server."""

from rom._core.query.query import Query

__all__ = ['Query']
