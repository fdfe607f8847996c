"""Every layer against a dict: random writes, then every filter must find what Python finds."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pytest
import redis

from rom.schematics import transaction
from rom.schematics.conditions import conditions_of
from rom.schematics.fields import fields_of
from tests.schematics.support import EVERY_LAYER, model, pks
from tests.support.servers import dump

pytestmark = pytest.mark.one_server

START = datetime.datetime(2030, 1, 1)
VALUES: dict[str, list[Any]] = {
    'flavour': [None, '', 'a', 'ab', 'b', 'é', 'a\x00b'],
    'amount_kg': [None, -1, 0, 1, 2**53, 2**53 + 1],
    'best_before': [None, START, START + datetime.timedelta(microseconds=1)],
    'price': [None, '0', '1.5', '1.50000000000000000001'],
    'vegan': [None, True, False],
    'tags': [None, [], ['a'], ['a', 'b']],
}
SIGNS = {
    'flavour': ['', '__not', '__gt', '__lte', '__in', '__exclude', '__startswith', '__endswith'],
    'tags': ['', '__not'],
}
ORDERED = ['', '__eq', '__not', '__gt', '__gte', '__lt', '__lte', '__in', '__exclude']


def some_values(rng: random.Random) -> dict[str, Any]:
    return {name: rng.choice(values) for name, values in VALUES.items()}


def some_clauses(rng: random.Random) -> dict[str, Any]:
    clauses: dict[str, Any] = {}
    for name in rng.sample(sorted(VALUES), rng.choice([1, 1, 2, 3])):
        sign = rng.choice(SIGNS.get(name, ORDERED))
        value = rng.choice(VALUES[name])
        if sign in ('__in', '__exclude'):
            value = rng.sample(VALUES[name], rng.randrange(3))
        elif sign in ('__startswith', '__endswith'):
            value = value or 'a'
        clauses[name + sign] = value
    return clauses


def write(rng: random.Random, kind: Any, held: dict[str, Any]) -> None:
    pk = f'pk{rng.randrange(12)}'
    what = rng.random()
    if what < 0.25:
        kind({'pk': pk}).delete()
        held.pop(pk, None)
        return
    values = some_values(rng)
    if what < 0.5 and pk in held and kind.__layer__.has_parts:
        names = rng.sample(sorted(values), 2)
        kind({'pk': pk, **values}).set(only=names)
        held[pk] = held[pk] | {name: values[name] for name in names}
    elif what < 0.7 and pk in held:
        one = kind.match_for_pk(pk)
        one.import_data(values)
        one.set(if_unchanged=True)
        held[pk] = values
    else:
        kind({'pk': pk, **values}).set()
        held[pk] = values


@EVERY_LAYER
@pytest.mark.parametrize('seed', range(3))
def test_all_filters_find_the_same(raw: redis.Redis, mixin: type, seed: int) -> None:
    rng = random.Random(seed)
    kind, held = model(mixin, raw), {}
    for _ in range(8):
        if rng.random() < 0.5:
            with transaction():
                for _ in range(5):
                    pk, values = f'pk{rng.randrange(12)}', some_values(rng)
                    kind({'pk': pk, **values}).set()
                    held[pk] = values
        for _ in range(6):
            write(rng, kind, held)
        expected = {pk: kind({'pk': pk, **values}) for pk, values in held.items()}
        assert {one.pk: one.to_native() for one in kind.all()} == {
            pk: one.to_native() for pk, one in expected.items()
        }
        for _ in range(15):
            clauses = some_clauses(rng)
            conditions = conditions_of(fields_of(kind), clauses)
            found = [
                pk
                for pk, one in expected.items()
                if all(c.holds(one[c.field.name]) for c in conditions)
            ]
            assert pks(kind.filter(**clauses)) == sorted(found), clauses
    if kind.__layer__.has_indexes:
        churned = by_pk(raw)
        raw.flushall()
        for one in expected.values():
            one.set()
        assert churned == by_pk(raw)
    else:
        churned = dump(raw)
        raw.flushall()
        for one in expected.values():
            one.set()
        fresh = dump(raw)
        assert {k: v for k, v in churned.items() if not k.startswith(b'rom:done')} == fresh


def by_pk(raw: redis.Redis) -> dict[bytes, Any]:
    """The indexes, with primary keys in the place of the rows' numbers."""
    stored = dump(raw)
    names = {id: pk for pk, id in stored.get(b'IceCream:pk:uidx', {}).items()}
    found: dict[bytes, Any] = {}
    for key, held in stored.items():
        if key.endswith((b':idx', b':pre')):
            members = [tuple(member.rpartition(b'\0')) for member in held]
            scores = held.values() if isinstance(held, dict) else [None] * len(held)
            found[key] = sorted(
                (head, names[id], score)
                for (head, _, id), score in zip(members, scores, strict=True)
            )
    rows = {key for key in stored if key.removeprefix(b'IceCream:').isdigit()}
    assert rows == {b'IceCream:' + id for id in names}
    return found
