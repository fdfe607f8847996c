"""Stamps: which indexes a model's data has, kept beside the data.

The stamp is a plain telling of the declared indexes (JSON under `N:P:indexes`), so that a program
can see whether the indexes it declares are those that the data has, and which went out of use. It
begins with the first id that is ever taken, as the bitmap of live ids does: what is written from
then on is indexed as declared. After a change of the declaration only a reindex, or a check that
left nothing unmended, makes a new one. Data that is older than stamps has none, and nothing is
known of it.

What a keygen or a callback does is not in it, only its name: bytecode is another with each Python.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from rom._core.columns import Column
from rom._core.encoding.integers import LARGEST_ID, read_digits
from rom._core.encoding.text import as_text, shorten, show
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.schema import Schema, Unique
from rom.exceptions import CorruptRowError

#: What is indexed, to how: 'age' to 'Integer: index', 'unique a:b', 'geo home'.
Declared = Mapping[str, str]

UNIQUE, GEO = 'unique ', 'geo '


def declared_by(schema: Schema) -> dict[str, str]:
    """The indexes that a model declares."""
    found = {name: _how(index.column) for name, index in schema.indexes.items()}
    for unique in schema.uniques:
        made_by = unique.made_by
        how = '' if made_by is None else _how(made_by.column)
        found[named_in_stamp(unique)] = how
    for name, place in schema.places.items():
        found[GEO + name] = f'by {_name(place.declared.callback)}'
    return found


def named_in_stamp(unique: Unique) -> str:
    """Return the name that a stamp has for a constraint."""
    return UNIQUE + ':'.join(sorted(unique.columns))


def _how(column: Column[Any]) -> str:
    kinds = [kind for kind in ('index', 'prefix', 'suffix') if getattr(column, kind)]
    by = column.keygen or column.keygen2
    source = f' of {column.source}' if column.source != column.name else ''
    made = f' by {_name(by)}' if by is not None else ''
    return f'{type(column).__name__}{source}: {", ".join(kinds)}{made}'


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, '__name__', type(function).__name__))


_stamps: WeakKeyDictionary[Schema, bytes] = WeakKeyDictionary()


def stamp_of(schema: Schema) -> bytes:
    """The stamp of data whose indexes are as the model declares."""
    stamp = _stamps.get(schema)
    if stamp is None:
        stamp = json.dumps(declared_by(schema), sort_keys=True).encode('ascii')
        _stamps[schema] = stamp
    return stamp


def to_begin(schema: Schema) -> list[bytes] | None:
    """The stamp for the first id that is ever taken, as scripts have it: key, and what it says."""
    return [schema.keys.indexes, stamp_of(schema)] if schema.is_stamped else None


def read_stamp(raw: bytes | None) -> dict[str, str] | None:
    """What a stamp says; None without one, or if it says nothing that we know.

    >>> read_stamp(b'{"age": "Integer: index"}'), read_stamp(b'?')
    ({'age': 'Integer: index'}, None)
    """
    try:
        found = json.loads(raw or b'')
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(how, str) for how in found.values()):
        return None
    return found


def counted_in(schema: Schema, raw: bytes | None) -> int:
    """Return the last id that was given, as the counter says; 0 without one.

    Raises:
        CorruptRowError: the counter holds something else.
    """
    number = 0 if raw is None else read_digits(raw)
    if number is None or number > LARGEST_ID:
        key = as_text(schema.keys.counter)
        raise CorruptRowError(
            f'{shorten(key, 100)} should hold the last id of a {schema.name}, and holds '
            f'{show(raw)}; SET it to the highest id that there is',
            key=key,
            value=raw,
        )
    return number


def changes(before: Declared, after: Declared) -> tuple[str, ...]:
    """What differs between two declarations, a line each.

    >>> changes({'a': 'Text: index', 'b': 'x'}, {'a': 'Text: prefix', 'unique c': ''})
    ('a was Text: index, and is Text: prefix', 'b is gone', 'unique c is new')
    """
    return tuple(_lines(before, after))


def _lines(before: Declared, after: Declared) -> Iterator[str]:
    for what in sorted({*before, *after}):
        if what not in after:
            yield f'{what} is gone'
        elif what not in before:
            yield f'{what} is new'
        elif before[what] != after[what]:
            yield f'{what} was {before[what]}, and is {after[what]}'


class Stamped(NamedTuple):
    """What is known of a model's data.

    Attributes:
        raw: the stamp, if there is one.
        has_data: some id was taken.
        position: where a reindex stopped, if one did.
    """

    raw: bytes | None
    has_data: bool
    position: bytes | None


def look_up(schema: Schema) -> Operation[Stamped]:
    """Ask the server; one trip."""
    keys = schema.keys
    stamp, is_there, position = yield Pipeline(
        (
            Command('GET', keys.indexes),
            Command('EXISTS', keys.counter),
            Command('GET', keys.reindexing),
        )
    )
    return Stamped(stamp, bool(is_there), position)
