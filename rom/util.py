"""The names that programs for rom 1.x import from `rom.util`.

`expire`, `limit_commits`, `set_busy_poll` and `use_server_functions` are new.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import redis

from rom._core import session_context
from rom._core.drivers import connections as _connection
from rom._core.drivers.connections import set_connection_settings
from rom._core.encoding.group_values import group_value
from rom._core.encoding.keygens import (
    CASE_INSENSITIVE,
    FULL_TEXT,
    IDENTITY,
    IDENTITY_CI,
    IDENTITY_STRING,
    IDENTITY_STRING_CI,
    SIMPLE,
    SIMPLE_CI,
)
from rom._core.encoding.scores import prefix_score, write_score
from rom._core.encoding.text import as_bytes
from rom._core.model import Model
from rom._core.sessions import session
from rom._core.support.descriptors import ClassProperty
from rom._core.support.public_names import lazily, publish

if TYPE_CHECKING:
    from rom._core.drivers.busy_wait import set_busy_poll
    from rom._core.drivers.server_functions import use_server_functions
    from rom._core.old_names import LoadedScript
    from rom._core.ops.commits.commit_limits import limit_commits
    from rom._core.sessions import Session
    from rom._core.sessions.identity_map import use_null_session, use_rom_session
    from rom.locks import EntityLock, Lock
    from rom.maintenance import (
        clean_old_index,
        clean_unsafe_cols,
        refresh_all_indexes,
        refresh_indices,
        show_progress,
    )
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
            **dict.fromkeys(_OLD_NAMES, 'rom._core.old_names'),
            **dict.fromkeys(('DataRaceError', 'ORMError'), 'rom.exceptions'),
            **dict.fromkeys(
                ('use_null_session', 'use_rom_session'), 'rom._core.sessions.identity_map'
            ),
            'Session': 'rom._core.sessions.sync_session',
            'limit_commits': 'rom._core.ops.commits.commit_limits',
            'set_busy_poll': 'rom._core.drivers.busy_wait',
            'use_server_functions': 'rom._core.drivers.server_functions',
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
    'limit_commits',
    'refresh_all_indexes',
    'refresh_indices',
    'session',
    'set_busy_poll',
    'set_connection_settings',
    'show_progress',
    'use_null_session',
    'use_rom_session',
    'use_server_functions',
]

#: The client of every model without one of its own; a program may assign it.
CONNECTION: redis.Redis | None = None


def get_connection() -> redis.Redis:
    """Return the client for models without one of their own. A program may replace this function.

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
    """Delete the expired entities of a model, in the order in which they expired.

    They are deleted in blocks, each of which is atomic and takes two round trips. Other programs,
    and other calls of this function, may run at the same time: an entity whose time of expiry is
    changed meanwhile stays. Entities that expire after the start of the call are left.

    Args:
        model: a model with an :class:`rom.ExpireAt`.
        limit: maximum number of entities; None: no maximum.
        blocksize: entities in one block. The server is busy with a block for some 15 microseconds
            an entity.
        on_delete: apply the ``on_delete`` of relations that refer to the entities, as `delete`
            does, in more round trips. Without it, these relations read as None.
        hooks: call ``_before_delete`` and ``_after_delete``. An entity whose ``_before_delete``
            raises stays.

    Returns:
        The number of expired entities deleted, without those that ``on_delete`` deleted with them.

    Raises:
        InvalidOperation: the model has no ExpireAt, or a number is less than 1.
        BulkError: raised at the end if some entities could not be deleted; `errors` has the
            reasons. All others were deleted.

    Example::

        rom.util.expire(Login, limit=10_000)
    """
    return session_context.session().expire(model, limit, blocksize, on_delete, hooks)


def _connect(obj: Any) -> redis.Redis:
    """Return the client of a model or an entity, under the name of rom 1.x."""
    return _connection.connection_of(obj)


def _script_load(script: str) -> LoadedScript:
    """Return a callable for a Lua script of the program."""
    from rom._core.old_names import LoadedScript

    return LoadedScript(script)


def _prefix_score(v: str | bytes, next: bool = False) -> str:
    """Return the score of a string; with `next`, the end of the range of strings it begins."""
    return write_score(prefix_score(v, after=next)).decode('ascii')


def _encode_unique_constraint(data: Iterable[str | bytes]) -> str:
    """Return the unique value of a group of columns."""
    return group_value(map(as_bytes, data)).decode('utf-8')


def _in_force() -> redis.Redis:
    """Call the current `get_connection`, because programs replace it."""
    return get_connection()


_connection.provide_with(_in_force)
publish(__name__, set_connection_settings)
