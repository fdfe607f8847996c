"""Reserving: no program is given an id that is still to be loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from rom.drivers.connection import connection_of
from rom.drivers.sync import SyncDriver
from rom.model import Model
from rom.ops.ahead import highest_of, put_ahead

# A line as `line_of` writes it begins so: no need to read all of it.
_HEAD = re.compile(rb'\{"model": "([^"\\]+)", "id": (\d{1,18}),')


def reserve(lines: Iterable[bytes], *models: type[Model]) -> dict[type[Model], int]:
    """Put the counters of ids ahead of all that are in lines, which are to be loaded later.

    Then programs may make new entities while the lines are loaded. A line that makes no sense does
    not matter here.

    Args:
        lines: as :func:`load` takes them.
        *models: whose lines may be there.

    Returns:
        The highest id of each model that has lines.

    Example::

        with open('users.jsonl', 'rb') as file:
            rom.lines.reserve(file, User)
            file.seek(0)
            for done in rom.lines.load(file, User):
                print(done.line)
    """
    highest = highest_in(lines, models)
    for model, id in highest.items():
        SyncDriver(connection_of(model)).run(put_ahead({model._schema: id}))
    return highest


# What the front for asyncio needs, too.


def highest_in(lines: Iterable[bytes], models: Iterable[type[Model]]) -> dict[type[Model], int]:
    """The highest id of each model in lines."""
    named: dict[str, type[Model]] = {}
    for model in models:
        named[model._namespace] = named[model.__name__] = model
    by_schema = {model._schema: model for model in named.values()}
    found = highest_of((named[name]._schema, id) for name, id in _ids(lines) if name in named)
    return {by_schema[schema]: id for schema, id in found.items()}


def _ids(lines: Iterable[bytes]) -> Iterator[tuple[str, int]]:
    for text in lines:
        head = _HEAD.match(text)
        if head is not None:
            yield head[1].decode('utf-8', 'replace'), int(head[2])
            continue
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            continue
        name, id = (said.get('model'), said.get('id')) if isinstance(said, Mapping) else (0, 0)
        if isinstance(name, str) and isinstance(id, int) and 0 < id < 2**63:
            yield name, id
