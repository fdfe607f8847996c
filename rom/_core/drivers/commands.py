"""Requests as commands, for both drivers.

A script is sent in one of three ways, of which the first is the fastest: as the call of a server
function, by its digest, or as its whole text. A server may lack the function or the script, or
refuse functions; then `other_way` returns what to send instead.
"""

from __future__ import annotations

from typing import Any

import redis.exceptions

from rom._core.drivers import server_functions
from rom._core.drivers.function_library import function_of
from rom._core.drivers.scripts import loaded
from rom._core.drivers.slot_scans import NEVER
from rom._core.ops.requests import Command, Script


def command_of(request: Command | Script, client: Any = None) -> tuple[Any, ...]:
    """Return a request as a command: a name and arguments in bytes.

    The packer of hiredis 3.5 crashes the interpreter if a signal interrupts it at a number, so
    numbers are encoded here.

    Args:
        request: the request.
        client: the client that sends it; None: it does not call server functions.
    """
    if isinstance(request, Command):
        return _encoded(request.args)
    if client is not None:
        function = function_of(request.name, request.parts)
        if function is not None and server_functions.are_used(client):
            return ('FCALL_RO', function, *_declared(request.key), request.request)
    return _by_digest(request)


def _by_digest(request: Script) -> tuple[Any, ...]:
    digest = loaded(request.name, request.parts).digest_as_sent
    return ('EVALSHA', digest, *_declared(request.key), request.request)


def _whole(request: Script) -> tuple[Any, ...]:
    source = loaded(request.name, request.parts).source.encode('utf-8')
    return ('EVAL', source, *_declared(request.key), request.request)


def _declared(key: bytes) -> tuple[bytes, ...]:
    """Return the keys that a script declares, after their number.

    A script uses more keys than it declares. While a slot moves to another node of a cluster, some
    keys are here and some are there, and a script would read nil for those that are elsewhere. So
    the scripts of a slot declare a second key, which never exists. A server that gets two keys and
    misses one says TRYAGAIN until the slot has moved, and the driver waits. Only a key with a hash
    tag can have a second one in its slot, and only such keys work on a cluster.
    """
    return (b'2', key, key + NEVER) if b'{' in key else (b'1', key)


def other_way(request: Command | Script, error: Exception) -> tuple[Any, ...] | None:
    """Return the command to send instead, because the server has not begun to run the script.

    Args:
        request: the request.
        error: the server's answer to the command that was sent for it.

    Returns:
        None: the error says something else.
    """
    if not isinstance(request, Script):
        return None
    if isinstance(error, redis.exceptions.NoScriptError):
        return _whole(request)
    return _by_digest(request) if server_functions.cannot_call(error) else None


def read_only(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a command as replicas carry it out: a script may not write there."""
    return (f'{args[0]}_RO', *args[1:]) if args[0] in ('EVAL', 'EVALSHA') else args


def _encoded(args: tuple[Any, ...]) -> tuple[Any, ...]:
    name, *rest = args
    return (name, *[arg if type(arg) is bytes else _as_bytes(arg) for arg in rest])


def _as_bytes(arg: Any) -> Any:
    if isinstance(arg, str):
        return arg.encode('utf-8')
    return b'%d' % arg if isinstance(arg, int) else arg
