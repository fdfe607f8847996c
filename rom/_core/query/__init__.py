"""Queries: immutable data, the methods that build them, and their plans."""

from rom._core.query.query import Query

__all__ = ['Query']
