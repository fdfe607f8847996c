"""Out of one database and into another: whatever columns hold, every key is the same."""

import asyncio
import datetime
import decimal
import io
import math
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
from hypothesis import strategies as st

import rom
import rom.aio.jsonl
from rom import jsonl
from tests.support.guises import Label, Level, Share
from tests.support.implied import assert_consistent
from tests.support.servers import Server, dump, without_notes

pytestmark = pytest.mark.one_server


class TripForeign:
    """What a ForeignModel refers to."""

    def __init__(self, id: int) -> None:
        self.id = id

    @classmethod
    def get(cls, id: int) -> 'TripForeign':
        return cls(id)


class TripTeam(rom.Model):
    name = rom.Text(unique=True)


class TripAll(rom.Model):
    """A column of every kind, and an index of every kind."""

    _namespace = 'trip-all'
    integer = rom.Integer(index=True, unique=True)
    number = rom.Float(index=True)
    loose = rom.Float()
    exact = rom.Decimal(index=True)
    flag = rom.Boolean(index=True)
    moment = rom.DateTime(index=True)
    safer = rom.SaferDateTime()
    day = rom.Date(index=True)
    time = rom.Time(index=True)
    text = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    name = rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.SIMPLE_CI)
    data = rom.String(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_STRING)
    settings = rom.Json()
    team = rom.ManyToOne('TripTeam', on_delete='no action')
    rival = rom.OneToOne('TripTeam', on_delete='no action')
    foreign = rom.ForeignModel(TripForeign)
    expire_at = rom.ExpireAt()
    state = rom.Enum(Label, index=True, prefix=True)
    level = rom.Enum(Level, index=True)
    share = rom.Enum(Share)
    key = rom.UUID(index=True, unique=True, suffix=True)
    span = rom.Duration(index=True)
    ip = rom.IPAddress(index=True, unique=True)
    aware = rom.DateTime(tz=True, index=True)
    changed = rom.DateTime(auto_now=True)
    tags = rom.List(rom.Text(), index=True, prefix=True, suffix=True)
    digits = rom.Set(rom.Integer(), index=True)
    bits = rom.List(rom.String())
    days = rom.List(rom.Date())
    states = rom.Set(rom.Enum(Label), index=True, prefix=True)
    flags = rom.List(rom.Boolean(), index=True)
    exacts = rom.List(rom.Decimal(), index=True)
    now_called = rom.Text(stored_as='was called', choices=['a', 'b'])
    low = rom.IndexOnly('name', keygen=rom.IDENTITY_CI, index=True)
    unique_together = [('day', 'time')]
    geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.number % 170, 'lat': e.number % 80})]


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
PLAIN = st.text(st.characters(exclude_categories=['Cs']), max_size=8)
YEARS = {
    'min_value': datetime.datetime(1900, 1, 1),
    'max_value': datetime.datetime(2200, 1, 1),
}
FUTURE = {
    'min_value': datetime.datetime(2100, 1, 1),
    'max_value': datetime.datetime(2200, 1, 1),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    'integer': st.integers(-(2**70), 2**70),
    'number': NUMBERS,
    'loose': st.floats(),
    'exact': st.decimals(allow_nan=False, allow_infinity=False),
    'flag': st.booleans(),
    'moment': st.datetimes(**YEARS),
    'safer': st.datetimes(**YEARS),
    'day': st.dates(),
    'time': st.times(),
    'text': PLAIN,
    'name': PLAIN,
    'data': st.binary(max_size=8),
    'settings': st.dictionaries(st.text(max_size=4), JSON, max_size=3) | st.lists(JSON, max_size=3),
    'foreign': st.builds(TripForeign, st.integers(1, 2**60)),
    'expire_at': st.datetimes(**FUTURE),
    'state': st.sampled_from(Label),
    'level': st.sampled_from(Level),
    'share': st.sampled_from(Share),
    'key': st.uuids(),
    'span': st.timedeltas(),
    'ip': st.ip_addresses(),
    'aware': st.datetimes(**YEARS, timezones=st.just(datetime.UTC)),
    'changed': st.datetimes(**YEARS),
    'now_called': st.sampled_from('ab'),
    'tags': st.lists(PLAIN, max_size=3),
    'digits': st.sets(st.integers(-(2**70), 2**70), max_size=3),
    'bits': st.lists(st.binary(max_size=4), max_size=3),
    'days': st.lists(st.dates(), max_size=2),
    'states': st.sets(st.sampled_from(Label)),
    'flags': st.lists(st.booleans(), max_size=2),
    'exacts': st.lists(st.decimals(allow_nan=False, allow_infinity=False), max_size=2),
}
ROWS = st.lists(st.fixed_dictionaries({}, optional=COLUMNS), max_size=4)


def keyspace(client: redis.Redis) -> dict[bytes, Any]:
    return without_notes(dump(client))


def write(rows: list[dict[str, Any]]) -> None:
    team = TripTeam(name='one')
    for place, row in enumerate(rows):
        try:
            TripAll(
                **row, team=team if place % 2 else None, rival=team if place % 3 else None
            ).save()
        except rom.UniqueKeyViolation:
            continue  # the id is gone, as ids are: a gap to be loaded around
    team.save()
    rom.session.rollback()


@hypothesis.settings(max_examples=40)
@hypothesis.given(rows=ROWS, loaded_before=st.booleans())
def test_every_key_is_the_same(
    server: Server, rows: list[dict[str, Any]], loaded_before: bool
) -> None:
    server.flush()
    with server.connect() as here, server.connect(db=1) as there:
        rom.util.CONNECTION = here
        write(rows)
        text = b''.join(block.text for block in jsonl.dump(TripAll, TripTeam, block_size=2))
        counters = ('trip-all:id:', 'TripTeam:id:')
        rom.util.CONNECTION = there
        for _ in range(1 + loaded_before):
            *_, done = [None, *jsonl.load(io.BytesIO(text), TripAll, TripTeam, batch_size=3)]
        assert_consistent(there, TripAll, TripTeam)
        before, after = keyspace(here), keyspace(there)
        for counter in counters:  # those that were given out and not used are behind the last row
            assert int(after.pop(counter.encode(), 0)) <= int(before.pop(counter.encode(), 0))
        for live in (b'trip-all:id:live', b'TripTeam:id:live'):
            assert before.pop(live, b'').rstrip(b'\0') == after.pop(live, b'').rstrip(b'\0')
        assert after == before
        again = b''.join(block.text for block in jsonl.dump(TripAll, TripTeam))
        assert again == text
        if done is not None:
            assert done.line == len(text.splitlines())
            assert math.fsum([done.bytes]) == len(text)


class TripOld(rom.Model):
    """What rom 1.x writes too: rows list their entries, and there is no bitmap."""

    _keep_index_data = True
    name = rom.Text(unique=True, index=True, suffix=True, keygen=rom.FULL_TEXT)
    age = rom.Integer(index=True)


def test_rows_that_list_their_entries(raw: redis.Redis, server: Server) -> None:
    rom.util.CONNECTION = raw
    for number in range(1, 8):
        TripOld(name=f'all w{number}', age=number).save()
    TripOld.get(3).delete()
    rom.session.rollback()
    text = b''.join(block.text for block in jsonl.dump(TripOld, block_size=2))
    with server.connect(db=1) as there:
        rom.util.CONNECTION = there
        there.hset('TripOld:2', mapping={'id': 2, 'name': 'old', '-index-data-': '[]'})
        done = list(jsonl.load(io.BytesIO(text), TripOld))[-1]
        assert (done.rows.inserted, done.rows.updated) == (5, 1)
        assert keyspace(there) == keyspace(raw)


#: As rom wrote it when there was one dialect only: bytes as latin-1, moments without a zone.
OLD_DUMP = """\
{"model": "OldDumpTeam", "id": 1, "columns": {"name": "né"}}
{"model": "OldDump", "id": 1, "columns": {"integer": 1180591620717411303424, "number": "inf", \
"exact": "12.50", "flag": false, "moment": "2130-01-31T12:00:00.000001", "day": "2130-01-31", \
"time": "12:00:00.000001", "text": "né", "data": "úûüýþÿabcd", "settings": {"a": [1, null]}, \
"team": 1, "expire_at": "2130-01-31T12:00:00.000001"}}
{"model": "OldDump", "id": 2, "columns": {"integer": null, "number": "nan", "exact": null, \
"flag": null, "moment": null, "day": null, "time": null, "text": null, "data": "abcd", \
"settings": null, "team": null, "expire_at": null}}
""".encode()


class OldDumpTeam(rom.Model):
    name = rom.Text()


class OldDump(rom.Model):
    integer = rom.Integer()
    number = rom.Float()
    exact = rom.Decimal()
    flag = rom.Boolean()
    moment = rom.DateTime()
    day = rom.Date()
    time = rom.Time()
    text = rom.Text()
    data = rom.String()
    settings = rom.Json()
    team = rom.ManyToOne('OldDumpTeam', on_delete='no action')
    expire_at = rom.ExpireAt()


def dumped() -> bytes:
    return b''.join(block.text for block in jsonl.dump(OldDumpTeam, OldDump))


async def load_async(text: bytes) -> None:
    async for _ in rom.aio.jsonl.load(io.BytesIO(text), OldDumpTeam, OldDump):
        pass


@pytest.mark.parametrize('is_async', [False, True])
def test_an_old_dump_is_read(raw: redis.Redis, tmp_path: Path, is_async: bool) -> None:
    rom.util.CONNECTION = raw
    if is_async:
        asyncio.run(load_async(OLD_DUMP))
    else:
        list(jsonl.load(io.BytesIO(OLD_DUMP), OldDumpTeam, OldDump))
    one, two = OldDump.get([1, 2])
    moment = datetime.datetime(2130, 1, 31, 12, 0, 0, 1)
    assert one.to_dict() == {
        'id': 1,
        'integer': 2**70,
        'number': math.inf,
        'exact': decimal.Decimal('12.50'),
        'flag': False,
        'moment': moment,
        'day': moment.date(),
        'time': moment.time(),
        'text': 'né',
        'data': bytes(range(250, 256)) + b'abcd',
        'settings': {'a': [1, None]},
        'team': OldDumpTeam.get(1),
        'expire_at': moment,
    }
    assert (two.data, math.isnan(two.number)) == (b'abcd', True)
    before = keyspace(raw)
    new = dumped()
    assert new != OLD_DUMP
    # An old file may be resumed, and joined with a new one: each line has its dialect.
    path = tmp_path / 'dump'
    path.write_bytes(OLD_DUMP[: OLD_DUMP.index(b'{"model": "OldDump", "id": 2') + 30])
    file, after = jsonl.resume(path, OldDumpTeam, OldDump)
    with file:
        for block in jsonl.dump(OldDumpTeam, OldDump, after=after):
            file.write(block.text)
    for text in (new, path.read_bytes(), new + OLD_DUMP):
        raw.flushdb()
        list(jsonl.load(io.BytesIO(text), OldDumpTeam, OldDump))
        assert keyspace(raw) == before
        assert dumped() == new
