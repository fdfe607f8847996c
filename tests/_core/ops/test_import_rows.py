"""Arriving: what the front (tests/jsonl/test_loading.py) cannot show: races, told by replies."""

from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.import_rows import ImportCounts, ImportRow, RowRejectedError, import_rows
from rom._core.ops.requests import Script

pytestmark = pytest.mark.one_server


class ArriveUser(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)


class Meddling(SyncDriver):
    """Does something before the first commit is sent."""

    def __init__(self, client: redis.Redis, deed: Any) -> None:
        super().__init__(client)
        self.deed = deed

    def perform(self, request: Any) -> Any:
        if isinstance(request, Script) and request.name == 'commit' and self.deed:
            deed, self.deed = self.deed, None
            deed()
        return super().perform(request)


@pytest.fixture(autouse=True)
def connected(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw


def row(id: int = 1, name: bytes = b'new') -> ImportRow:
    return ImportRow(ArriveUser._schema, id, {'name': name})


def appears(raw: redis.Redis) -> Any:
    def deed() -> None:
        raw.hset('ArriveUser:1', mapping={'id': 1, 'name': 'other'})
        raw.sadd('ArriveUser:name:other:idx', 1)
        raw.setbit('ArriveUser:id:live', 1, 1)

    return deed


@pytest.mark.parametrize(
    ('on_conflict', 'counted', 'name'),
    [
        ('update', ImportCounts(updated=1), b'new'),
        ('replace', ImportCounts(updated=1), b'new'),
        ('skip', ImportCounts(skipped=1), b'other'),
    ],
)
def test_a_row_that_appears_meanwhile(
    raw: redis.Redis, on_conflict: Any, counted: ImportCounts, name: bytes
) -> None:
    found = Meddling(raw, appears(raw)).run(import_rows([row()], on_conflict))
    assert found == counted
    assert raw.hget('ArriveUser:1', 'name') == name
    assert ArriveUser.query.filter(name=name.decode()).ids() == [1]
    assert ArriveUser.query.filter(name='new' if name == b'other' else 'other').count() == 0


def test_one_that_appears_and_must_not(raw: redis.Redis) -> None:
    with pytest.raises(RowRejectedError, match='ArriveUser 1: expected an unused id') as caught:
        Meddling(raw, appears(raw)).run(import_rows([row(2), row()], 'fail'))
    assert caught.value.index == 1
    assert raw.exists('ArriveUser:2') == 0


def test_a_row_that_changes_or_goes_meanwhile(raw: redis.Redis) -> None:
    ArriveUser(name='old').save()

    def change() -> None:
        with rom.Session(raw) as session:
            user = session.get(ArriveUser, 1)
            user.name = 'other'
            session.commit()

    assert Meddling(raw, change).run(import_rows([row()])) == ImportCounts(updated=1)
    assert [ArriveUser.query.filter(name=n).count() for n in ('old', 'other', 'new')] == [0, 0, 1]

    def delete() -> None:
        with rom.Session(raw) as session:
            session.delete(session.get(ArriveUser, 1))

    assert Meddling(raw, delete).run(import_rows([row(name=b'again')])) == ImportCounts(updated=1)
    assert ArriveUser.query.filter(name='again').ids() == [1]


def test_counts_add_up() -> None:
    assert ImportCounts(1, 2, 3, 4) + ImportCounts(10, 20, 30, 40) == ImportCounts(11, 22, 33, 44)
