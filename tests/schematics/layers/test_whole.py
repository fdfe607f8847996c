"""What the layers of redis-schematics store."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis
from schematics import types

from rom.schematics import HashRedisMixin, HashRedisModel, SimpleRedisMixin, SimpleRedisModel
from tests.schematics.support import SOON, fill, model, pks, trips, vanilla
from tests.support.servers import dump, ttls

pytestmark = pytest.mark.one_server

STORED = {
    'pk': 'vanilla', 'id': 'vanilla', 'flavour': 'Sweet é', 'amount_kg': 42,
    'best_before': SOON.isoformat(), 'price': None, 'vegan': None, 'tags': None,
}  # fmt: skip


def test_simple(raw: redis.Redis) -> None:
    vanilla(model(SimpleRedisMixin, raw)).set()
    assert dump(raw) == {b'IceCream:vanilla': json.dumps(STORED).encode()}
    vanilla(model(SimpleRedisMixin, raw, __expire__=100)).set()
    [left] = ttls(raw).values()
    assert 99_000 < left <= 100_000


def test_hash(raw: redis.Redis) -> None:
    vanilla(model(HashRedisMixin, raw)).set()
    assert dump(raw) == {b'IceCream': {b'IceCream:vanilla': json.dumps(STORED).encode()}}
    assert ttls(raw) == {}
    vanilla(model(HashRedisMixin, raw, __expire__=100)).set()
    [left] = ttls(raw).values()
    assert 99_000 < left <= 100_000


def test_a_hash_that_depends_on_a_field(raw: redis.Redis) -> None:
    class Own:
        @property
        def set_key(self) -> Any:
            return self.__key_pattern__(self.hash_id)  # type: ignore[attr-defined]

    kind = model(
        HashRedisMixin, raw, hash_id=types.StringType(default='SubKey'), __set_key__=Own.set_key
    )
    fill(kind)
    vanilla(kind, id='other', hash_id='Other').set()
    assert set(dump(raw)) == {b'IceCream:SubKey', b'IceCream:Other'}
    assert pks(kind.all()) == ['bare', 'choc', 'little', 'vanilla']
    assert pks(kind.filter(hash_id='Other')) == ['other']
    assert kind.match(id='other', hash_id='Other').pk == 'other'
    other = kind.match(id='other', hash_id='Other')
    other.refresh()
    other.delete()
    assert set(dump(raw)) == {b'IceCream:SubKey'}
    assert kind.delete_all() == 4


def test_the_shortcuts_have_a_key_already(raw: redis.Redis) -> None:
    for base, key in ((SimpleRedisModel, b'Short:1'), (HashRedisModel, b'Short')):
        kind: Any = type(base)(
            'Short', (base,), {'__redis_client__': raw, 'id': types.StringType()}
        )
        raw.flushall()
        kind({'id': '1'}).set()
        assert list(dump(raw)) == [key]
        assert pks(kind.all()) == ['1']


def test_an_object_of_another_model_whose_keys_look_alike(raw: redis.Redis) -> None:
    """redis-schematics takes them for its own."""
    kind = model(SimpleRedisMixin, raw)
    fill(kind)
    raw.set('IceCream:Cone:x', '{"pk": "x", "id": "x"}')
    raw.set('IceCream:count', '5')
    raw.set('IceCream:list', '[]')
    assert len(kind.all()) == 4
    assert kind.delete_all() == 4
    assert set(dump(raw)) == {b'IceCream:Cone:x', b'IceCream:count', b'IceCream:list'}


def test_delete_all_leaves_what_it_cannot_read(raw: redis.Redis) -> None:
    kind = model(SimpleRedisMixin, raw)
    fill(kind)
    raw.set('IceCream:broken', '{broken')
    with pytest.raises(Exception, match='IceCream:broken'):
        kind.delete_all()
    assert set(dump(raw)) == {b'IceCream:broken'}


def test_one_command_where_one_is_enough(raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    for mixin, command in ((SimpleRedisMixin, 'SET'), (HashRedisMixin, 'HSET')):
        with trips(monkeypatch) as sent:
            vanilla(model(mixin, raw)).set()
        assert sent == [command]
