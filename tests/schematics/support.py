"""The same model on every layer, and a driver that notes its trips."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from schematics import models, types

from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.text import as_text
from rom._core.ops.requests import Pipeline, Rest, Script
from rom.schematics import (
    BaseRedisMixin,
    FieldHashRedisMixin,
    FieldRedisMixin,
    HashRedisMixin,
    IndexedRedisMixin,
    ObjectHashRedisMixin,
    SimpleRedisMixin,
)

MIXINS: list[type[BaseRedisMixin]] = [
    SimpleRedisMixin,
    HashRedisMixin,
    FieldRedisMixin,
    FieldHashRedisMixin,
    ObjectHashRedisMixin,
    IndexedRedisMixin,
]
NAMES = [mixin.__name__.removesuffix('RedisMixin') for mixin in MIXINS]
EVERY_LAYER = pytest.mark.parametrize('mixin', MIXINS, ids=NAMES)
PARTED = [mixin for mixin in MIXINS if mixin.__layer__.has_parts]

SOON = datetime.datetime(2031, 5, 6, 7, 8, 9, 123456)
LATE = datetime.datetime(2032, 1, 1)


def model(mixin: type[BaseRedisMixin], connection: redis.Redis, **more: Any) -> Any:
    """The model of the documents, and whatever else its body shall have."""
    body = {
        'mixin': mixin,
        '__redis_client__': connection,
        'pk': types.StringType(),
        'id': types.StringType(),
        'flavour': types.StringType(metadata={'index': True, 'prefix': True}),
        'amount_kg': types.IntType(metadata={'index': True}),
        'best_before': types.DateTimeType(metadata={'index': True}),
        'price': types.DecimalType(metadata={'index': True}),
        'vegan': types.BooleanType(metadata={'index': True}),
        'tags': types.ListType(types.StringType()),
        **more,
    }
    name = body.pop('name', 'IceCream')
    return type(models.Model)(name, (models.Model, mixin), body)


def vanilla(kind: Any, **more: Any) -> Any:
    given = {'id': 'vanilla', 'flavour': 'Sweet é', 'amount_kg': 42, 'best_before': SOON}
    return kind({**given, **more})


def fill(kind: Any) -> None:
    """Four objects: two with everything, one with little, one with nothing but its key."""
    vanilla(kind, price='1.50', vegan=False, tags=['a', 'b']).set()
    kind(
        {
            'id': 'choc', 'flavour': 'Chocolate', 'amount_kg': 12, 'best_before': LATE,
            'price': '10', 'vegan': True, 'tags': [],
        }
    ).set()  # fmt: skip
    kind({'id': 'little', 'amount_kg': 30}).set()
    kind({'id': 'bare'}).set()


def expire(raw: redis.Redis, *spared: bytes) -> None:
    """Let the time of all objects be over that ever expire; of the indexed layer but these rows."""
    for key in raw.scan_iter():
        if b':done:' not in key and raw.pttl(key) >= 0:
            raw.pexpire(key, 0)
    for row in raw.zrange('IceCream:rom_expires:idx', 0, -1):
        if row not in spared:
            raw.hset(b'IceCream:%b' % row, 'rom_expires', '5.0')
            raw.zadd('IceCream:rom_expires:idx', {row: 5.0})


def pks(found: list[Any]) -> list[str]:
    assert len({one.pk for one in found}) == len(found)
    return sorted(one.pk for one in found)


@contextmanager
def trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is sent to the server, one entry a trip."""
    sent: list[str] = []
    perform = SyncDriver.perform

    def noting(self: SyncDriver, request: Any) -> Any:
        if isinstance(request, Rest):
            return perform(self, request)
        if isinstance(request, Pipeline):
            sent.append('+'.join(map(_name, request.requests)))
        else:
            sent.append(_name(request))
        return perform(self, request)

    with monkeypatch.context() as patch:
        patch.setattr(SyncDriver, 'perform', noting)
        yield sent


def _name(request: Any) -> str:
    return request.name if isinstance(request, Script) else as_text(request.args[0])
