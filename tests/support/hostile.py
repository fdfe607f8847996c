"""What a hostile caller passes, and what may come of it: for tests of every public method."""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
from hypothesis import strategies as st

import rom
from rom.exceptions import ORMError
from tests.support.guises import Label, Level

LONGEST = 500
#: Seconds. The longest call measured took 0.08; this leaves room for slow processors.
LONGEST_CALL = 5.0


class Silent:
    """An object whose `repr` fails."""

    def __repr__(self) -> str:
        raise RuntimeError('no repr')


class Loud:
    """An object whose `repr` is long, and holds what a terminal obeys."""

    def __repr__(self) -> str:
        return '\x1b[31m\n\ud800' * 1000


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)

NUMBERS: list[Any] = [
    0, 1, 2, -1, 3, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**20, 10**400,
    10**5000, 1.9, -0.0, 1e308, 5e-324, float('nan'), float('inf'), float('-inf'), True, False,
    decimal.Decimal('NaN'), decimal.Decimal('sNaN'), decimal.Decimal('Infinity'),
    decimal.Decimal('1E+999999'), decimal.Decimal('1.5'), 1j,
]  # fmt: skip
STRINGS: list[Any] = [
    '', 'a', '1', '01', '1_0', '０１', '²', ' 1', '+1', '1e999', 'nan', 'inf', '9' * 400,
    '9' * 5000, '\ud800', '\0', 'a\0b', '\x1b[2J\x07', '\u202e', 'x' * 10_000, '?a' * 5000,
    '*' * 999, '!', '+', '[', '(', '%', 'name', '-name', '--name', 'name:x', 'name:', ':', 'id',
    'n.n', 'ref.ref', b'', b'1', b'\xff', b'a\0b', b'x' * 10_000,
]  # fmt: skip
WEST = dt.timezone(dt.timedelta(hours=-5))
THINGS: list[Any] = [
    None, object(), Silent(), Loud(), int, print, dt.datetime.max, dt.datetime.min, dt.date.max,
    dt.time.max, dt.timedelta.max, dt.datetime.max.replace(tzinfo=WEST),
    [], (), {}, set(), [None], (1,), (None, None), (1, 2, 3), (float('nan'), 1), (2, 1),
    (10**400, None),
    ('a', 'b'), ['a', 1], [1, 2.5, None], {'a': Silent()}, {1: 2, 'a': 3}, [Loud()], deep(200),
    deep(20_000), ENDLESS, range(3), frozenset((1, 'a')), ['\ud800'], list(range(500)),
]  # fmt: skip

ANYTHING = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(STRINGS),
    st.sampled_from(THINGS),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.sampled_from(NUMBERS + STRINGS), max_size=3),
    st.tuples(st.sampled_from(NUMBERS + STRINGS), st.sampled_from(NUMBERS + STRINGS)),
)
COLUMNS = (
    'id', 'n', 'f', 'd', 'flag', 'name', 'title', 'octets', 'made', 'day', 'at_time', 'data', 'ref',
    'words', 'others', 'text', 'own', 'gone', 'code', 'number', 'state', 'level', 'key', 'span',
    'ip', 'aware', 'plan',
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(COLUMNS),
    st.sampled_from([f'{name}:x' for name in COLUMNS]),
    st.sampled_from([text for text in STRINGS if isinstance(text, str)]),
    st.text(max_size=5),
)


def own_numbers(value: Any) -> Any:
    return {'': len(str(value)), 'x': 1, 'word': None} if value else None


def thing(raw: redis.Redis) -> Any:
    """Make a model with a column of every kind."""

    class Far(rom.Model):
        _conn = raw
        n = rom.Integer(required=True, default=1)

    class Thing(rom.Model):
        _conn = raw
        code = rom.Text(unique=True)
        number = rom.Integer(unique=True)
        n = rom.Integer(index=True, unique=True)
        f = rom.Float(index=True)
        d = rom.Decimal(index=True)
        flag = rom.Boolean(index=True)
        name = rom.Text(
            unique=True, index=True, prefix=True, suffix=True, keygen=rom.IDENTITY, default='x'
        )
        title = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
        text = rom.Text(index=True, prefix=True, keygen=rom.SIMPLE_CI)
        octets = rom.String(index=True, prefix=True, keygen=rom.IDENTITY_STRING_CI, unique=True)
        own = rom.Text(index=True, keygen=own_numbers)
        made = rom.DateTime(index=True)
        day = rom.Date(index=True)
        at_time = rom.Time(index=True)
        data = rom.Json()
        gone = rom.ExpireAt()
        state = rom.Enum(Label, index=True, prefix=True, suffix=True)
        level = rom.Enum(Level, index=True)
        key = rom.UUID(index=True, prefix=True, suffix=True, unique=True)
        span = rom.Duration(index=True)
        ip = rom.IPAddress(index=True, unique=True)
        aware = rom.DateTime(tz=True, index=True, auto_now=True)
        tags = rom.List(rom.Text(), index=True, prefix=True, suffix=True)
        digits = rom.Set(rom.Integer(), index=True, max_length=5)
        plan = rom.Text(choices=['a', '1'], validators=[str.isprintable])
        ref = rom.ManyToOne('Far', on_delete='no action')
        words = rom.IndexOnly('title', keygen=rom.FULL_TEXT, index=True, prefix=True)
        others = rom.OneToMany('Other')
        unique_together = [('f', 'day')]
        geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.f, 'lat': e.f})]

    class Other(rom.Model):
        _conn = raw
        thing = rom.ManyToOne('Thing', on_delete='restrict')

    return Thing


def check_message(error: ORMError) -> None:
    message = str(error)
    assert len(message) <= LONGEST, f'{len(message)} characters: {message[:1000]}'
    assert message.isprintable(), f'control characters: {message!r}'


@contextmanager
def briefly() -> Iterator[None]:
    """Assert that this thread takes the processor for a short time only.

    The clock would depend on what else the machine does.
    """
    begun = time.thread_time()
    yield
    assert time.thread_time() - begun < LONGEST_CALL


def survive(call: Callable[[], Any]) -> None:
    """Call: it has an answer, or raises an ORMError that can be shown, and soon."""
    with briefly():
        _survive(call)


def _survive(call: Callable[[], Any]) -> None:
    try:
        found = call()
        if isinstance(found, Iterator):
            list(itertools.islice(found, 10))
        elif isinstance(found, tuple) and found and isinstance(found[0], rom.Query):
            found[0].all()
    except ORMError as error:
        check_message(error)


async def survive_awaiting(call: Callable[[], Awaitable[Any]]) -> None:
    """The same of what is awaited."""
    with briefly():
        try:
            await call()
        except ORMError as error:
            check_message(error)


def fill(model: Any) -> None:
    far = rom.MODELS['Far'](n=1)
    for n in (1, 2, 3):
        moment = dt.datetime(2020, 1, n)
        model(
            n=n, f=float(n), d=decimal.Decimal(n), flag=n == 2, name=f'name{n}', title='a b c',
            text=f't{n}', octets=b'r%d' % n, own='abc', made=moment, day=moment.date(),
            at_time=moment.time(), data=[n], ref=far, tags=['a', 'b'], digits={n},
        )  # fmt: skip
    rom.session.commit()
    rom.session.rollback()
