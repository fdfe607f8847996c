"""Scripts of a program's own, as rom 1.x loaded them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import redis

from rom._core.drivers.errors import translate_errors


class LoadedScript:
    """A Lua script that is called by its digest, and sent when the server does not know it.

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
        """Run it.

        Args:
            conn: a client, or a pipeline.
            keys: KEYS of the script.
            args: ARGV of the script.
            force_eval: send the whole script. In a pipeline that is always done, for there nothing
                could be said about a script that the server does not know.

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
