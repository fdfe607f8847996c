"""The Lua scripts: found, put together, and known by their digest.

A line `-- @include lib/x` stands for the text of `lua/lib/x.lua`, once in a script, however often
it is asked for; `-- @include lib/x if y` does so where the caller asks for the part `y`. Redis
knows a script by its SHA1 digest; a server that has forgotten it, or never knew it, says NOSCRIPT,
and the driver loads it and repeats just that call.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

_INCLUDE = re.compile(r'^-- @include (\S+)(?: if (\S+))?$', re.MULTILINE)


class Loaded(NamedTuple):
    """A script as the server gets it."""

    source: str
    digest: str


@cache
def folder() -> Traversable:
    """Where the Lua files are: in the package, as installed, or beside it, in a checkout.

    Raises:
        FileNotFoundError: neither; the installation is broken.
    """
    for place in (files('rom') / 'lua', Path(__file__).parents[2] / 'lua'):
        if (place / 'commit.lua').is_file():
            return place
    raise FileNotFoundError(
        "rom's Lua files are missing: neither rom/lua in the package nor lua/ beside it has "
        'commit.lua; install rom again'
    )


def names() -> list[str]:
    """The names of all scripts, sorted."""
    return sorted(
        place.name.removesuffix('.lua')
        for place in folder().iterdir()
        if place.name.endswith('.lua')
    )


def source(name: str, parts: frozenset[str] | None = None) -> str:
    """A script's whole text, with what it includes in place.

    Args:
        name: the script's.
        parts: of what it includes on condition, only this; None: all.
    """
    included: set[str] = set()

    def text_of(path: str) -> str:
        place = folder()
        for part in f'{path}.lua'.split('/'):
            place = place / part
        return _INCLUDE.sub(include, place.read_text('utf-8'))

    def include(line: re.Match[str]) -> str:
        path, part = line[1], line[2]
        if path in included or (part and parts is not None and part not in parts):
            return ''
        included.add(path)
        return text_of(path)

    return text_of(name)


@cache
def loaded(name: str, parts: frozenset[str] | None = None) -> Loaded:
    """A script, with these parts, ready to be called; read once in a process."""
    text = source(name, parts)
    return Loaded(text, hashlib.sha1(text.encode('utf-8'), usedforsecurity=False).hexdigest())
