"""Walking along ids: stretches, without a server where replies say it all."""

from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.search.row_scan import Stretch, stretch

pytestmark = pytest.mark.one_server


class WalkUser(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)


def walk(raw: redis.Redis, after: int, count: int, query: Any = None) -> Stretch:
    return SyncDriver(raw).run(stretch(query or WalkUser.query, after, count))


def test_stretches(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    assert walk(raw, 0, 5) == Stretch([], [], 0, True)
    for number in range(7):
        WalkUser(name=f'n{number % 2}')
    rom.session.commit()
    first = walk(raw, 0, 3)
    assert ([row.id for row in first.rows], first.last, first.is_end) == ([1, 2, 3], 3, False)
    last = walk(raw, 5, 3)
    assert ([row.id for row in last.rows], last.last, last.is_end) == ([6, 7], 7, True)
    some = walk(raw, 2, 9, WalkUser.query.filter(name='n0'))
    assert ([row.id for row in some.rows], some.is_end) == ([3, 5, 7], True)


def test_an_index_that_is_none_is_an_error(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    WalkUser(name='x').save()
    raw.delete('WalkUser:name:x:idx')
    raw.set('WalkUser:name:x:idx', 'mine')
    with pytest.raises(rom.CorruptRowError, match='WalkUser:name:x:idx'):
        walk(raw, 0, 5, WalkUser.query.filter(name='x'))
