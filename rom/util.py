"""The names that programs written for rom 1.x import from `rom.util`, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
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
from rom.encoding.scores import prefix_score, write_score
from rom.encoding.text import as_bytes
from rom.locks import EntityLock, Lock
from rom.maintenance import (
    clean_old_index,
    clean_unsafe_cols,
    refresh_all_indexes,
    refresh_indices,
    show_progress,
)
from rom.schema import group_value
from rom.scripting import LoadedScript
from rom.sessions import Session, session
from rom.sessions.identity import use_null_session, use_rom_session

__all__ = [
    'CASE_INSENSITIVE',
    'CONNECTION',
    'ClassProperty',
    'EntityLock',
    'FULL_TEXT',
    'IDENTITY',
    'IDENTITY_CI',
    'IDENTITY_STRING',
    'IDENTITY_STRING_CI',
    'Lock',
    'SIMPLE',
    'SIMPLE_CI',
    'Session',
    'clean_old_index',
    'clean_unsafe_cols',
    'get_connection',
    'refresh_all_indexes',
    'refresh_indices',
    'session',
    'set_connection_settings',
    'show_progress',
    'use_null_session',
    'use_rom_session',
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


def _script_load(script: str) -> LoadedScript:
    """A Lua script of the program's own, as something to call."""
    return LoadedScript(script)


def _prefix_score(v: str | bytes, next: bool = False) -> str:
    """The number by which a string sorts; with `next`, the end of the range that it begins."""
    return write_score(prefix_score(v, after=next)).decode('ascii')


def _encode_unique_constraint(data: Iterable[str | bytes]) -> str:
    """The values of a group of columns, as the hash of unique values has them."""
    return group_value(map(as_bytes, data)).decode('utf-8')


def _in_force() -> redis.Redis:
    """Looks the function up anew at every call, for programs replace it."""
    return get_connection()


_connection.provide_with(_in_force)
