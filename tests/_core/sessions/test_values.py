"""Values: a column keeps, stores, reads and finds exactly its own type, whatever was set.

An object of a subclass, of an enum, of numpy or pendulum equals a plain value, and must do the same
as that value everywhere: in the row, in the indexes, in filters, updates and defaults.
"""

import asyncio
import datetime as dt
import decimal
import ipaddress
import json
import math
import uuid
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rom
import rom.jsonl
from rom._core.encoding.keygens import IDENTITY, IDENTITY_STRING
from tests.support.guises import OF_COLUMNS, PAIRS, Label, Level, Moment, Share, named
from tests.support.servers import Server, dump, without_notes
from tests.support.stories import both

pytestmark = pytest.mark.one_server


class EveryValue(rom.Model):
    _namespace = '{values}every'
    text = rom.Text(index=True, prefix=True, suffix=True, keygen=IDENTITY)
    string = rom.String(index=True, keygen=IDENTITY_STRING)
    integer = rom.Integer(index=True)
    real = rom.Float(index=True)
    decimal = rom.Decimal(index=True)
    boolean = rom.Boolean(index=True)
    moment = rom.DateTime(index=True)
    safer = rom.SaferDateTime(index=True)
    day = rom.Date(index=True)
    time = rom.Time(index=True)
    until = rom.ExpireAt()
    json = rom.Json()
    state = rom.Enum(Label, index=True, prefix=True)
    level = rom.Enum(Level, index=True)
    key = rom.UUID(index=True, prefix=True)
    span = rom.Duration(index=True)
    ip = rom.IPAddress(index=True)
    aware = rom.DateTime(tz=True, index=True)
    texts = rom.List(rom.Text(), index=True)
    integers = rom.Set(rom.Integer(), index=True)


class UniqueValue(rom.Model):
    _namespace = '{values}unique'
    label = rom.Text(unique=True)
    digest = rom.String(unique=True)
    number = rom.Integer(unique=True)
    level = rom.Integer(default=Level.HIGH)
    made = rom.DateTime(default=lambda: Moment(2024, 1, 2))
    score = rom.Float(index=True, default=Share.HALF)


EXACT = {
    'text': str, 'string': bytes, 'integer': int, 'real': float, 'decimal': decimal.Decimal,
    'boolean': bool, 'moment': dt.datetime, 'safer': dt.datetime, 'day': dt.date, 'time': dt.time,
    'until': dt.datetime, 'state': Label, 'level': Level, 'key': uuid.UUID, 'span': dt.timedelta,
    'ip': ipaddress.IPv4Address, 'aware': dt.datetime, 'texts': list, 'integers': set,
}  # fmt: skip

MOMENTS = st.datetimes(timezones=st.none() | st.timezones(), allow_imaginary=False)
SECONDS = st.floats(min_value=-6e10, max_value=2.5e11)
WORDS = st.text(st.characters(codec='utf-8'))
DIGITS = st.integers().map(str)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-1e20, max_value=1e20)

#: What columns take.
TAKEN: dict[str, st.SearchStrategy[Any]] = {
    'text': WORDS | WORDS.map(str.encode) | WORDS.map(type('Text', (str,), {})),
    'string': st.binary() | st.text(st.characters(max_codepoint=255)),
    'integer': st.integers() | DIGITS | DIGITS.map(str.encode) | st.integers(-9, 9).map(float),
    'real': st.floats(allow_nan=False) | st.integers() | st.floats(allow_nan=False).map(repr),
    'decimal': DECIMALS | st.integers() | DECIMALS.map(str),
    'boolean': st.booleans() | st.integers() | st.text() | st.floats(),
    'moment': MOMENTS | SECONDS | st.integers(-(10**10), 10**11),
    'safer': MOMENTS,
    'day': st.dates() | MOMENTS | SECONDS,
    'time': st.times() | st.floats(0, 86399.9),
    'until': MOMENTS,
    'state': st.sampled_from([*Label, 'done', 'x']),
    'level': st.sampled_from([*Level, 3, '3', 3.0, 4]),
    'key': st.uuids() | st.uuids().map(str) | st.uuids().map(lambda key: key.hex.upper()),
    'span': st.timedeltas(dt.timedelta(days=-90_000), dt.timedelta(days=90_000))
    | st.integers(-(10**9), 10**9),
    'ip': st.ip_addresses(v=4) | st.ip_addresses(v=4).map(str),
    'aware': st.datetimes(timezones=st.timezones(), allow_imaginary=False) | SECONDS,
    'texts': st.lists(WORDS | WORDS.map(str.encode)) | st.tuples(WORDS),
    'integers': st.sets(st.integers() | DIGITS) | st.lists(st.floats(-9, 9) | st.integers()),
    'json': st.recursive(
        st.dictionaries(st.text(), st.integers())
        | st.lists(st.text() | st.floats(allow_nan=False)),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
}


def test_every_column_is_tried() -> None:
    assert TAKEN.keys() == EveryValue._columns.keys() - {'id'}
    known = {rom.PrimaryKey, rom.Column}
    kinds = {type(column) for column in EveryValue._columns.values()} | known
    names = [*rom.__all__, 'Enum', 'UUID', 'Duration', 'IPAddress', 'List', 'Set']
    stored = {
        kind
        for kind in (getattr(rom, name) for name in names)
        if isinstance(kind, type) and issubclass(kind, rom.Column) and kind.is_stored
    }
    assert {kind for kind in stored if not (kind.is_relation or kind.is_foreign)} <= kinds


@pytest.mark.parametrize('name', TAKEN)
@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_taken_goes_the_whole_way(raw: redis.Redis, name: str, data: Any) -> None:
    """Set, of the exact type, written, read by another session, found by what was set."""
    value = data.draw(TAKEN[name])
    rom.util.CONNECTION = raw
    raw.flushdb()
    rom.session.rollback()
    try:
        entity = EveryValue(**{name: value})
    except rom.InvalidColumnValue:
        return  # refused at once; the strategies reach past the years that there are
    kept = getattr(entity, name)
    is_exact(name, kept)
    rom.session.commit()
    rom.session.rollback()
    read = EveryValue.query.with_expired().first()
    found = getattr(read, name)
    is_exact(name, found)
    assert found == kept
    if name == 'json' or (name in ('text', 'string') and not kept):
        return
    query = EveryValue.query.with_expired()
    if name in ('texts', 'integers'):
        of_elements = {'texts': str, 'integers': int}
        assert {type(one) for one in found} <= {of_elements[name]}
        asked = [one for one in value if one not in ('', b'')]
        assert query.where(getattr(EveryValue, name).contains_all(*asked)).count() == 1
        assert query.filter(**{name: asked}).count() == bool(asked)
    else:
        assert query.filter(**{name: value}).count() == 1
        assert query.where(getattr(EveryValue, name) == value).count() == 1
    [row] = query.select(name).all()
    assert row[name] == kept
    is_exact(name, row[name])


def is_exact(name: str, value: Any) -> None:
    if name == 'json':
        assert json.loads(json.dumps(value)) == value
    else:
        assert type(value) is EXACT[name]


def taker_of(value: Any) -> str:
    """The first column for values of this type."""
    kinds = {dt.datetime: 'moment', dt.date: 'day'}
    return kinds.get(type(value)) or next(n for n, kind in EXACT.items() if kind is type(value))


@pytest.mark.parametrize(('guise', 'value'), PAIRS + OF_COLUMNS, ids=named)
def test_a_guise_is_the_value_everywhere(raw: redis.Redis, guise: Any, value: Any) -> None:
    """The row, the entries and the unique values are those of the plain value."""
    name = taker_of(value)
    rom.util.CONNECTION = raw
    with rom.Session():
        EveryValue(**{name: value}).save()
        plain = contents(raw)
    raw.flushdb()
    with rom.Session():
        entity = EveryValue(**{name: guise})
        is_exact(name, getattr(entity, name))
        entity.save()
        assert contents(raw) == plain
        setattr(entity, name, None)
        entity.save()
        entity.update(**{name: guise}).save()
        assert contents(raw) == plain
        assert EveryValue.query.update(**{name: guise}) == 1
        assert contents(raw) == plain
        assert EveryValue.query.filter(**{name: guise}).count() == 1
        assert EveryValue.query.filter(**{name: [guise]}).count() == 1
        assert EveryValue.query.where(getattr(EveryValue, name) == guise).count() == 1
        if name not in ('text', 'string', 'boolean', 'key'):
            assert EveryValue.query.filter(**{name: (guise, guise)}).count() == 1
            assert EveryValue.query.where(getattr(EveryValue, name) >= guise).count() == 1
            assert EveryValue.query.where(getattr(EveryValue, name) < guise).count() == 0


def contents(raw: redis.Redis) -> dict[bytes, Any]:
    """All keys but the notes of commits."""
    return without_notes(dump(raw))


@both(UniqueValue)
async def test_unique_values_and_defaults(s: Any) -> None:
    one, made = await s.get_or_create(UniqueValue, label=Label.DONE)
    assert made and type(one.label) is str and one.label == 'done'
    assert (await s.get_or_create(UniqueValue, label='done'))[1] is False
    two, _ = await s.upsert(UniqueValue, {'label': Label.DONE.value + 'x'}, number=Level.HIGH)
    assert type(two.number) is int
    assert await s.get_by(UniqueValue, number=Level.HIGH) is two
    assert await s.get_by(UniqueValue, label=[Label.DONE, 'donex']) == [one, two]
    for entity in (one, two):
        assert type(entity.level) is int and type(entity.made) is dt.datetime
        assert type(entity.score) is float
    await s.update_all(UniqueValue.query, score=UniqueValue.score + Share.HALF)
    assert one.score == 1.0
    assert type(one.score) is float
    with pytest.raises(rom.UniqueKeyViolation):
        UniqueValue(label=Label.DONE)
        await s.commit()
    s.rollback()


def test_strings_of_other_kinds_are_searched_as_plain_ones(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    EveryValue(text='done').save()
    for asked in (
        EveryValue.query.startswith(text=Label.DONE),
        EveryValue.query.endswith(text=Label.DONE),
        EveryValue.query.like(text=Label.DONE),
        EveryValue.query.filter(text=Label.DONE),
    ):
        assert asked.count() == 1
    assert EveryValue.query.does_not_startwith(text=Label.DONE).count() == 0


NUMPY_REFUSED = ['integer', 'decimal', 'moment', 'safer', 'day', 'time', 'text', 'string']


@pytest.mark.parametrize('name', NUMPY_REFUSED)
def test_scalars_of_numpy_that_are_no_value_are_refused_when_they_are_set(name: str) -> None:
    numpy = pytest.importorskip('numpy')
    for odd in (numpy.datetime64('2024-01-01'), numpy.array([1, 2]), numpy.complex128(1j)):
        with pytest.raises(rom.InvalidColumnValue):
            EveryValue(**{name: odd})
    rom.session.rollback()


def test_a_truth_that_nobody_knows_is_refused() -> None:
    numpy = pytest.importorskip('numpy')
    assert EveryValue(boolean=numpy.bool_(False)).boolean is False
    with pytest.raises(rom.InvalidColumnValue, match=r'EveryValue.boolean: .* has no truth value'):
        EveryValue(boolean=numpy.array([1, 2]))


def test_calculations_with_numpy_are_python_s(raw: redis.Redis) -> None:
    """A sum of numpy's own would overflow at 2**63."""
    numpy = pytest.importorskip('numpy')
    rom.util.CONNECTION = raw
    EveryValue(integer=2**62, real=1.0, decimal=decimal.Decimal(1)).save()
    many = numpy.int64(2**62)
    assert EveryValue.query.update(integer=many + EveryValue.integer + many) == 1
    assert EveryValue.query.update(real=EveryValue.real + numpy.float64(0.5)) == 1
    assert EveryValue.query.update(decimal=EveryValue.decimal * numpy.int32(3)) == 1
    found = EveryValue.query.first()
    assert (found.integer, found.real, found.decimal) == (2**62 * 3, 1.5, decimal.Decimal(3))
    with pytest.raises(rom.InvalidColumnValue):
        EveryValue.query.update(decimal=EveryValue.decimal + numpy.float64(0.5))


def test_numbers_are_ids_of_relations() -> None:
    column = EveryValue.integer
    assert column.score(Level.HIGH) == 3.0
    assert type(column.score(Share.HALF)) is float


@pytest.mark.parametrize('value', [1e9 + 0.1234567, 1234567890.0000004, 0.1 + 0.2])
def test_what_a_column_rounds_is_found_by_what_was_set(raw: redis.Redis, value: float) -> None:
    rom.util.CONNECTION = raw
    EveryValue(moment=value, day=value, time=value % 86400, until=value).save()
    query = EveryValue.query.with_expired()
    for name in ('moment', 'day', 'until'):
        assert query.filter(**{name: value}).count() == 1
        assert query.where(getattr(EveryValue, name) == value).count() == 1
    assert query.filter(time=value % 86400).count() == 1
    assert query.filter(moment=(value + 1, None)).count() == 0
    assert query.filter(moment=(-math.inf, math.inf)).count() == 1
    assert query.filter(integer=1.5).count() == 0


def test_lines_of_json_are_loaded_as_exact_values(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    columns = {'real': 3, 'integer': 5, 'decimal': '1.50', 'moment': '2024-01-01T00:00:00'}
    line = json.dumps({'model': 'EveryValue', 'id': 1, 'columns': columns})
    [*rom.jsonl.load([line.encode()], EveryValue)]
    found = EveryValue.get(1)
    for name in columns:
        is_exact(name, getattr(found, name))


def test_pydantic_gives_exact_values() -> None:
    body = EveryValue.pydantic(exclude='id')(text=Label.DONE, integer=Level.HIGH, real=Share.HALF)
    for name in ('text', 'integer', 'real'):
        is_exact(name, getattr(body, name))


def test_asyncio_threads_and_no_session_do_the_same(server: Server, raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw

    async def story() -> None:
        async with rom.AsyncSession(server.connect_async()) as s:
            EveryValue(text=Label.DONE, real=Share.HALF)
            await s.commit()
            assert await s.count(EveryValue.query.filter(text='done', real=0.5)) == 1

    asyncio.run(story())
    rom.session.null_session = True
    try:
        entity = EveryValue(text=Label.DONE)
        entity.save()
        assert len(EveryValue.get_by(text='done')) == 2
    finally:
        del rom.session.null_session
