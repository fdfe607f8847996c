"""The names that programs written for rom 1.x import from `rom.util`.

`expire` and `wait_awake` are new.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import redis

from rom import current
from rom.classproperty import ClassProperty
from rom.drivers import connection as _connection
from rom.drivers.connection import set_connection_settings
from rom.drivers.waiting import wait_awake
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
from rom.lazily import lazily
from rom.model import Model
from rom.schema import group_value
from rom.sessions import Session, session
from rom.sessions.identity import use_null_session, use_rom_session

if TYPE_CHECKING:
    from rom.locks import EntityLock, Lock
    from rom.maintenance import (
        clean_old_index,
        clean_unsafe_cols,
        refresh_all_indexes,
        refresh_indices,
        show_progress,
    )
    from rom.scripting import LoadedScript
else:
    _MAINTENANCE = (
        'clean_old_index',
        'clean_unsafe_cols',
        'refresh_all_indexes',
        'refresh_indices',
        'show_progress',
    )
    _OLD_NAMES = (
        'REDIS_URI',
        'STRING_INDEX_KEYGENS',
        'STRING_INDEX_KEYGENS_STR',
        'STRING_SORT_KEYGENS',
        'STRING_SORT_KEYGENS_STR',
        'dt2ts',
        't2ts',
        'ts2dt',
        'ts2t',
    )
    __getattr__ = lazily(
        __name__,
        {
            **dict.fromkeys(('EntityLock', 'Lock'), 'rom.locks'),
            **dict.fromkeys(_MAINTENANCE, 'rom.maintenance'),
            **dict.fromkeys(_OLD_NAMES, 'rom.old_names'),
            **dict.fromkeys(('DataRaceError', 'ORMError'), 'rom.exceptions'),
        },
    )

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
    'expire',
    'get_connection',
    'refresh_all_indexes',
    'refresh_indices',
    'session',
    'set_connection_settings',
    'show_progress',
    'use_null_session',
    'use_rom_session',
    'wait_awake',
]

#: A program may put a client here; it then serves every model that has none of its own.
CONNECTION: redis.Redis | None = None


def get_connection() -> redis.Redis:
    """The client for models that have none of their own. A program may replace this function.

    Example::

        rom.util.get_connection().ping()
    """
    return CONNECTION if CONNECTION is not None else _connection.default()


def expire(
    model: type[Model],
    limit: int | None = None,
    blocksize: int = 1000,
    on_delete: bool = False,
    hooks: bool = False,
) -> int:
    """Remove entities of a model that have expired: those that expired first go first.

    They are removed in blocks, each of which is atomic and takes two trips. It may run beside
    anything, also several times at once: an entity whose time was moved meanwhile stays. What
    expires after the beginning is left for the next time.

    Args:
        model: one with an :class:`rom.ExpireAt`.
        limit: at most so many; None: all.
        blocksize: so many in one block. During each, the server does nothing else, for some 15
            microseconds an entity.
        on_delete: do to what refers to them what its ``on_delete`` says, as `delete` does. It takes
            more trips. Without it, what refers to them reads as None.
        hooks: call ``_before_delete`` and ``_after_delete``. An entity whose ``_before_delete``
            raises stays.

    Returns:
        How many were removed here, without those that others brought with them.

    Raises:
        InvalidOperation: no model with an ExpireAt, or no number from 1 on.
        BulkError: at the end: some could not be removed; its `errors` say why. All others were.

    Example::

        rom.util.expire(Login, limit=10_000)
    """
    return current.session().expire(model, limit, blocksize, on_delete, hooks)


def _connect(obj: Any) -> redis.Redis:
    """The client of a model or an entity, under the name that 1.x gave it."""
    return _connection.connection_of(obj)


def _script_load(script: str) -> LoadedScript:
    """A Lua script of the program's own, as something to call."""
    from rom.scripting import LoadedScript

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
