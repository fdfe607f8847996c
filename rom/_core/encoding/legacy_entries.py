"""The list of index entries that rom 1.x kept in each row, as the field `-index-data-`.

JSON: words as "column:word", the names of scored columns, prefixes and suffixes as [column,
string], and names of geo indexes. 1.x itself sometimes put the geo names among the suffixes, as
plain strings. Older versions kept the same in one hash of the model, `N::`, by id, with fewer
lists: only words and numbers at first.

rom 2 does without the list. But a row that 1.x wrote has one, which may name entries that the
model no longer declares. And a model that 1.x still writes must keep it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rom._core.encoding.keys import Keys
from rom._core.encoding.text import as_bytes
from rom.exceptions import InvalidColumnValue

_Entry = tuple[bytes, bytes]


def listed_entries(keys: Keys, index_data: bytes) -> dict[_Entry, bytes | None]:
    """Return the index entries that a row's list names, without scores; none if it is malformed.

    >>> listed_entries(Keys('N', 'id'), b'[["c:x"], ["n"], [["c", "x"]], {}, {}]')
    {(b'N:c:x:idx', b''): None, (b'N:n:idx', b''): b'', (b'N:c:pre', b'x\\x00'): b''}
    """
    try:
        return dict(_listed(keys, json.loads(index_data)))
    except (ValueError, TypeError, LookupError, RecursionError, InvalidColumnValue):
        return {}


def _listed(keys: Keys, lists: list[list[Any]]) -> dict[_Entry, bytes | None]:
    if not isinstance(lists, list) or len(lists) > 5:
        raise TypeError('not five lists')
    # The first versions had words and numbers only; each later one added a list at the end.
    words, scored, prefixes, suffixes, geos = [*lists, [], [], [], []][:5]
    found: dict[_Entry, bytes | None] = {(keys.scores(name), b''): None for name in words}
    found.update(((keys.scores(name), b''), b'') for name in scored)
    for kind, pairs in ((keys.prefixes, prefixes), (keys.suffixes, suffixes)):
        for pair in pairs:
            if isinstance(pair, str):
                geos = [*geos, pair]
            else:
                found[kind(pair[0]), as_bytes(pair[1]) + b'\0'] = b''
    found.update(((keys.geo(name), b''), b'') for name in geos)
    return found


def list_entries(keys: Keys, entries: Mapping[_Entry, bytes | None]) -> bytes:
    """Return the list for a row that has these index entries, as 1.x writes it.

    >>> list_entries(Keys('N', 'id'), {(b'N:c:x:idx', b''): None, (b'N:n:idx', b''): b'1.0'})
    b'[["c:x"], ["n"], [], [], []]'
    """
    words: list[object] = []
    scored: list[object] = []
    prefixes: list[object] = []
    suffixes: list[object] = []
    geos: list[object] = []
    for (key, stem), score in entries.items():
        name = _text(key[len(keys.head) : -4])
        if key.endswith(b':idx'):
            (words if score is None else scored).append(name)
        elif key.endswith(b':geo'):
            geos.append(name)
        else:
            pairs = prefixes if key.endswith(b':pre') else suffixes
            pairs.append([name, _text(stem[:-1])])
    return json.dumps([words, scored, prefixes, suffixes, geos]).encode('ascii')


def _text(raw: bytes) -> str:
    """Decode as 1.x does; bytes that are not UTF-8, which 1.x cannot write, are read as latin-1."""
    try:
        return raw.decode('utf-8')
    except UnicodeDecodeError:
        return raw.decode('latin-1')
