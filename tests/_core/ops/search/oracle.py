"""What queries should find, worked out in plain Python; and examples to try it on."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from rom._core.encoding import keygens as kg
from rom.columns import Boolean, Float, Integer, List, Set, String, Text
from tests._core.ops.search.search_support import model_of

Values = Mapping[str, Any]
Holds = Callable[[Values], bool]


def numbers_of(value: str) -> dict[str, float | None]:
    """A program's own keygen: a number, perhaps a named number, and a word."""
    found = {'': len(value), 'b' if 'b' in value else 'c': None}
    return {**found, 'x': value.count('a')} if 'a' in value else found


MODEL = model_of(
    words=Text(index=True, prefix=True, suffix=True, keygen=kg.FULL_TEXT),
    name=Text(index=True, prefix=True, suffix=True, keygen=kg.SIMPLE),
    nick=Text(index=True, keygen=kg.SIMPLE_CI),
    label=Text(index=True, prefix=True, suffix=True, keygen=kg.IDENTITY),
    tag=Text(prefix=True, keygen=kg.IDENTITY_CI),
    blob=String(index=True, prefix=True, suffix=True, keygen=kg.IDENTITY_STRING),
    raw=String(index=True, prefix=True, suffix=True, keygen=kg.SIMPLE),
    own=Text(index=True, keygen=numbers_of),
    age=Integer(index=True),
    big=Integer(index=True),
    price=Float(index=True),
    flag=Boolean(index=True),
    code=Text(unique=True),
    marks=List(Text(), index=True, prefix=True, suffix=True),
    digits=Set(Integer(), index=True),
    sizes=List(Float(), index=True),
)

# --- values --------------------------------------------------------------------------------------

_HEADS = st.sampled_from(['', 'a', 'abcdefg', 'abcdefgh', 'éa', '\0', 'a\0'])
_TAILS = st.text(alphabet='aAbÉé\0\x01ÿ€ z', max_size=4)
TEXTS = st.builds(lambda head, tail: head + tail, _HEADS, _TAILS)
SENTENCES = st.lists(TEXTS, max_size=3).map(' '.join)
BYTES = st.builds(
    lambda head, tail: head + tail,
    st.sampled_from([b'', b'abcdefg', b'\xff', b'\xff\xff', b'a\0']),
    st.lists(st.sampled_from([b'a', b'\0', b'\xff', b'\xc3', b'\xa9', b'b']), max_size=4).map(
        b''.join
    ),
)
_WIDE = [2**53, 2**60, 2**70, 10**308, 2 * 10**308, 10**400]
BIGS = st.one_of(
    st.integers(-5, 5),
    st.builds(
        lambda base, more, sign: sign * (base + more),
        st.sampled_from(_WIDE),
        st.integers(-3, 3),
        st.sampled_from([1, -1]),
    ),
)
FLOATS = st.sampled_from([0.0, -0.0, 1.5, -1.5, 1e-310, 1e300, float('inf'), float('-inf')])

COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    'words': SENTENCES,
    'name': TEXTS,
    'nick': st.text(alphabet='aAbB\0z', max_size=12),
    'label': TEXTS,
    'tag': TEXTS,
    'blob': BYTES,
    'raw': BYTES,
    'own': st.text(alphabet='abc', max_size=6),
    'age': st.integers(0, 4),
    'big': BIGS,
    'price': FLOATS,
    'flag': st.booleans(),
    'marks': st.lists(TEXTS, max_size=3),
    'digits': st.sets(BIGS, max_size=3),
    'sizes': st.lists(FLOATS, max_size=3),
}

# The elements of lists and sets.
ELEMENTS: dict[str, st.SearchStrategy[Any]] = {
    'marks': TEXTS,
    'digits': BIGS,
    'sizes': FLOATS,
}

NOTHING: Values = dict.fromkeys(COLUMNS)


def code_of(id: int) -> str | None:
    """A unique value, which not every row has."""
    return f'code {id}' if id % 3 else None


def with_ids(rows: Mapping[int, Values]) -> dict[int, Values]:
    """Rows as the database has them: each with its id, and with its unique value."""
    return {id: {**row, 'id': id, 'code': code_of(id)} for id, row in rows.items()}


ROWS = st.dictionaries(
    st.integers(1, 120),
    st.fixed_dictionaries({name: st.none() | values for name, values in COLUMNS.items()}),
    max_size=24,
).map(with_ids)

# --- clauses: what to call, and what it means ----------------------------------------------------


@dataclass(frozen=True)
class Clause:
    """`query.<method>(**{name: value})`, and what it should say of a row."""

    method: str
    name: str
    value: Any
    holds: Holds


def words(name: str, value: Any) -> list[str | bytes]:
    """What a column's index of strings holds for a value."""
    column = MODEL._schema.columns[name]
    if name in ELEMENTS:
        keygen = column.element.keygen or (lambda number: [number])
        return [word for one in value or () for word in keygen(one) or ()]
    if value is None or value in ('', b''):
        return []
    if column.traits.sorts:
        text = value.decode('latin-1') if isinstance(value, bytes) else value
        return [text.lower() if column.traits.lowers else text]
    return list(column.keygen(value))


def asked(name: str, value: str | bytes) -> str | bytes:
    column = MODEL._schema.columns[name]
    column = column.element or column
    if column.traits.sorts and isinstance(value, bytes):
        value = value.decode('latin-1')
    return value.lower() if column.traits.lowers else value


def has_words(name: str, value: str | bytes) -> Holds:
    wanted = set(words(name, [value] if name in ELEMENTS else value))
    return lambda row: bool(wanted) and wanted <= set(words(name, row[name]))


def starts(name: str, value: str | bytes) -> Holds:
    return lambda row: any(word.startswith(asked(name, value)) for word in words(name, row[name]))


def ends(name: str, value: str | bytes) -> Holds:
    return lambda row: any(word.endswith(asked(name, value)) for word in words(name, row[name]))


def not_starts(name: str, values: list[Any]) -> Holds:
    heads = tuple(asked(name, value) for value in values)
    return lambda row: any(not any(w.startswith(h) for h in heads) for w in words(name, row[name]))


def not_ends(name: str, values: list[Any]) -> Holds:
    ends_of = tuple(asked(name, value) for value in values)
    return lambda row: any(not any(w.endswith(e) for e in ends_of) for w in words(name, row[name]))


def like(name: str, pattern: str | bytes) -> Holds:
    def text(value: str | bytes) -> str:
        return value.decode('latin-1') if isinstance(value, bytes) else value

    gaps = {'?': '.?', '*': '.*', '+': '.+', '!': '.'}
    regex = ''.join(gaps.get(c) or re.escape(c) for c in text(asked(name, pattern)))
    compiled = re.compile(regex, re.DOTALL)
    return lambda row: any(compiled.match(text(word)) for word in words(name, row[name]))


def within(number: Callable[[Values], Any], low: Any, high: Any) -> Holds:
    def holds(row: Values) -> bool:
        value = number(row)
        return (
            value is not None and (low is None or value >= low) and (high is None or value <= high)
        )

    return holds


def any_of(holds: list[Holds]) -> Holds:
    return lambda row: any(each(row) for each in holds)


def _ranges(
    name: str, values: st.SearchStrategy[Any], number: Callable[[Values], Any] | None = None
) -> st.SearchStrategy[Clause]:
    of = number or (lambda row: row[name])
    bound = st.none() | values

    def several(found: list[Any]) -> Clause:
        return Clause('filter', name, found, any_of([within(of, v, v) for v in found]))

    return st.one_of(
        values.map(lambda v: Clause('filter', name, v, within(of, v, v))),
        st.tuples(bound, bound).map(lambda b: Clause('filter', name, b, within(of, *b))),
        st.lists(values, max_size=3).map(several),
    )


def own_length(row: Values) -> int | None:
    return None if row['own'] is None else len(row['own'])


def own_x(row: Values) -> int | None:
    return None if row['own'] is None else row['own'].count('a') or None


def _words(name: str) -> st.SearchStrategy[Clause]:
    values = ELEMENTS.get(name, COLUMNS[name])
    return st.one_of(
        values.map(lambda v: Clause('filter', name, v, has_words(name, v))),
        st.lists(values, max_size=3).map(
            lambda vs: Clause('filter', name, vs, any_of([has_words(name, v) for v in vs]))
        ),
    )


def _strings(name: str, suffix: bool = True) -> st.SearchStrategy[Clause]:
    values = ELEMENTS.get(name, COLUMNS[name])
    wild: st.SearchStrategy[Any] = st.sampled_from('?*+!')
    if name in ('blob', 'raw'):
        wild = wild.map(str.encode)
        nothing: Any = b''
    else:
        nothing = ''
    cut = values.map(lambda v: v[: len(v) // 2])
    pattern = st.lists(st.one_of(values, cut, wild, wild), max_size=5).map(nothing.join)
    found = [
        st.one_of(values, cut).map(lambda v: Clause('startswith', name, v, starts(name, v))),
        pattern.map(lambda v: Clause('like', name, v, like(name, v))),
        st.lists(st.one_of(values, cut), max_size=3).map(
            lambda v: Clause('does_not_startwith', name, v, not_starts(name, v))
        ),
    ]
    if suffix:
        found.append(
            st.one_of(values, values.map(lambda v: v[len(v) // 2 :])).map(
                lambda v: Clause('endswith', name, v, ends(name, v))
            )
        )
        found.append(
            st.lists(values.map(lambda v: v[len(v) // 2 :]), max_size=3).map(
                lambda v: Clause('does_not_endwith', name, v, not_ends(name, v))
            )
        )
    return st.one_of(found)


def _own(word: str) -> Clause:
    def holds(row: Values) -> bool:
        value = row['own']
        if value is None:
            return False
        return value.count('a') > 0 if word == 'x' else ('b' if 'b' in value else 'c') == word

    return Clause('filter', 'own', word, holds)


def _codes() -> st.SearchStrategy[Clause]:
    codes = st.integers(1, 130).map(lambda id: code_of(id) or 'none')
    return st.one_of(
        codes.map(lambda v: Clause('filter', 'code', v, lambda row: row['code'] == v)),
        st.lists(codes, max_size=9).map(
            lambda vs: Clause('filter', 'code', vs, lambda row: row['code'] in vs)
        ),
    )


IDS = st.integers(-3, 130) | st.sampled_from([2**53, 2**63 - 1, 2**63, 10**30])

CLAUSES = st.one_of(
    _ranges('id', IDS),
    _codes(),
    _words('words'),
    _words('label'),
    _words('blob'),
    *map(_words, ELEMENTS),
    _strings('marks'),
    _strings('words'),
    _strings('name'),
    _strings('label'),
    _strings('tag', suffix=False),
    _strings('blob'),
    _strings('raw'),
    _ranges('age', COLUMNS['age']),
    _ranges('big', COLUMNS['big']),
    _ranges('price', COLUMNS['price']),
    _ranges('own', st.integers(0, 5), own_length),
    _ranges('own:x', st.integers(1, 3), own_x),
    st.sampled_from(['x', 'b', 'c', 'nothing']).map(_own),
    st.booleans().map(lambda v: Clause('filter', 'flag', v, lambda row: row['flag'] is v)),
)


# --- orders --------------------------------------------------------------------------------------


# What a row is sorted by; None for one that comes last.
ORDERS: dict[str, Callable[[Values], Any]] = {
    'id': lambda row: row['id'],
    'name': lambda row: (row['name'] or '').encode() or None,
    'nick': lambda row: (row['nick'] or '').lower().encode() or None,
    'label': lambda row: (row['label'] or '').encode() or None,
    'tag': lambda row: (row['tag'] or '').lower().encode() or None,
    'blob': lambda row: row['blob'] or None,
    'raw': lambda row: row['raw'] or None,
    'own': own_length,
    'own:x': own_x,
    'age': lambda row: row['age'],
    'big': lambda row: row['big'],
    'price': lambda row: row['price'],
    'flag': lambda row: row['flag'],
}


def in_order(orders: Sequence[str], found: Mapping[int, Values]) -> list[int]:
    """The ids as `order_by(*orders)` should give them; without any, by id."""

    def compare(one: int, other: int) -> int:
        sign = 1
        for order in orders:
            place = ORDERS[order.removeprefix('-')]
            a, b, sign = place(found[one]), place(found[other]), -1 if order[0] == '-' else 1
            if a is None or b is None:
                sign = 1
                if a is not b:
                    return 1 if a is None else -1
            elif a != b:
                return sign if a > b else -sign
        return sign if one > other else -sign

    return sorted(found, key=functools.cmp_to_key(compare))
