"""What the layers that keep each field store."""

from __future__ import annotations

import pytest
import redis
from schematics import types

from rom.schematics import FieldHashRedisMixin, FieldRedisMixin, ObjectHashRedisMixin
from tests.schematics.support import SOON, model, pks, vanilla
from tests.support.servers import dump, ttls, without_notes

pytestmark = pytest.mark.one_server

FIELDS = {
    b'pk': b'vanilla',
    b'id': b'vanilla',
    b'flavour': 'Sweet é'.encode(),
    b'amount_kg': b'42',
    b'best_before': SOON.isoformat().encode(),
    b'vegan': b'false',
    b'price': b'1.50',
    b'tags': b'["a", "b"]',
}
MORE = {'vegan': False, 'price': '1.50', 'tags': ['a', 'b']}


def test_a_string_for_each_field(raw: redis.Redis) -> None:
    vanilla(model(FieldRedisMixin, raw), **MORE).set()
    expected = {b'IceCream:vanilla:' + name: value for name, value in FIELDS.items()}
    assert dump(raw) == expected
    vanilla(model(FieldRedisMixin, raw)).set()
    for name in (b'vegan', b'price', b'tags'):
        del expected[b'IceCream:vanilla:' + name]
    assert dump(raw) == expected


def test_a_hash_for_each_field(raw: redis.Redis) -> None:
    kind = model(FieldHashRedisMixin, raw)
    vanilla(kind, **MORE).set()
    assert dump(raw) == {b'IceCream:' + name: {b'vanilla': value} for name, value in FIELDS.items()}
    kind({'id': 'bare'}).set()
    assert dump(raw)[b'IceCream:pk'] == {b'vanilla': b'vanilla', b'bare': b'bare'}
    assert dump(raw)[b'IceCream:tags'] == {b'vanilla': FIELDS[b'tags']}


def test_a_hash_for_each_object(raw: redis.Redis) -> None:
    kind = model(ObjectHashRedisMixin, raw)
    vanilla(kind, **MORE).set()
    assert dump(raw) == {b'IceCream:vanilla': FIELDS}
    kind({'id': 'vanilla'}).set()
    assert dump(raw) == {b'IceCream:vanilla': {b'pk': b'vanilla', b'id': b'vanilla'}}


def test_a_field_that_is_no_more_goes_with_the_next_set(raw: redis.Redis) -> None:
    raw.hset('IceCream:vanilla', mapping={'pk': 'vanilla', 'gone': 'x'})
    kind = model(ObjectHashRedisMixin, raw)
    kind.match_for_pk('vanilla').set()
    assert dump(raw) == {b'IceCream:vanilla': {b'pk': b'vanilla'}}


@pytest.mark.parametrize('mixin', [FieldRedisMixin, FieldHashRedisMixin, ObjectHashRedisMixin])
class TestEach:
    def test_parts_of_an_object_without_its_key_are_none(
        self, raw: redis.Redis, mixin: type
    ) -> None:
        kind = model(mixin, raw)
        raw.set('IceCream:half:flavour', 'x')
        raw.set('IceCream:flavour', 'x')
        raw.hset('IceCream:half', 'flavour', 'x')
        raw.hset('IceCream:amount_kg', 'half', '5')
        assert kind.all() == []
        kind({'id': 'whole'}).set() if mixin is not FieldHashRedisMixin else None
        assert len(kind.all()) == (mixin is not FieldHashRedisMixin)

    def test_a_partial_write_renews_the_whole_object(self, raw: redis.Redis, mixin: type) -> None:
        brief = model(mixin, raw, __expire__=1000)
        vanilla(brief).set()
        for key in ttls(raw):
            raw.pexpire(key, 5000)
        one = brief.match(id='vanilla')
        one.tags = ['new']
        one.set(only=['tags'])
        assert all(left > 900_000 for key, left in ttls(raw).items() if b':done:' not in key)
        lasting = model(mixin, raw)
        one = lasting.match(id='vanilla')
        one.set(only=['amount_kg'])
        left = [key for key in ttls(raw) if b':done:' not in key]
        assert (left == []) is (mixin is not FieldHashRedisMixin)

    def test_serialized_names_are_those_of_the_keys(self, raw: redis.Redis, mixin: type) -> None:
        kind = model(mixin, raw, pk=types.StringType(serialized_name='key'))
        kind({'id': 'a'}).set()
        assert pks(kind.all()) == ['a']
        shown = str(without_notes(dump(raw)))
        assert 'key' in shown and "'pk'" not in shown and ':pk' not in shown

    def test_many_fields(self, raw: redis.Redis, mixin: type) -> None:
        more = {f'f{number}': types.IntType() for number in range(3000)}
        kind = model(mixin, raw, **more)
        kind({'id': 'a', **dict.fromkeys(more, 7)}).set()
        kind({'id': 'b'}).set()
        assert kind.match_for_pk('a').f2999 == 7
        assert pks(kind.filter(f1500=7)) == ['a']
        assert kind.delete_all() == 2
        assert without_notes(dump(raw)) == {}
