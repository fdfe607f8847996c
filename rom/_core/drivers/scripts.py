"""Lua scripts: found, assembled from their parts, and identified by their digest.

A line `-- @include lib/x` stands for the text of `lua/lib/x.lua`, which a script includes only
once. `-- @include lib/x if y` includes it only if the caller asks for the part `y`. An indented
line makes the text local to the function around it, so another function may include it again.

Redis identifies a script by its SHA1 digest. A server that does not have the script replies
NOSCRIPT; the driver then sends the text, and repeats only that call.
"""

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
    """The text of a script as it is sent to the server, and its digest."""

    source: str
    digest: str
    digest_as_sent: bytes


@cache
def folder() -> Traversable:
    """Return the folder of the Lua files: in the installed package, or beside it in a checkout.

    Raises:
        FileNotFoundError: neither has them; the installation is broken.
    """
    for place in (files('rom') / 'lua', Path(__file__).parents[3] / 'lua'):
        if (place / 'commit.lua').is_file():
            return place
    raise FileNotFoundError(
        "rom's Lua files are missing: neither rom/lua in the package nor lua/ beside it has "
        'commit.lua; install rom again'
    )


def names() -> list[str]:
    """Return the names of all scripts, sorted."""
    return sorted(
        place.name.removesuffix('.lua')
        for place in folder().iterdir()
        if place.name.endswith('.lua')
    )


def source(name: str, parts: frozenset[str] | None = None) -> str:
    """Return a script's whole text, with its includes.

    Args:
        name: the name of the script.
        parts: the conditional parts to include; None: all.
    """
    return ''.join(_lines(name, parts, set()))


@cache
def parts_of(name: str) -> frozenset[str]:
    """Return the names of a script's conditional parts."""
    found, known, left = set(), {name}, [name]
    while left:
        for line in _read(left.pop()).splitlines():
            include = _INCLUDE.match(line)
            if include is None:
                continue
            _, lib, part = include.groups()
            found |= {part} if part else set()
            if lib not in known:
                known.add(lib)
                left.append(lib)
    return frozenset(found)


def _lines(path: str, parts: frozenset[str] | None, known: set[str]) -> Iterator[str]:
    """Yield a file's lines; `known` names the files that this scope or an outer one includes."""
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
    """Return a script with these parts; it is read once per process."""
    text = source(name, parts)
    digest = hashlib.sha1(text.encode('utf-8'), usedforsecurity=False).hexdigest()
    return Loaded(text, digest, digest.encode())
