"""Reserving: keeps the ids of lines that are still to be loaded from being given out."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from rom._core.drivers.connections import connection_of
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.model import Model
from rom._core.ops.id_counters import put_ahead
from rom.exceptions import LineError
from rom.jsonl.line import Reader

# The beginning of a line that `line_of` wrote. It suffices, so such lines are not parsed as JSON.
_HEAD = re.compile(rb'\{"model": "([^"\\]+)", "id": (\d{1,18}),')

# The number of lines of each model that are checked, those with the highest ids first.
_KEPT = 100


def reserve(lines: Iterable[bytes], *models: type[Model]) -> dict[type[Model], int]:
    """Put the counters above all ids in lines that are to be loaded later.

    Then programs may make new entities while the lines are loaded. An invalid line is left out: its
    id may be anything, even the largest possible one, after which no ids are left.

    Args:
        lines: as :func:`load` takes them.
        *models: the models whose lines may occur.

    Returns:
        The highest id of each model that has lines.

    Example::

        with open('users.jsonl', 'rb') as file:
            rom.jsonl.reserve(file, User)
            file.seek(0)
            for done in rom.jsonl.load(file, User):
                print(done.line)
    """
    highest = highest_in(lines, models)
    for model, id in highest.items():
        SyncDriver(connection_of(model)).run(put_ahead({model._schema: id}))
    return highest


# The asyncio functions use these as well.


def highest_in(lines: Iterable[bytes], models: Iterable[type[Model]]) -> dict[type[Model], int]:
    """Return the highest id of each model in valid lines.

    Checking every line would take as long as loading it. So only the lines with the highest ids are
    kept, and checked at the end.
    """
    named: dict[str, type[Model]] = {}
    for model in models:
        named[model._namespace] = named[model.__name__] = model
    reader = Reader(named.values())
    kept: dict[type[Model], list[tuple[int, int, bytes]]] = {}
    for number, (name, id, text) in enumerate(_ids(lines)):
        if name in named:
            _keep(kept.setdefault(named[name], []), (id, number, text))
    highest = {model: _highest(reader, those) for model, those in kept.items()}
    return {model: id for model, id in highest.items() if id}


def _keep(heap: list[tuple[int, int, bytes]], line: tuple[int, int, bytes]) -> None:
    if len(heap) < _KEPT:
        heapq.heappush(heap, line)
    elif line[0] > heap[0][0]:
        heapq.heapreplace(heap, line)


def _highest(reader: Reader, heap: Iterable[tuple[int, int, bytes]]) -> int:
    for id, number, text in sorted(heap, reverse=True):
        try:
            reader.read(number, text)
        except LineError:
            continue
        return id
    return 0


def _ids(lines: Iterable[bytes]) -> Iterator[tuple[str, int, bytes]]:
    for text in lines:
        head = _HEAD.match(text)
        if head is not None:
            yield head[1].decode('utf-8', 'replace'), int(head[2]), text
            continue
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            continue
        name, id = (said.get('model'), said.get('id')) if isinstance(said, Mapping) else (0, 0)
        if isinstance(name, str) and isinstance(id, int) and 0 < id < 2**63:
            yield name, id, text
