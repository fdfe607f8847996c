"""What others wrote where rom keeps its own: a clear error, or it is left alone."""

from __future__ import annotations

from typing import Any

import pytest
import redis

import rom
from rom import maintenance

pytestmark = pytest.mark.one_server


@pytest.fixture
def thing(raw: redis.Redis) -> Any:
    class Thing(rom.Model):
        _conn = raw
        n = rom.Integer(index=True)
        name = rom.Text(index=True, unique=True, prefix=True, keygen=rom.IDENTITY)

    for n in range(3):
        Thing(n=n, name=str(n)).save()
    rom.session.rollback()
    return Thing


@pytest.mark.parametrize(
    'note', [b'[' * 100_000, b'{"declared": {}, "after": 1e999}', b'abc', b'[]']
)
def test_notes_that_rom_did_not_write(thing: Any, raw: redis.Redis, note: bytes) -> None:
    raw.set('Thing:id:indexes', note)
    raw.set('Thing:id:reindex', note)
    assert maintenance.status(thing)
    list(maintenance.reindex(thing))
    assert list(maintenance.check(thing)) == []
    assert thing.query.filter(n=1).count() == 1


@pytest.mark.parametrize('counter', [b'abc', b'1e999', b'9' * 5000, b'', b'-1'])
def test_a_counter_that_is_none(thing: Any, raw: redis.Redis, counter: bytes) -> None:
    raw.set('Thing:id:', counter)
    for job in (
        lambda: list(rom.util.refresh_indices(thing)),
        lambda: list(rom.util.clean_old_index(thing)),
        lambda: list(maintenance.reindex(thing)),
    ):
        with pytest.raises(
            rom.CorruptRowError, match='Thing:id: should hold the last id'
        ) as raised:
            job()
        assert len(str(raised.value)) < 500
    list(maintenance.check(thing))
    with pytest.raises(rom.ORMError):
        thing(n=9).save()
    rom.session.rollback()


@pytest.mark.parametrize(
    'name', [b'abc', b'9' * 5000, b'1_0', '\u0665'.encode(), b'07', b'\xff\x1b']
)
def test_rows_whose_names_are_no_ids(thing: Any, raw: redis.Redis, name: bytes) -> None:
    raw.hset(b'Thing:' + name, 'n', 1)
    raw.zadd('Thing:n:idx', {name: 1})
    raw.sadd('Thing:name:x:idx', name)
    for job in (
        lambda: maintenance.check(thing),
        lambda: maintenance.reindex(thing),
        lambda: rom.util.refresh_indices(thing),
        lambda: rom.util.clean_old_index(thing),
        lambda: thing.query.filter(n=1).all(),
        lambda: thing.query.filter(n=1).ids(),
        lambda: thing.query.filter(name='x').all(),
        lambda: thing.query.order_by('n').ids(),
    ):
        try:
            list(job())
        except rom.ORMError as error:
            assert len(str(error)) < 500 and str(error).isprintable()
