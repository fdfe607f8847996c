"""Names of rom 1.x that rom itself does not use; `rom.util` and `rom` export them."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Sequence
from typing import Any, Final

import redis

from rom._core.drivers.connections import DEFAULT, VARIABLE
from rom._core.drivers.errors import translate_errors
from rom._core.encoding.keygens import (
    CASE_INSENSITIVE,
    FULL_TEXT,
    IDENTITY,
    IDENTITY_CI,
    SIMPLE,
    SIMPLE_CI,
)
from rom._core.support.caller_warnings import warn


class LoadedScript:
    """A Lua script that is called by its digest, and sent if the server does not have it.

    Example::

        add = rom.util._script_load('return ARGV[1] + ARGV[2]')
        add(rom.util.get_connection(), [], [1, 2])
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode('utf-8'), usedforsecurity=False).hexdigest()

    def __call__(
        self,
        conn: Any,
        keys: Sequence[Any] = (),
        args: Sequence[Any] = (),
        force_eval: bool = False,
    ) -> Any:
        """Run the script, and return its reply.

        Args:
            conn: a client, or a pipeline.
            keys: KEYS of the script.
            args: ARGV of the script.
            force_eval: True: send the whole script. A pipeline always gets the whole script,
                because it could not send it later.

        Raises:
            ServerError: the script failed.
            ServerUnavailable: no answer.
        """
        rest = (len(keys), *keys, *args)
        if force_eval or isinstance(conn, (redis.client.Pipeline, redis.cluster.ClusterPipeline)):
            with translate_errors(conn):
                return conn.execute_command('EVAL', self.text, *rest)
        with translate_errors(conn):
            try:
                return conn.execute_command('EVALSHA', self.digest, *rest)
            except redis.exceptions.NoScriptError:
                return conn.execute_command('EVAL', self.text, *rest)


_EPOCH = dt.datetime(1970, 1, 1)

#: The default server.
REDIS_URI: Final = os.environ.get(VARIABLE, DEFAULT)

#: Keygens for searches of strings, and those that also sort; and their names.
STRING_INDEX_KEYGENS: Final = (
    FULL_TEXT,
    SIMPLE,
    SIMPLE_CI,
    IDENTITY,
    IDENTITY_CI,
    CASE_INSENSITIVE,
)
STRING_SORT_KEYGENS: Final = (SIMPLE, SIMPLE_CI, CASE_INSENSITIVE)
STRING_INDEX_KEYGENS_STR: Final = (
    'FULL_TEXT, SIMPLE, SIMPLE_CI, IDENTITY, IDENTITY_CI, CASE_INSENSITIVE'
)
STRING_SORT_KEYGENS_STR: Final = 'SIMPLE, SIMPLE_CI, CASE_INSENSITIVE'


def dt2ts(value: dt.date) -> float:
    """Return the seconds since 1970 of a date, or of a datetime without a zone, taken as UTC.

    >>> dt2ts(dt.datetime(1970, 1, 2, 0, 0, 1)), dt2ts(dt.date(1970, 1, 2))
    (86401.0, 86400.0)
    """
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    return (value - _EPOCH).total_seconds()


def ts2dt(value: float) -> dt.datetime:
    """Return the datetime, in UTC and without a zone, of seconds since 1970.

    >>> ts2dt(86401.25)
    datetime.datetime(1970, 1, 2, 0, 0, 1, 250000)
    """
    return _EPOCH + dt.timedelta(seconds=value)


def t2ts(value: dt.time) -> float:
    """Return the seconds since midnight of a time of day.

    >>> t2ts(dt.time(1, 2, 3, 500000))
    3723.5
    """
    return (dt.datetime.combine(_EPOCH, value) - _EPOCH).total_seconds()


def ts2t(value: float) -> dt.time:
    """Return the time of day of seconds since midnight.

    >>> ts2t(3723.5)
    datetime.time(1, 2, 3, 500000)
    """
    return ts2dt(value).time()


def _disable_lua_writes() -> None:
    """Do nothing: every server that rom supports runs scripts.

    Warns:
        UserWarning: always.
    """
    _warn('_disable_lua_writes')


def _enable_lua_writes() -> None:
    """Do nothing, as `_disable_lua_writes`: scripts are always used.

    Warns:
        UserWarning: always.
    """
    _warn('_enable_lua_writes')


def _warn(name: str) -> None:
    warn(
        f'rom.{name}() has no effect: rom writes by scripts, which every server that it supports '
        'can run; remove the call',
    )
