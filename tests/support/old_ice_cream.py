"""A program of redis-schematics 0.3.1: tests/support/redis_schematics.py runs it.

    python old_ice_cream.py SOCKET WHAT     with its arguments, as JSON, on stdin

What it found it prints, as JSON.
"""

import json
import sys
from typing import Any

import redis
from redis_schematics import HashRedisMixin, SimpleRedisMixin
from schematics import models, types

connection = redis.Redis(unix_socket_path=sys.argv[1])


class Part(models.Model):
    name = types.StringType()
    grams = types.FloatType()


def body() -> dict[str, Any]:
    return {
        '__redis_client__': connection,
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


KINDS = {
    'OldSimple': type(models.Model)('OldSimple', (models.Model, SimpleRedisMixin), body()),
    'OldHash': type(models.Model)(
        'OldHash', (models.Model, HashRedisMixin), {**body(), '__expire__': 100_000}
    ),
}


def write(model: str, objects: list[Any]) -> None:
    for given in objects:
        KINDS[model](given).set()


def read(model: str) -> list[Any]:
    return [one.to_primitive() for one in KINDS[model].all()]


def match(model: str, pks: list[str]) -> list[Any]:
    return [KINDS[model].match_for_pk(pk).to_primitive() for pk in pks]


def find(model: str, clauses: Any) -> list[str]:
    return sorted(one.pk for one in KINDS[model].filter(**clauses))


def change(model: str, pk: str, name: str, value: Any) -> None:
    one = KINDS[model].match_for_pk(pk)
    setattr(one, name, value)
    one.set()


def delete(model: str, clauses: Any) -> int:
    return int(KINDS[model].delete_filter(**clauses))


if __name__ == '__main__':
    print(json.dumps(globals()[sys.argv[2]](**json.load(sys.stdin))))
