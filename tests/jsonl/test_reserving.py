"""Reserving: the highest ids of lines, whatever form they have, and sense or none."""

import asyncio
import json

import pytest
import redis

import rom
import rom.aio.jsonl
from rom import jsonl

pytestmark = pytest.mark.one_server


class ReserveUser(rom.Model):
    _namespace = 'reserve'


class ReserveTeam(rom.Model):
    pass


TEXT = [
    b'{"model": "ReserveUser", "id": 7, "columns": {}}\n',
    b'{"model": "reserve", "id": 5, "columns": {}}\n',
    json.dumps({'id': 2**62, 'columns': {}, 'model': 'ReserveTeam'}).encode(),
    b'{"model": "Other", "id": 99, "columns": {}}\n',
    b'{"model": "ReserveUser", "id": 99999999999999999999, "columns": {}}\n',
    b'{"model": "ReserveUser", "id": "x", "columns": {}}\n',
    b'{"model": "ReserveUser", "id": true, "columns": {}}\n',
    b'nonsense\n',
    b'[1]\n',
    b'\n',
]


def test_the_highest_ids(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    raw.set('reserve:id:', 3)
    found = jsonl.reserve(TEXT, ReserveUser, ReserveTeam)
    assert found == {ReserveUser: 7, ReserveTeam: 2**62}
    assert raw.get('reserve:id:') == b'7'
    assert raw.get('ReserveTeam:id:') == b'%d' % 2**62
    user = ReserveUser()
    user.save()
    assert user.id == 8
    assert jsonl.reserve(TEXT, ReserveUser) == {ReserveUser: 7}
    assert raw.get('reserve:id:') == b'8'


def test_nothing_to_reserve(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    assert jsonl.reserve([], ReserveUser) == {}
    assert raw.dbsize() == 0


@pytest.mark.parametrize(
    'wrong',
    [
        b'{"model": "ReserveUser", "id": 9000, "columns": {"nope": 1}}\n',
        b'{"model": "ReserveUser", "id": 9223372036854775807, "columns": {}}\n',
        b'{"model": "ReserveUser", "id": 9000, "columns": []}\n',
        b'{"model": "ReserveUser", "id": 9000, "columns": {}\n',
    ],
)
def test_a_line_that_is_refused_reserves_nothing(raw: redis.Redis, wrong: bytes) -> None:
    rom.util.CONNECTION = raw
    good = [b'{"model": "ReserveUser", "id": %d, "columns": {}}\n' % id for id in range(1, 300)]
    text = [wrong, *good, wrong]
    assert jsonl.reserve(text, ReserveUser) == {ReserveUser: 299}
    with pytest.raises(rom.BulkError):
        list(jsonl.load(text, ReserveUser))
    user = ReserveUser()
    user.save()
    assert user.id == 300


def test_the_largest_id_leaves_ids_for_others(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    text = b'{"model": "ReserveUser", "id": %d, "columns": {}}\n'
    list(jsonl.load([text % 2**62], ReserveUser))
    user = ReserveUser()
    user.save()
    assert user.id == 2**62 + 1
    with pytest.raises(rom.BulkError, match='an integer from 1 to 4611686018427387904'):
        list(jsonl.load([text % (2**62 + 1)], ReserveUser))


def test_with_asyncio(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    found = asyncio.run(rom.aio.jsonl.reserve(TEXT, ReserveUser, ReserveTeam))
    assert found == {ReserveUser: 7, ReserveTeam: 2**62}
    assert raw.get('reserve:id:') == b'7'
