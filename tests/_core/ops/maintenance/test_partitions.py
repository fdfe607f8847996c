"""Maintenance over partitions: each is checked, built and cleaned."""

import io
from typing import Any

import pytest
import redis

import rom
import rom.jsonl
from tests.support.implied import assert_consistent
from tests.support.worlds import Front

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]
SHARDS = rom.Shards('kept', 3)


class KeptUser(rom.Model):
    _shards, _shard_by = SHARDS, 'tenant'
    tenant = rom.Integer(index=True)
    name = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    code = rom.Integer()
    unique_together = [('tenant', 'code')]


def users(count: int = 12) -> list[Any]:
    made = []
    for number in range(count):
        made.append(KeptUser(tenant=number % 5, name=f'u{number}', code=number))
        made[-1].save()
    return made


def test_a_check_finds_and_repairs_in_each_partition(front: Front, raw: redis.Redis) -> None:
    made = users()
    schema = KeptUser._schema
    for user in made[:3]:
        part = schema.at_id(user.id)
        assert part.part is not None
        raw.zrem(part.keys.scores('tenant'), part.part.local_id(user.id))
    stray = schema.at(0).keys.word('name', 'nobody')
    raw.sadd(stray, 99)
    found = front.check(KeptUser)
    findings = list(found)
    assert {(one.kind, one.id) for one in findings} == {
        *(('missing', user.id) for user in made[:3]),
        ('dangling', schema.at(0).seen_id(99)),
    }
    assert (found.done, found.total) >= (12, 12) and found.unrepaired == 4
    assert list(front.check(KeptUser, repair=True))
    assert not list(front.check(KeptUser))
    assert_consistent(raw, KeptUser)


@pytest.mark.parametrize('job', ['reindex', 'refresh_indices', 'clean_old_index'])
def test_jobs(front: Front, raw: redis.Redis, job: str) -> None:
    made = users()
    raw.sadd(KeptUser._schema.at(1).keys.word('name', 'nobody'), 99)
    if job != 'clean_old_index':
        for number in range(3):
            keys = KeptUser._schema.at(number).keys
            raw.delete(keys.scores('tenant'), keys.live, keys.indexes)
        [status] = front.status(KeptUser)
        assert status.state == 'unknown' and status.is_due
    steps = list(getattr(front, job)(KeptUser))
    assert steps[-1][0] == steps[-1][1] and steps == sorted(steps)
    assert_consistent(raw, KeptUser)
    [status] = front.status(KeptUser)
    assert status.state == 'right'
    assert KeptUser.query.count() == len(made)


def test_dump_and_load(raw: redis.Redis) -> None:
    made = users()
    text = b''.join(block.text for block in rom.jsonl.dump(KeptUser, block_size=5))
    assert rom.jsonl.highest(KeptUser) == max(user.id for user in made)
    rows = {user.id: (user.tenant, user.name) for user in made}
    rom.session.rollback()
    raw.flushdb()
    assert rom.jsonl.reserve(io.BytesIO(text), KeptUser) == {KeptUser: max(rows)}
    [*_, done] = rom.jsonl.load(io.BytesIO(text), KeptUser, batch_size=5)
    assert done.rows.inserted == len(rows)
    assert {user.id: (user.tenant, user.name) for user in KeptUser.query} == rows
    assert_consistent(raw, KeptUser)
    assert KeptUser(tenant=1).save() and KeptUser.query.count() == 13
    [*_, done] = rom.jsonl.load(io.BytesIO(text), KeptUser)
    assert (done.rows.inserted, done.rows.unchanged) == (0, 12)
    moved = text.replace(b'"tenant": 1', b'"tenant": 3').replace(b'"tenant":1', b'"tenant":3')
    with pytest.raises(rom.BulkError, match='in another partition than this value'):
        list(rom.jsonl.load(io.BytesIO(moved), KeptUser))
