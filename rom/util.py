"""The names that programs written for rom 1.x import from `rom.util`, and nothing else."""

from __future__ import annotations

from typing import Any

import redis

from rom.classproperty import ClassProperty
from rom.drivers import connection as _connection
from rom.drivers.connection import set_connection_settings
from rom.encoding.keygens import (
    CASE_INSENSITIVE,
    FULL_TEXT,
    IDENTITY,
    IDENTITY_CI,
    IDENTITY_STRING,
    IDENTITY_STRING_CI,
    SIMPLE,
    SIMPLE_CI,
)
from rom.sessions import session

__all__ = [
    'CASE_INSENSITIVE',
    'CONNECTION',
    'FULL_TEXT',
    'IDENTITY',
    'IDENTITY_CI',
    'IDENTITY_STRING',
    'IDENTITY_STRING_CI',
    'SIMPLE',
    'SIMPLE_CI',
    'ClassProperty',
    'get_connection',
    'session',
    'set_connection_settings',
]

#: A program may put a client here; it then serves every model that has none of its own.
CONNECTION: redis.Redis | None = None


def get_connection() -> redis.Redis:
    """The client for models that have none of their own. A program may replace this function.

    Example::

        rom.util.get_connection().ping()
    """
    return CONNECTION if CONNECTION is not None else _connection.default()


def _connect(obj: Any) -> redis.Redis:
    """The client of a model or an entity, under the name that 1.x gave it."""
    return _connection.connection_of(obj)


def _in_force() -> redis.Redis:
    """Looks the function up anew at every call, for programs replace it."""
    return get_connection()


_connection.provide_with(_in_force)
