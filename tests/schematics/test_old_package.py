"""What redis-schematics 0.3.1 wrote, in place, both ways; it writes in a second process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from schematics import models, types

from rom.schematics import HashRedisMixin, SimpleRedisMixin
from tests.schematics.support import pks
from tests.support import redis_schematics
from tests.support.fetched import Unavailable
from tests.support.servers import Server, dump, ttls

pytestmark = [pytest.mark.slow, pytest.mark.one_server]

OBJECTS = [
    {
        'id': 'vanilla', 'flavour': 'Sweet é "quoted"', 'amount_kg': 42, 'price': '1.50',
        'best_before': '2031-05-06T07:08:09.123456', 'vegan': False, 'tags': ['a', 'é'],
        'part': {'name': 'cream', 'grams': 1.5}, 'seen': 1500000000.25,
        'Code': 'f0000000-0000-0000-0000-00000000000f',
    },
    {
        'id': 'choc', 'flavour': 'Chocolate', 'amount_kg': 12, 'vegan': True, 'tags': [],
        'best_before': '2032-01-01T00:00:00.000000+0200',
    },
    {'id': 'with:colon', 'amount_kg': 30},
    {'id': 'bare', 'amount_kg': None},
    {'pk': 'own key', 'id': 'other', 'amount_kg': 7},
]  # fmt: skip
PKS = ['bare', 'choc', 'own key', 'vanilla', 'with:colon']


@pytest.fixture(scope='module')
def folder() -> Path:
    try:
        return redis_schematics.install()
    except Unavailable as error:
        pytest.skip(f'needs redis-schematics 0.3.1 (once, with a network): {error}')


class Part(models.Model):  # type: ignore[misc]
    name = types.StringType()
    grams = types.FloatType()


@pytest.fixture(params=['OldSimple', 'OldHash'])
def kind(request: pytest.FixtureRequest, raw: redis.Redis) -> Any:
    """The same model as in old_ice_cream.py."""
    body = {
        '__redis_client__': raw,
        'pk': types.StringType(),
        'id': types.StringType(),
        'flavour': types.StringType(),
        'amount_kg': types.IntType(default=1),
        'best_before': types.DateTimeType(),
        'price': types.DecimalType(),
        'vegan': types.BooleanType(),
        'tags': types.ListType(types.StringType()),
        'part': types.ModelType(Part),
        'seen': types.TimestampType(),
        'code': types.UUIDType(serialized_name='Code'),
    }
    mixin = SimpleRedisMixin if request.param == 'OldSimple' else HashRedisMixin
    if mixin is HashRedisMixin:
        body['__expire__'] = 100_000
    return type(models.Model)(request.param, (models.Model, mixin), body)


@pytest.fixture
def old(folder: Path, server: Server, kind: Any) -> Callable[..., Any]:
    """Calls a function of old_ice_cream.py for the same model."""
    return lambda what, **arguments: redis_schematics.run(
        folder, server.socket, what, model=kind.__name__, **arguments
    )


def test_both_store_the_same(raw: redis.Redis, kind: Any, old: Callable[..., Any]) -> None:
    old('write', objects=OBJECTS)
    theirs, theirs_left = dump(raw), ttls(raw)
    raw.flushall()
    for given in OBJECTS:
        kind(given).set()
    assert dump(raw) == theirs
    assert ttls(raw).keys() == theirs_left.keys()
    for key, left in ttls(raw).items():
        assert abs(left - theirs_left[key]) < 60_000


def test_ours_reads_changes_filters_and_deletes_theirs(
    raw: redis.Redis, kind: Any, old: Callable[..., Any]
) -> None:
    old('write', objects=OBJECTS)
    assert pks(kind.all()) == PKS
    assert {one.pk: one.to_primitive() for one in kind.all()} == {
        one['pk']: one for one in old('read')
    }
    assert pks(kind.filter(amount_kg__gte=12)) == ['choc', 'vanilla', 'with:colon']
    assert pks(kind.filter(best_before__gt='2031-12-31T00:00')) == ['choc']
    one = kind.match(id='vanilla')
    one.amount_kg = 41
    one.set(if_unchanged=True)
    assert old('match', pks=['vanilla']) == [one.to_primitive()]
    assert kind.delete_filter(vegan=True) == 1
    kind.match_for_pk('with:colon').delete()
    assert sorted(one['pk'] for one in old('read')) == ['bare', 'own key', 'vanilla']
    assert kind.delete_all() == 3
    assert [key for key in dump(raw) if not key.startswith(b'rom:done:')] == []


def test_theirs_reads_changes_filters_and_deletes_ours(
    raw: redis.Redis, kind: Any, old: Callable[..., Any]
) -> None:
    for given in OBJECTS:
        kind(given).set()
    by_pk = {one.pk: one.to_primitive() for one in kind.all()}
    assert old('match', pks=PKS) == [by_pk[pk] for pk in PKS]
    assert {one['pk']: one for one in old('read')} == by_pk
    assert old('find', clauses={'flavour': 'Chocolate'}) == ['choc']
    mine = kind.match(id='vanilla')
    old('change', pk='vanilla', name='amount_kg', value=5)
    mine.refresh()
    assert mine.amount_kg == 5
    assert old('delete', clauses={'amount_kg': 5}) == 1
    assert pks(kind.all()) == ['bare', 'choc', 'own key', 'with:colon']


def test_the_key_that_they_all_shared(raw: redis.Redis, kind: Any, old: Callable[..., Any]) -> None:
    """Objects without a key of their own all overwrote one; it is an object like any other."""
    old('write', objects=[{'amount_kg': 1}, {'amount_kg': 2}])
    [shared] = kind.all()
    assert shared.pk.startswith('<function uuid4')
    assert shared.amount_kg == 2
    for number in (3, 4):
        kind({'amount_kg': number}).set()
    assert len(kind.all()) == 3
    shared.delete()
    assert sorted(one.amount_kg for one in kind.all()) == [3, 4]
