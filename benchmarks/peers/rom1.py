"""rom 1.1.2: the same program, in an environment that has that version."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache

import rom
import rom.index
import rom.model
import rom.query
import rom.util
from benchmarks.peers.base import connect
from benchmarks.peers.program import Program

assert rom.VERSION == '1.1.2', f'{rom.__file__} is rom {rom.VERSION}'


def _scripts() -> Iterator[str | bytes]:
    """All its Lua scripts."""
    for module in (rom.index, rom.model, rom.query, rom.util):
        for value in vars(module).values():
            if getattr(value, '__qualname__', '') == '_script_load.<locals>.call':
                yield inspect.getclosurevars(value).nonlocals['script']


@cache
def _load_scripts(socket: str) -> None:
    """Load them where they are not yet known.

    A process of rom 1.1.2 sends a script once, and takes it for known to every server from then on;
    here it works on several.
    """
    for script in _scripts():
        connect(socket, 0).script_load(script)


class Implementation(Program):
    """rom 1.1.2, as its documents say."""

    cannot = dict.fromkeys(('total', 'facets'), 'rom 1.1.2 has no aggregates')

    def use(self, socket: str, db: int) -> None:
        _load_scripts(socket)
        super().use(socket, db)
