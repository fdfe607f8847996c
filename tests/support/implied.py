"""What the rows imply: every other key that must be there, worked out from the rows alone.

A second, plain telling of section 8 of the contract, which shares no code with rom but the model's
declaration (columns and their keygens). The tests compare it with what is really stored, after
every step that could have left something behind, or out:

    assert_consistent(raw, User, Team)

Counters and their epochs, the notes of attempts (`N:P:done:...`), the stamps that say which indexes
there are (`N:P:indexes`) and the records of migrations are nothing that rows imply.
"""

import datetime
import decimal
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import redis
import snowballstemmer

import rom
from tests.support.servers import dump

Keyspace = dict[bytes, Any]
Row = Mapping[bytes, bytes]

ENCODERS: dict[type, Callable[[Any], bytes]] = {
    rom.Integer: lambda value: b'%d' % value,
    rom.PrimaryKey: lambda value: b'%d' % value,
    rom.Float: lambda value: repr(float(value)).encode(),
    rom.Boolean: lambda value: b'1' if value else b'',
    rom.Text: lambda value: value.encode('utf-8'),
    rom.String: lambda value: value.decode('latin-1').encode('utf-8'),
    rom.Json: lambda value: json.dumps(value, sort_keys=True).encode(),
    rom.List: lambda value: _compact(value),
    rom.Set: lambda value: _compact(sorted(value)),
}
EPOCH = datetime.datetime(1970, 1, 1)


def _compact(forms: list[Any]) -> bytes:
    return json.dumps(forms, ensure_ascii=False, separators=(',', ':')).encode()


class Id(int):
    """What a row has of another object: its id, which a keygen may ask for."""

    @property
    def id(self) -> int:
        return int(self)


DECODERS: dict[type, Callable[[bytes], Any]] = {
    rom.Integer: int,
    rom.PrimaryKey: int,
    rom.Float: float,
    rom.Boolean: bool,
    rom.Text: lambda raw: raw.decode('utf-8'),
    rom.String: lambda raw: raw.decode('utf-8').encode('latin-1'),
    rom.Json: json.loads,
    rom.Decimal: lambda raw: decimal.Decimal(raw.decode()),
    rom.DateTime: lambda raw: EPOCH + datetime.timedelta(seconds=float(raw)),
    rom.SaferDateTime: lambda raw: EPOCH + datetime.timedelta(seconds=float(raw)),
    rom.ExpireAt: lambda raw: EPOCH + datetime.timedelta(seconds=float(raw)),
    rom.Date: lambda raw: (EPOCH + datetime.timedelta(seconds=float(raw))).date(),
    rom.Time: lambda raw: (EPOCH + datetime.timedelta(seconds=float(raw))).time(),
    # Those below as a keygen gets them.
    rom.UUID: lambda raw: raw.decode('ascii'),
    rom.Duration: float,
    rom.IPAddress: int,
    rom.ManyToOne: lambda raw: Id(raw),
    rom.OneToOne: lambda raw: Id(raw),
    rom.ForeignModel: lambda raw: Id(raw),
    rom.ManyToMany: lambda raw: [int(id) for id in raw.split(b',') if id],
}


def encode(column: rom.Column[Any], value: Any) -> bytes | None:
    """A value as the row holds it; None for none."""
    return None if value is None else ENCODERS[type(column)](value)


def decode_row(model: type[rom.Model], row: Row) -> dict[str, Any]:
    """The Python values of all columns of a row."""
    return {
        name: _decoder(column)(row[name.encode()]) if name.encode() in row else None
        for name, column in model._columns.items()
        if column.is_stored
    }


def _decoder(column: rom.Column[Any]) -> Callable[[bytes], Any]:
    if isinstance(column, (rom.List, rom.Set)):
        return json.loads
    if isinstance(column, rom.Enum):
        return int if column.is_numeric else bytes.decode
    return DECODERS[type(column)]


def rows_of(model: type[rom.Model], keyspace: Keyspace) -> dict[int, Row]:
    """The model's rows by id, of a whole keyspace."""
    head = model._namespace.encode() + b':'
    return {
        int(key[len(head) :]): value
        for key, value in keyspace.items()
        if key.startswith(head) and key[len(head) :].isdigit()
    }


def implied(model: type[rom.Model], rows: Mapping[int, Row]) -> Keyspace:
    """The keys of indexes and unique values that these rows imply."""
    found: Keyspace = {}
    for id, row in rows.items():
        values = decode_row(model, row)
        for column in model._columns.values():
            _entries(model, column, values, b'%d' % id, found)
            _postings(model, column, values.get(column.name), b'%d' % id, found)
        _unique_values(model, row, b'%d' % id, found)
        _unique_words(model, values, b'%d' % id, found)
        _places(model, values, b'%d' % id, found)
        _compounds(model, values, b'%d' % id, found)
    return found


def assert_consistent(raw: redis.Redis, *models: type[rom.Model], live: bool = True) -> Keyspace:
    """The keyspace is exactly what its rows imply, with nothing else in it. Returns it.

    Args:
        raw: a RESP2 client of bytes.
        models: all models that have anything in the database.
        live: bitmaps of live ids are kept, and exact.
    """
    keyspace = dump(raw)
    expected: Keyspace = {}
    ignored = {s.placement.group._key for one in models if (s := one._schema).placement is not None}
    ignored |= {m._schema.keys.migrations for m in models if m._schema.placement is not None}
    if ignored:  # notes of commits, and entries of directories, which need not name a row
        ignored |= {key for key in keyspace if b'}:done:' in key or key.endswith(b':dir')}
    for model in (part for one in models for part in _in_partitions(one)):
        rows = rows_of(model, keyspace)
        head = model._namespace.encode() + b':'
        counter = head + model._pkey.encode() + b':'
        for id, row in rows.items():
            expected[head + b'%d' % id] = row
            assert row.get(model._pkey.encode()) == b'%d' % id, f'{head!r}{id} holds another id'
        expected |= implied(model, rows)
        ignored |= {key for key in keyspace if key.startswith(counter + b'done:')} | {counter}
        # What is in an UnsafeColumn is the program's; but an entity must be there that has it.
        ignored |= {
            head + b'%d:%s' % (id, name.encode()) for id in rows for name in model._schema.unsafe
        }
        assert int(keyspace.get(counter, 0)) >= max(rows, default=0), 'the counter is behind'
        if live and counter in keyspace:
            bitmap = keyspace.get(counter + b'live')
            assert bitmap is not None, f'{counter!r}live is missing'
            assert bits(bitmap) == set(rows), f'{counter!r}live is not the ids that exist'
        ignored |= {counter + b'live', counter + b'indexes', counter + b'epochs'}
        ignored |= {counter + b'migrations'}
    stored = {key: value for key, value in keyspace.items() if key not in ignored}
    assert stored == expected, difference(stored, expected)
    return keyspace


class _InPartition:
    """A model as one of its partitions has it: with a namespace, and local ids."""

    def __init__(self, model: type[rom.Model], number: int) -> None:
        self._model = model
        self._namespace = model._schema.at(number).keys.namespace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _in_partitions(model: type[rom.Model]) -> list[Any]:
    placement = model._schema.placement
    if placement is None:
        return [model]
    return [_InPartition(model, number) for number in range(placement.group.partitions)]


def bits(bitmap: bytes) -> set[int]:
    """The numbers of the bits that are set.

    >>> bits(b'\\x41')
    {1, 7}
    """
    return {
        8 * place + bit
        for place, byte in enumerate(bitmap)
        for bit in range(8)
        if byte & (0x80 >> bit)
    }


def difference(stored: Keyspace, expected: Keyspace) -> str:
    """What differs, for a message."""
    lines = [f'{key!r}: should not be: {stored[key]!r}' for key in stored.keys() - expected.keys()]
    lines += [f'{key!r}: missing: {expected[key]!r}' for key in expected.keys() - stored.keys()]
    lines += [
        f'{key!r}: {_difference(stored[key], expected[key])}'
        for key in stored.keys() & expected.keys()
        if stored[key] != expected[key]
    ]
    return '\n'.join(['the keyspace is not what its rows imply', *sorted(lines)])


def _difference(stored: Any, expected: Any) -> str:
    if type(stored) is not type(expected) or not isinstance(stored, dict | set):
        return f'is {stored!r}, should be {expected!r}'
    found = stored if isinstance(stored, dict) else dict.fromkeys(stored)
    wanted = expected if isinstance(expected, dict) else dict.fromkeys(expected)
    surplus = {name: found[name] for name in found.keys() - wanted.keys()}
    missing = {name: wanted[name] for name in wanted.keys() - found.keys()}
    other = {
        name: (found[name], wanted[name])
        for name in found.keys() & wanted.keys()
        if found[name] != wanted[name]
    }
    return f'too much: {surplus}, missing: {missing}, is and should be: {other}'


# --- the contract, section 8 ---------------------------------------------------------------------


def _entries(
    model: type[rom.Model],
    column: rom.Column[Any],
    values: Mapping[str, Any],
    id: bytes,
    found: Keyspace,
) -> None:
    if not (column.index or column.prefix or column.suffix):
        return
    value = values.get(column.source)
    if value is None and column.is_stored:
        return
    if isinstance(column, (rom.List, rom.Set)):
        keys = _words_of_elements(column, value)
    elif column.keygen2 is not None and column.keygen is None:
        keys = column.keygen2(column.name, values)
    elif column.keygen is not None:
        keys = column.keygen(value)
    elif isinstance(column, rom.Boolean):
        keys = [str(value)]
    elif isinstance(column, rom.ManyToMany):
        keys = ['any', *map(str, value)] if value else []
    else:
        keys = {'': _seconds(value)}
    if not keys:
        return
    head = f'{model._namespace}:{column.name}:'.encode()
    words = [key for key in keys if not isinstance(keys, dict) or keys[key] is None]
    if column.index:
        for word in words:
            found.setdefault(head + _bytes(word) + b':idx', set()).add(id)
        for name, number in keys.items() if isinstance(keys, dict) else ():
            if number is not None:
                key = head + (name.encode() + b':idx' if name else b'idx')
                found.setdefault(key, {})[id] = _double(number)
    whole = column.keygen in (rom.SIMPLE, rom.SIMPLE_CI)
    turned = [word[::-1] for word in words]
    if whole:
        words, turned = [value], [value[::-1]]
        if column.keygen is rom.SIMPLE_CI:
            # Lower-cased after it was turned: a capital İ becomes two characters.
            words, turned = [value.lower()], [value[::-1].lower()]
    elif isinstance(keys, dict):
        return
    for word in words if column.prefix else ():
        # Whole bytes are written as latin-1 text is, words as they are; scores as bytes.
        member = word.decode('latin-1') if whole and isinstance(word, bytes) else word
        found.setdefault(head + b'pre', {})[_bytes(member) + b'\0' + id] = prefix_score(word)
    for word in turned if column.suffix else ():
        text = word.decode('latin-1') if isinstance(word, bytes) else word
        member = text.encode('utf-8') + b'\0' + id
        found.setdefault(head + b'suf', {})[member] = prefix_score(word)


def _compounds(
    model: type[rom.Model], values: Mapping[str, Any], id: bytes, found: Keyspace
) -> None:
    for first, second in getattr(model, 'compound_index', []):
        alone: Keyspace = {}
        _entries(model, model._columns[first], values, id, alone)
        head = f'{model._namespace}:{first}:'.encode()
        number = values.get(second)
        for key, entries in alone.items() if number is not None else ():
            if not key.endswith(b':idx'):
                continue
            if isinstance(entries, dict):
                value = repr(float(entries[id])).encode()
            else:
                value = key[len(head) : -len(b':idx')]
            key = f'{model._namespace}:{first}+{second}:'.encode() + value + b':cidx'
            found.setdefault(key, {})[id] = _double(_seconds(number))


def _words_of_elements(column: Any, forms: list[Any]) -> list[Any]:
    """What the index has of a list or a set, of the JSON that the row holds."""
    item = column.item
    if isinstance(item, rom.Text):
        keygen = column.element.keygen
        return sorted({word for text in forms for word in keygen(text) or ()})
    if isinstance(item, (rom.Float, rom.Decimal)):
        return sorted({_one_form(item, str(form).encode()).decode() for form in forms})
    return sorted({str(form) for form in forms})


def _postings(
    model: type[rom.Model], column: rom.Column[Any], text: str | None, id: bytes, found: Keyspace
) -> None:
    """Of a ranked column; the tests' texts are ASCII, and their stems are those of the stemmer."""
    if not column.rank or text is None:
        return
    words = re.findall('[0-9a-z]+', text.lower())
    if column.stem:
        words = snowballstemmer.stemmer(column.stem).stemWords(words)
    head = f'{model._namespace}:{column.name}:'.encode()
    for word in set(words):
        packed = words.count(word) * 2**27 + 2**27 - 1 - len(words)
        found.setdefault(head + word.encode() + b':tf', {})[id] = float(packed)
        found.setdefault(head + b'voc', {})[word.encode()] = 0.0
    digits = [n for n, digit in enumerate(reversed(f'{len(words):b}')) if digit == '1']
    for name in ['all', *map(str, digits)] if words else []:
        found.setdefault(head + name.encode() + b':len', set()).add(id)


def _unique_values(model: type[rom.Model], row: Row, id: bytes, found: Keyspace) -> None:
    singles = [(name,) for name, c in model._columns.items() if c.unique and c.is_stored]
    declared = getattr(model, 'unique_together', [])
    groups = [declared] if declared and isinstance(declared[0], str) else declared
    for group in [*singles, *(tuple(sorted(group)) for group in groups)]:
        parts = [row.get(name.encode()) for name in group]
        if None in parts or parts == [b'']:
            continue
        if len(group) == 1:
            values = {parts[0]}
        else:
            columns = [model._columns[name] for name in group]
            plain = [_one_form(column, part) for column, part in zip(columns, parts, strict=True)]
            values = {_joined(parts), _joined(plain)}
        key = f'{model._namespace}:{":".join(group)}:uidx'.encode()
        holders = found.setdefault(key, {})
        for value in values:
            assert value not in holders, (
                f'{key!r}: {value!r} of two rows: {holders[value]!r} and {id!r}'
            )
            holders[value] = id


def _joined(parts: list[Any]) -> bytes:
    """The unique value of a group: as rom 1.x has it, but where there are NULs in its parts."""
    if any(b'\0' in part for part in parts):
        joined = b'\1' + b''.join(str(len(part)).encode() + b':' + part for part in parts)
    else:
        joined = b'\0'.join(b'\0\0' + part for part in parts)
    return joined.decode('latin-1').encode('utf-8')


def _one_form(column: rom.Column[Any], raw: Any) -> bytes:
    """Equal numbers look alike."""
    if isinstance(column, rom.Float):
        number = float(raw)
        is_short = number.is_integer() and abs(number) < 2**53
        return (str(int(number)) if is_short else repr(number)).encode()
    if isinstance(column, rom.Decimal) and decimal.Decimal(raw.decode()).is_finite():
        with decimal.localcontext(prec=6000):
            number = decimal.Decimal(raw.decode()).normalize()
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        return (format(number, 'f') if 0 < exponent <= 40 else str(number or abs(number))).encode()
    return bytes(raw)


def _unique_words(
    model: type[rom.Model], values: Mapping[str, Any], id: bytes, found: Keyspace
) -> None:
    """Of a unique IndexOnly, the first word."""
    for name, column in model._columns.items():
        if column.unique and not column.is_stored:
            if column.keygen is not None:
                words = column.keygen(values[column.source])
            else:
                assert column.keygen2 is not None
                words = column.keygen2(name, values)
            if words:
                holders = found.setdefault(f'{model._namespace}:{name}:uidx'.encode(), {})
                word = _bytes(next(iter(words)))
                assert word not in holders, f'{name}: {word!r} of two rows'
                holders[word] = id


class _Row(dict[str, Any]):
    """For a callback: attributes and items."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def _places(model: type[rom.Model], values: Mapping[str, Any], id: bytes, found: Keyspace) -> None:
    """Places, told by a callback from the columns that have a value; without those, none."""
    for name, callback in getattr(model, 'geo_index', []):
        try:
            points = callback(_Row({k: v for k, v in values.items() if v is not None}))
        except KeyError:
            continue
        for point in [points] if isinstance(points, dict) else points or []:
            key = f'{model._namespace}:{name}:geo'.encode()
            found.setdefault(key, {})[id] = geo_score(point['lon'], point['lat'])


def geo_score(lon: float, lat: float) -> float:
    """The number by which Redis sorts places: the halves that a point lies in, again and again."""
    bits, box = '', [(-180.0, 180.0, lon), (-85.05112878, 85.05112878, lat)]
    for turn in range(52):
        low, high, at = box[turn % 2]
        middle = (low + high) / 2
        bits += '1' if at >= middle else '0'
        box[turn % 2] = (middle, high, at) if at >= middle else (low, middle, at)
    return float(int(bits, 2))


def prefix_score(word: str | bytes) -> float:
    """The number by which strings sort, from their first seven bytes."""
    digits = [byte + 1 for byte in _bytes(word)[:7]]
    digits += [0] * (7 - len(digits))
    number = sum(digit * 258**place for place, digit in enumerate(reversed(digits)))
    return math.ldexp(2**52 + number % 2**52, number // 2**52 - 1074)


def _bytes(word: str | bytes) -> bytes:
    return word.encode('utf-8') if isinstance(word, str) else word


def _seconds(value: Any) -> Any:
    """What a date or a time is in an index; any other value is itself."""
    if isinstance(value, datetime.time):
        value = datetime.datetime.combine(EPOCH, value)
    elif isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    return (value - EPOCH).total_seconds() if isinstance(value, datetime.datetime) else value


def _double(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
