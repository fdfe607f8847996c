"""Server functions: whether a client calls them, and the errors that mean that it cannot.

A function is called without asking first whether the server has it. A server that lacks the library
says so, and the driver loads it. A server that refuses functions gets no more calls of them: those
before 7.0, users without the right, some services and proxies. Then scripts go by EVALSHA.
"""

from __future__ import annotations

import os
import re
from math import inf
from typing import Any, Final

import redis.asyncio
import redis.exceptions

from rom._core.drivers.busy_wait import clock
from rom._core.drivers.function_library import library
from rom._core.ops.requests import Command, Script
from rom._core.support.public_names import publish
from rom.exceptions import InvalidOperation

#: Seconds until the library is loaded again after the server refused it for a reason that passes,
#: such as OOM.
PAUSE: Final = 60.0
#: Seconds until a function is called again that the server lacks although its library was loaded:
#: a replica does not have it yet, or a proxy sends the call to another server than the library.
LAG: Final = 1.0

_NAME: Final = '_rom_functions_from'
_LOADING: Final = '_rom_functions_loading'
_UNKNOWN: Final = re.compile(r'(ERR )?Function not found', re.IGNORECASE)
# The code is there for some classes of the client library only. The name of the command comes
# early: arguments of the program, which some servers quote, come later. Only the name of a user,
# which may be long, comes before it.
_DENIED: Final = "(NOPERM )?User .* has no permissions to run the '"
_REFUSED: Final = re.compile(
    rf'((?!(NOPERM )?User ).{{0,80}}?|{_DENIED})\bfcall', re.IGNORECASE | re.DOTALL
)
_LASTING: Final = re.compile(
    rf'.{{0,80}}?(permission|unknown|unsupported|not supported)|{_DENIED}', re.I | re.DOTALL
)

_CLIENTS: Final = (
    redis.Redis,
    redis.RedisCluster,
    redis.asyncio.Redis,
    redis.asyncio.RedisCluster,
)
# The place of notes on clients that have none themselves: they are never told apart.
_NOWHERE: Final[dict[str, Any]] = {}

_is_allowed = True


def use_server_functions(wanted: bool, connection: Any = None) -> None:
    """Set whether searches and loads call server functions, which is faster; they do by default.

    Redis has functions from 7.0 on. The first search loads the library of rom into the server,
    which keeps it with its data. Where the server refuses that, rom sends scripts as before, so
    this setting is for servers that should not get a library, and for proxies that close the
    connection at a command they do not know. Choose it before the first search.

    Args:
        wanted: False: send scripts by EVALSHA only.
        connection: the client that the setting is for, and the asyncio client that rom makes for
            it; None: all clients of the program. For the client of a URL, the option
            ``server_functions=no`` of the URL does the same.

    Raises:
        InvalidOperation: the connection is of a class that takes no setting.

    Example::

        rom.util.use_server_functions(False)
    """
    global _is_allowed
    if connection is None:
        _is_allowed = wanted
        return
    if not isinstance(connection, _CLIENTS):
        raise InvalidOperation(
            f'use_server_functions: expected a client of redis-py, got {connection!r}. '
            'Pass a redis.Redis, redis.RedisCluster or one of redis.asyncio'
        )
    _place(connection)[_NAME] = 0.0 if wanted else inf


def _place(client: Any) -> dict[str, Any]:
    """Return the attributes of a client's pool or, without a pool, of the client.

    Read from `__dict__`, because the lazy client of a cluster connects if an attribute is missing.
    """
    own: dict[str, Any] = getattr(client, '__dict__', _NOWHERE)
    pool = own.get('connection_pool')
    return own if pool is None else getattr(pool, '__dict__', own)


def are_used(client: Any) -> bool:
    """Tell whether a client calls server functions now."""
    since = _place(client).get(_NAME)
    return _is_allowed and (since is None or (since != inf and since <= clock()))


def are_forbidden(client: Any) -> bool:
    """Tell whether the program, or the server for good, lets a client call no functions."""
    return _place(client).get(_NAME) == inf


def load_command(request: Command | Script) -> Command:
    """Return the command that loads the library into the master that a request goes to."""
    return Command('FUNCTION', 'LOAD', library().text, key=request.key)


def begin_loading(client: Any) -> bool:
    """Note that a client loads the library; return whether no other call of it does already."""
    own = object()
    return _place(client).setdefault(_loading_here(), own) is own


def end_loading(client: Any) -> None:
    """Note that a client has loaded the library, or has failed."""
    _place(client).pop(_loading_here(), None)


def _loading_here() -> str:
    """Return the name of the note, which says nothing to a process that is forked meanwhile."""
    return f'{_LOADING}_{os.getpid()}'


def is_unknown_function(error: object) -> bool:
    """Tell whether the server lacks the library."""
    is_answer = isinstance(error, redis.exceptions.ResponseError)
    return is_answer and _UNKNOWN.match(str(error)) is not None


def cannot_call(error: object) -> bool:
    """Tell whether the server lacks the library, or refuses the command that calls a function."""
    return is_unknown_function(error) or _is_refused_call(error)


def _is_refused_call(error: object) -> bool:
    is_answer = isinstance(error, redis.exceptions.ResponseError)
    return is_answer and _REFUSED.match(str(error)) is not None


def note_still_unknown(client: Any, error: object) -> None:
    """Note that the server lacks the function after the library was loaded, if this says so."""
    place = _place(client)
    if is_unknown_function(error) and place.get(_NAME) != inf:
        place[_NAME] = clock() + LAG


def note_refused_call(client: Any, error: Exception) -> None:
    """Note that the server refuses the command that calls a function, if this error says so."""
    if _is_refused_call(error):
        note_refusal(client, error)


def note_refusal(client: Any, error: Exception) -> bool:
    """Note that the server refused a function or the library; a lost connection says nothing.

    Returns:
        True: the server has the library already, because another client has just loaded it.
    """
    if not isinstance(error, redis.exceptions.ResponseError):
        return False
    if 'already exists' in str(error):
        return True
    place = _place(client)
    if place.get(_NAME) != inf:
        place[_NAME] = inf if _LASTING.match(str(error)) else clock() + PAUSE
    return False


publish('rom.util', use_server_functions)
