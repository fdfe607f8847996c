"""The Lua scripts: found, put together, and known by their digest.

A line `-- @include lib/x` stands for the text of `lua/lib/x.lua`, once in a script, however often
it is asked for; `-- @include lib/x if y` does so where the caller asks for the part `y`. Such a
line may be indented: then what it brings in is part of the function around it, made when that is
called, and known only there; so another function may bring it in again. Redis knows a script by
its SHA1 digest; a server that has forgotten it, or never knew it, says NOSCRIPT, and the driver
loads it and repeats just that call.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

_INCLUDE = re.compile(r'( *)-- @include (\S+)(?: if (\S+))?$')


class Loaded(NamedTuple):
    """A script as the server gets it."""

    source: str
    digest: str
    digest_as_sent: bytes


@cache
def folder() -> Traversable:
    """Where the Lua files are: in the package, as installed, or beside it, in a checkout.

    Raises:
        FileNotFoundError: neither; the installation is broken.
    """
    for place in (files('rom') / 'lua', Path(__file__).parents[3] / 'lua'):
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
    return ''.join(_lines(name, parts, set()))


def _lines(path: str, parts: frozenset[str] | None, known: set[str]) -> Iterator[str]:
    """A file's lines; `known` is what was brought in before, in the same place or around it."""
    room: set[str] | None = None
    for line in _read(path).splitlines(keepends=True):
        include = _INCLUDE.match(line)
        if include is None:
            yield line
            if line[0] not in ' \n':
                room = None
            continue
        indent, lib, part = include.groups()
        if indent and room is None:
            room = set(known)
        place = room if indent and room is not None else known
        if lib in place or (part and parts is not None and part not in parts):
            continue
        place.add(lib)
        for inner in _lines(lib, parts, place):
            yield inner if inner == '\n' else indent + inner


@cache
def _read(path: str) -> str:
    place = folder()
    for part in f'{path}.lua'.split('/'):
        place = place / part
    return place.read_text('utf-8')


@cache
def loaded(name: str, parts: frozenset[str] | None = None) -> Loaded:
    """A script, with these parts, ready to be called; read once in a process."""
    text = source(name, parts)
    digest = hashlib.sha1(text.encode('utf-8'), usedforsecurity=False).hexdigest()
    return Loaded(text, digest, digest.encode())
