"""What the rows of the campaign imply, worked out by hand, beside what is stored.

Nothing of rom is imported, nor are the models: `LAYOUTS` says once more which columns have which
index, and the functions below what that means in keys, as docs/design/storage.rst has it. Values of
the campaign are plain ASCII words, separated by blanks: a word is what is between blanks, in lower
case.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Keyspace = Mapping[bytes, Any]
Row = Mapping[bytes, bytes]


@dataclass(frozen=True)
class Layout:
    """The indexes of one model, by column.

    Attributes:
        numbers: sorted sets by number.
        values: sets of the ids that have the whole value.
        words: sets of the ids that have a word.
        flags: the same of True and False.
        prefixes, suffixes: sorted sets of values, or of words where the column is among `words`.
        unique: columns, or groups of them in alphabetical order.
    """

    numbers: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()


LAYOUTS = {
    'faults.shelf': Layout(
        numbers=('n', 'sold', 'bulk'),
        values=('hall',),
        words=('name', 'trail'),
        prefixes=('name',),
        suffixes=('name',),
        unique=(('name',),),
    ),
    'faults.sale': Layout(numbers=('amount', 'shelf'), values=('op', 'mark'), prefixes=('mark',)),
    'faults.basket': Layout(values=('op',)),
    'faults.item': Layout(
        numbers=('basket', 'place'), values=('op',), unique=(('basket', 'place'),)
    ),
    'faults.door': Layout(values=('state',), unique=(('op',),)),
    'faults.badge': Layout(values=('op',), suffixes=('code',), unique=(('code',),)),
    'faults.word': Layout(numbers=('count',), unique=(('text',),)),
    'faults.room': Layout(prefixes=('key',), unique=(('key',),)),
    'faults.purse': Layout(numbers=('balance',), unique=(('name',),)),
    'faults.receipt': Layout(flags=('done',), unique=(('op',),)),
}
RECORDS = 'repocket:tests.faults.models:Diary'
RECORD_LAYOUT = Layout(numbers=('size',), values=('state',), unique=(('name',),))
RECORD_STREAM = b':field:pages'

#: Keys that no row implies: notes of commits; which indexes are declared, and since when the
#: counter has run on; and the campaign's own.
NOTES = b':done:'
BOOKS = (b':id:indexes', b':id:epochs')
OWN = b'faults:'


def rows_of(keyspace: Keyspace, namespace: str) -> dict[int, Row]:
    """Return the rows of a model by id."""
    head = namespace.encode() + b':'
    return {
        int(key[len(head) :]): row
        for key, row in keyspace.items()
        if key.startswith(head) and key[len(head) :].isdigit()
    }


def records_of(keyspace: Keyspace) -> dict[bytes, Row]:
    """Return the records by id; their values as text, which JSON has around them."""
    head = RECORDS.encode() + b':'
    return {
        key[len(head) :]: {name: _record_value(raw) for name, raw in row.items()}
        for key, row in keyspace.items()
        if key.startswith(head) and isinstance(row, dict)
    }


def check(keyspace: Keyspace) -> list[str]:
    """Return what is missing, left over or different in a whole keyspace; nothing: all is well."""
    expected = _Expected()
    for namespace, layout in LAYOUTS.items():
        rows = rows_of(keyspace, namespace)
        for id, row in rows.items():
            expected.rows[f'{namespace}:{id}'.encode()] = row
            expected.add(namespace, layout, b'%d' % id, row)
        expected.ids(namespace, rows, keyspace)
    for uuid, row in records_of(keyspace).items():
        key = RECORDS.encode() + b':' + uuid
        expected.rows[key] = keyspace[key]
        expected.add(f'rom:{RECORDS}', RECORD_LAYOUT, uuid, row)
        if key + RECORD_STREAM in keyspace:
            expected.rows[key + RECORD_STREAM] = keyspace[key + RECORD_STREAM]
    return [*expected.wrong, *_differences(keyspace, {**expected.rows, **expected.keys})]


class _Expected:
    """The keys that rows imply, as they are collected."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Any] = {}
        self.keys: dict[bytes, Any] = {}
        self.wrong: list[str] = []

    def add(self, namespace: str, layout: Layout, id: bytes, row: Row) -> None:
        """Add what one row implies."""
        head = namespace.encode() + b':'
        for column, value in _filled(layout.numbers, row):
            self.keys.setdefault(head + column + b':idx', {})[id] = float(value)
        for column, value in _filled(layout.values, row):
            self.keys.setdefault(head + column + b':' + value + b':idx', set()).add(id)
        for column, value in _filled(layout.words, row):
            for word in value.lower().split():
                self.keys.setdefault(head + column + b':' + word + b':idx', set()).add(id)
        for column, value in _filled(layout.flags, row, empty=True):
            word = b'True' if value else b'False'
            self.keys.setdefault(head + column + b':' + word + b':idx', set()).add(id)
        self._add_strings(head, layout, id, row)
        for group in layout.unique:
            self._claim(head, group, id, row)

    def _add_strings(self, head: bytes, layout: Layout, id: bytes, row: Row) -> None:
        for columns, name, step in ((layout.prefixes, b':pre', 1), (layout.suffixes, b':suf', -1)):
            for column, value in _filled(columns, row):
                parts = value.lower().split() if column.decode() in layout.words else [value]
                for part in parts:
                    turned = part[::step]
                    entries = self.keys.setdefault(head + column + name, {})
                    entries[turned + b'\0' + id] = score(turned)

    def _claim(self, head: bytes, group: tuple[str, ...], id: bytes, row: Row) -> None:
        values = [row.get(column.encode()) for column in group]
        if None in values or values == [b'']:
            return
        joined = b'\0'.join(b'\0\0%s' % value for value in values)
        value = joined if len(group) > 1 else values[0]
        key = head + ':'.join(group).encode() + b':uidx'
        holders = self.keys.setdefault(key, {})
        if value in holders:
            self.wrong.append(f'{key!r}: {value!r} is of {holders[value]!r} and of {id!r}')
        holders[value] = id

    def ids(self, namespace: str, rows: Mapping[int, Row], keyspace: Keyspace) -> None:
        """Look at the counter and the bitmap of the ids that exist, and at the ids in the rows."""
        counter = f'{namespace}:id:'.encode()
        for id, row in rows.items():
            if row.get(b'id') != b'%d' % id:
                self.wrong.append(f'{namespace}:{id} says that its id is {row.get(b"id")!r}')
        if counter not in keyspace:
            if rows:
                self.wrong.append(f'{counter!r}: missing')
            return
        self.keys[counter] = keyspace[counter]
        if int(keyspace[counter]) < max(rows, default=0):
            self.wrong.append(f'{counter!r} is {keyspace[counter]!r}, below {max(rows)}')
        bitmap = keyspace.get(counter + b'live', b'')
        if set(_bits(bitmap)) != set(rows):
            differing = sorted(set(_bits(bitmap)) ^ set(rows))
            self.wrong.append(f'{counter!r}live is not what exists; it differs in {differing}')
        self.keys[counter + b'live'] = bitmap


def score(value: bytes) -> float:
    """Return the number that seven bytes sort by: each is a digit from 1 to 256, to base 258.

    The number is the place of a double in the order of all doubles, from 2**-1022 on; there,
    doubles lie as far apart as they are exact.
    """
    number = 0
    for place in range(7):
        number = number * 258 + (value[place] + 1 if place < len(value) else 0)
    exponent, fraction = number >> 52, number & ((1 << 52) - 1)
    return float.fromhex(f'0x1.{fraction:013x}p{exponent - 1022}')


def _filled(
    columns: tuple[str, ...], row: Row, empty: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    for column in columns:
        value = row.get(column.encode())
        if value or (empty and value is not None):
            yield column.encode(), value


def _bits(bitmap: bytes) -> Iterator[int]:
    for place, byte in enumerate(bitmap):
        yield from (place * 8 + bit for bit in range(8) if byte >> (7 - bit) & 1)


def _record_value(raw: bytes) -> bytes:
    return str(json.loads(raw)['value']).encode()


def _differences(keyspace: Keyspace, expected: Mapping[bytes, Any]) -> Iterator[str]:
    for key in sorted(expected.keys() - keyspace.keys()):
        yield f'{key!r}: missing: {expected[key]!r}'
    for key in sorted(keyspace.keys() - expected.keys()):
        if not (NOTES in key or key.endswith(BOOKS) or key.startswith(OWN)):
            yield f'{key!r}: left over: {keyspace[key]!r}'
    for key in sorted(expected.keys() & keyspace.keys()):
        if keyspace[key] != expected[key]:
            yield f'{key!r}: {_difference(keyspace[key], expected[key])}'


def _difference(stored: Any, implied: Any) -> str:
    if not (isinstance(implied, dict | set) and isinstance(stored, type(implied))):
        return f'is {stored!r}, should be {implied!r}'
    found = set(stored.items() if isinstance(stored, dict) else stored)
    wanted = set(implied.items() if isinstance(implied, dict) else implied)
    left, missing = sorted(found - wanted), sorted(wanted - found)
    return f'left over: {left}, missing: {missing}'
