"""The hostile test for records: see `tests/support/hostile.py`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import rom
from rom.repocket import ActiveRecord, attributes
from tests.support.hostile import ANYTHING, survive
from tests.support.servers import Server

Draw = Callable[..., Any]
ATTRIBUTES = st.sampled_from(
    ['id', 'name', 'n', 'at', 'data', 'score', 'price', 'token', 'octets', 'log']
)
NAMES = st.sampled_from(['id', 'name', 'n', 'at', 'n__gt', 'n__lte', 'name__x', '', 'x' * 500])


@pytest.fixture
def record(raw: redis.Redis) -> Any:
    rom.util.CONNECTION = raw

    class HostileThing(ActiveRecord):
        name = attributes.Unicode(index=True)
        n = attributes.Integer(index=True)
        at = attributes.DateTime(index=True)
        data = attributes.JSON()
        score = attributes.Float(index=True)
        price = attributes.Decimal(index=True, unique=True)
        token = attributes.UUID(index=True)
        octets = attributes.Bytes(index=True)
        log = attributes.ByteStream()

    return HostileThing


def assigned(record: Any, d: Draw) -> Any:
    setattr(record, d(ATTRIBUTES), d(ANYTHING))
    return record.save()


CALLS: dict[str, Callable[[Any, Draw], Any]] = {
    'make': lambda m, d: m(**{d(NAMES): d(ANYTHING)}),
    'create': lambda m, d: m.create(**{d(NAMES): d(ANYTHING)}),
    'assign': lambda m, d: assigned(m.objects.all()[0], d),
    'get': lambda m, d: m.objects.get(d(ANYTHING)),
    'get by': lambda m, d: m.objects.get(**{d(NAMES): d(ANYTHING)}),
    'filter': lambda m, d: list(m.objects.filter(**{d(NAMES): d(ANYTHING)})),
    'filter two': lambda m, d: list(m.objects.filter(n__gt=d(ANYTHING), name=d(ANYTHING))),
    'matches': lambda m, d: m.objects.all()[0].matches(d(ANYTHING)),
    'get by one': lambda m, d: m.objects.get_by(**{d(ATTRIBUTES): d(ANYTHING)}),
    'order by': lambda m, d: m.objects.all().order_by(d(ANYTHING)),
    'set': lambda m, d: m.objects.all()[0].set(d(ATTRIBUTES), d(ANYTHING)),
    'append': lambda m, d: m.objects.all()[0].append_log(d(ANYTHING)),
    'data': lambda m, d: m.create(data=d(ANYTHING)),
}


@pytest.mark.one_server
@pytest.mark.parametrize('name', CALLS)
@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(data=st.data())
def test_hostile_arguments(name: str, data: Any, server: Server, record: Any) -> None:
    server.flush()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        record.create(name='a', n=1)
        survive(lambda: CALLS[name](record, data.draw))
