"""Whatever is done to the indexes, a repair makes them what the rows imply, and touches no row."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

import rom
from rom import maintenance
from tests._core.ops.maintenance.damage import CheckTeam, CheckUser, make, rows
from tests.support.implied import assert_consistent
from tests.support.servers import Server

IDS = st.one_of(st.integers(1, 14).map(str), st.sampled_from(['x', '03', '99', '']))
SCORES = st.sampled_from([0.0, 1.0, 3.0, 1e300, float('-inf')])
STEMS = st.sampled_from([b'all\0', b'word3\0', b'\0', b's4\0', b''])
SETS = [f'chk:city:{word}:idx' for word in ('C0', 'C1', 'Ghost')] + [
    'chk:words:all:idx', 'chk:words:word3:idx', 'chk:parts:odd:idx',
]  # fmt: skip
NUMBERS = ['chk:number:idx', 'chk:simple:idx', 'chk:parts:idx', 'chk:home:geo', 'chk:until:idx']
STRINGS = ['chk:words:pre', 'chk:words:suf', 'chk:simple:pre']
HASHES = ['chk:code:uidx', 'chk:code:number:uidx', 'chk:both:uidx']
VALUES = st.sampled_from([b'c3', b'c4', b'C1-4', b'C2-5', b'\0\0c3\0\0\x003', b'none'])

DAMAGE = st.one_of(
    st.tuples(st.just('DEL'), st.sampled_from([*SETS, *NUMBERS, *STRINGS, *HASHES])),
    st.tuples(st.just('SADD'), st.sampled_from(SETS), IDS),
    st.tuples(st.just('SREM'), st.sampled_from(SETS), IDS),
    st.tuples(st.just('ZADD'), st.sampled_from(NUMBERS), SCORES, IDS),
    st.tuples(st.just('ZREM'), st.sampled_from(NUMBERS), IDS),
    st.tuples(
        st.just('ZADD'),
        st.sampled_from(STRINGS),
        SCORES,
        st.tuples(STEMS, IDS).map(lambda pair: pair[0] + pair[1].encode()),
    ),
    st.tuples(st.just('HSET'), st.sampled_from(HASHES), VALUES, IDS),
    st.tuples(st.just('HDEL'), st.sampled_from(HASHES), VALUES),
    st.tuples(st.just('SETBIT'), st.just('chk:id:live'), st.integers(0, 99), st.integers(0, 1)),
    st.tuples(st.just('SET'), st.just('chk:id:'), st.integers(0, 99)),
    st.tuples(st.just('DEL'), st.sampled_from(['chk:3', 'chk:4', 'chk:12'])),
)


@pytest.mark.one_server
@settings(max_examples=60)
@given(st.lists(DAMAGE, max_size=12), st.sampled_from([1, 5, 100]))
def test_any_damage(server: Server, client: redis.Redis, damage: list[Any], batch: int) -> None:
    server.flush()
    rom.util.CONNECTION = client
    make(12, expired=None)
    for command in damage:
        client.execute_command(*command)
    before = rows(client)
    findings = list(maintenance.check(CheckUser, repair=True, batch=batch))
    assert all(finding.repaired for finding in findings)
    assert rows(client) == before
    assert list(maintenance.check(CheckUser)) == []
    if not int(client.get('chk:id:') or 0):
        client.set('chk:id:', 12)  # no row is left that needs it
    assert_consistent(client, CheckUser, CheckTeam)
