"""Fingerprints (in the code: stamps): the indexes that a model's data has, stored beside the data.

The fingerprint lists the declared indexes as JSON under `N:P:indexes`. From it a program sees
whether the data has the indexes that it declares, and which are no longer declared. It is written
with the first id that is ever taken, as the live bitmap is: all later rows are indexed as declared.
After a change of the declaration, only a reindex, or a check that left nothing unmended, writes a
new one. Data that is older than fingerprints has none, and its indexes are unknown.

The fingerprint holds only the name of a keygen or a callback. Its bytecode would differ between
versions of Python.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from rom._core.columns import Column
from rom._core.encoding.integers import LARGEST_ID, read_digits
from rom._core.encoding.keys import Keys
from rom._core.encoding.text import as_text, shorten, show
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.shards.moved import FIELD
from rom._core.schema import Schema, Unique
from rom.exceptions import CorruptRowError

#: Maps the name of an index ('age', 'unique a:b', 'geo home', 'rank title') to how it is made
#: ('Integer: index').
Declared = Mapping[str, str]

UNIQUE, GEO, COMPOUND, RANK = 'unique ', 'geo ', 'compound ', 'rank '


def declared_by(schema: Schema) -> dict[str, str]:
    """Return the indexes that a model declares."""
    keys = schema.keys
    found = {keys.stored_name(n): _how(keys, index.column) for n, index in schema.indexes.items()}
    for unique in schema.uniques:
        made_by = unique.made_by
        how = '' if made_by is None else _how(keys, made_by.column)
        found[named_in_stamp(keys, unique)] = how
    for name, rank in schema.ranks.items():
        stems = 'words' if rank.language is None else f'{rank.language} stems'
        found[RANK + keys.stored_name(name)] = f'{rank.column.index_kind}: {stems}'
    for name, place in schema.places.items():
        found[GEO + name] = f'by {_name(place.declared.callback)}'
    for compound in schema.compounds:
        columns = (compound.first.column, compound.second.column)
        found[COMPOUND + compound.name] = ', '.join(_how(keys, column) for column in columns)
    return found


def named_in_stamp(keys: Keys, unique: Unique) -> str:
    """Return the name of a constraint in fingerprints."""
    return UNIQUE + ':'.join(sorted(map(keys.stored_name, unique.columns)))


def _how(keys: Keys, column: Column[Any]) -> str:
    kinds = [kind for kind in ('index', 'prefix', 'suffix') if getattr(column, kind)]
    by = column.keygen or column.keygen2
    source = f' of {keys.stored_name(column.source)}' if column.source != column.name else ''
    made = f' by {_name(by)}' if by is not None else ''
    return f'{column.index_kind}{source}: {", ".join(kinds)}{made}'


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, '__name__', type(function).__name__))


_stamps: WeakKeyDictionary[Schema, bytes] = WeakKeyDictionary()


def stamp_of(schema: Schema) -> bytes:
    """Return the fingerprint of data whose indexes are as the model declares."""
    stamp = _stamps.get(schema)
    if stamp is None:
        stamp = json.dumps(declared_by(schema), sort_keys=True).encode('ascii')
        _stamps[schema] = stamp
    return stamp


def to_begin(schema: Schema) -> list[bytes] | None:
    """Return the key and the text that a script writes with the first id that is ever taken."""
    return [schema.keys.indexes, stamp_of(schema)] if schema.is_stamped else None


def read_stamp(raw: bytes | None) -> dict[str, str] | None:
    """Return the indexes in a fingerprint; None if it is absent or malformed.

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
    """Return the last id that was taken, according to the counter; 0 without a counter.

    Raises:
        CorruptRowError: the counter holds something other than an id.
    """
    number = 0 if raw is None else read_digits(raw)
    if number is None or number > LARGEST_ID:
        raise wrong_counter(schema, raw)
    return number


def wrong_counter(schema: Schema, raw: bytes | None) -> CorruptRowError:
    """Return the error for a counter that cannot count on from its value."""
    key = as_text(schema.keys.counter)
    return CorruptRowError(
        f'{shorten(key, 100)} should hold the last id of a {schema.name}, and holds {show(raw)}; '
        'SET it to the highest id that there is',
        key=key,
        value=raw,
    )


def changes(before: Declared, after: Declared) -> tuple[str, ...]:
    """Return the differences between two declarations, as one line each.

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
    """State of a model's data, as stored beside it.

    Attributes:
        raw: the fingerprint; None without one.
        has_data: True if an id was ever taken.
        position: the position of an interrupted reindex; None without one.
        mark: the mark of a move in the place of the id counter; None without one.
    """

    raw: bytes | None
    has_data: bool
    position: bytes | None
    mark: bytes | None


def look_up(schema: Schema) -> Operation[Stamped]:
    """Read the state of a model's data; one round trip."""
    keys = schema.keys
    mark, stamp, is_there, position = yield Pipeline(
        (
            Command('HGET', keys.counter, FIELD),
            Command('GET', keys.indexes),
            Command('EXISTS', keys.counter),
            Command('GET', keys.reindexing),
        ),
        optional=1,  # the counter is no hash
    )
    return Stamped(stamp, bool(is_there), position, mark if isinstance(mark, bytes) else None)
