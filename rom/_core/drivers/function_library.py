"""The library of server functions: the scripts that only read, with definitions made once.

Redis runs through the definitions of a script at each EVALSHA. A function of a library keeps them,
from its first call on. So a script says with the line `-- @each call` what is done at each call:
all before that line is done once. A script that notes anything in a local or a table of its own
before the line would find it at the next call. lua/lib/call.lua has what it may note.

The names of the library and of its functions carry a digest of the text. So several versions of rom
can use one server, and none of them replaces the library of another.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from rom._core.drivers.scripts import parts_of, source

#: The line of a script that begins what is done at each call.
EACH_CALL: Final = '-- @each call\n'
#: The scripts of the library. They write nothing.
SCRIPTS: Final = ('load', 'search')
#: Parts that replace functions of the script for their call, so they cannot be kept.
_LEFT_OUT: Final = frozenset(('plan', 'report'))

_FUNCTION: Final = """\
do
local KEYS, ARGV, call
local function define()
{once}
return function()
{each}
end
end
redis.register_function{{
function_name = '{library}_{name}',
callback = function(keys, argv)
KEYS, ARGV = keys, argv
call = call or define()
return call()
end,
flags = {{'no-writes'}},
}}
end
"""


class Library(NamedTuple):
    """The library as the server gets it.

    Attributes:
        name: the name, with the digest of the text.
        text: the argument of FUNCTION LOAD.
    """

    name: str
    text: bytes


@cache
def library() -> Library:
    """Return the library of this version of rom; it is put together once per process."""
    halves = {name: _halves(name) for name in SCRIPTS}
    digest = hashlib.sha1(
        repr((_FUNCTION, halves)).encode('utf-8'), usedforsecurity=False
    ).hexdigest()
    name = f'rom_{digest[:16]}'
    functions = [
        _FUNCTION.format(library=name, name=script, once=once, each=each)
        for script, (once, each) in halves.items()
    ]
    return Library(name, ''.join([f'#!lua name={name}\n', *functions]).encode('utf-8'))


@cache
def function_of(name: str, parts: frozenset[str] | None) -> bytes | None:
    """Return the name of the function of a script; None: the script is not in the library.

    Args:
        name: the name of the script.
        parts: the conditional parts that the call needs; None: all.
    """
    needed = parts_of(name) if parts is None else parts
    if name not in SCRIPTS or needed & _LEFT_OUT:
        return None
    return f'{library().name}_{name}'.encode()


def _halves(name: str) -> tuple[str, str]:
    """Return what a script does once, and at each call, without comments and indentation."""
    once, each = source(name, parts_of(name) - _LEFT_OUT).split(EACH_CALL)
    return ''.join(_bare(once)), ''.join(_bare(each))


def _bare(text: str) -> Iterator[str]:
    for line in text.splitlines():
        bare = line.strip()
        if bare and not bare.startswith('--'):
            yield f'{bare}\n'
