"""Connections that break: the old object or the new one, never a mixture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from rom.exceptions import DataRaceError, ServerUnavailable
from rom.schematics import BaseRedisMixin, transaction
from tests.schematics.support import EVERY_LAYER, SOON, model, pks, vanilla
from tests.support.proxy import Proxy
from tests.support.servers import Server, dump, without_notes

pytestmark = pytest.mark.one_server

Mixin = type[BaseRedisMixin]
NEW = {'flavour': 'new', 'amount_kg': 1, 'best_before': None, 'tags': ['new'], 'vegan': True}


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.socket) as between:
        yield between


def through(proxy: Proxy, retries: int) -> redis.Redis:
    return redis.Redis(
        unix_socket_path=proxy.socket, retry=Retry(NoBackoff(), retries), socket_timeout=5
    )


def old_or_new(kind: Any) -> str:
    """Which of the two is stored."""
    [found] = kind.all()
    shown = {name: found[name] for name in NEW}
    if shown == NEW:
        return 'new'
    assert shown == {
        'flavour': 'Sweet é', 'amount_kg': 42, 'best_before': SOON, 'tags': None, 'vegan': None,
    }  # fmt: skip
    return 'old'


@EVERY_LAYER
@pytest.mark.parametrize('when', ['before', 'after'])
def test_cut_off_at_any_point(raw: redis.Redis, proxy: Proxy, mixin: Mixin, when: str) -> None:
    kind = model(mixin, raw, __expire__=1000)
    seen: set[str] = set()
    for command in range(1, 8):
        kind.delete_all()
        vanilla(kind).set()
        proxy.heal()
        with through(proxy, 0) as connection:
            cutting = model(mixin, connection, __expire__=1000)
            connection.ping()
            getattr(proxy, f'cut_{when}_request')(command)
            try:
                cutting({'id': 'vanilla', **NEW}).set()
            except ServerUnavailable:
                seen.add(old_or_new(kind))
            else:
                assert old_or_new(kind) == 'new'
                break
    else:
        pytest.fail('it was cut off seven times: more commands than a write should have')
    assert seen >= ({'old'} if when == 'before' else {'new'})


@EVERY_LAYER
@pytest.mark.parametrize('when', ['before', 'after'])
def test_what_is_repeated_counts_once(
    raw: redis.Redis, proxy: Proxy, mixin: Mixin, when: str
) -> None:
    kind = model(mixin, raw)
    writes = proxy.named('SET', 'HSET', 'MSET', 'DEL', 'HDEL', 'EVALSHA', 'EVAL')
    with through(proxy, 3) as connection:
        cutting = model(mixin, connection)
        cut = getattr(proxy, f'cut_{when}_request')
        cut(writes)
        one = vanilla(cutting)
        one.set(if_unchanged=True)
        cut(writes)
        one.amount_kg = 1
        one.set(if_unchanged=True)
        cut(writes)
        with transaction():
            one.set(if_unchanged=True)
            cutting({'id': 'other'}).set(if_unchanged=True)
        with pytest.raises(DataRaceError):
            vanilla(cutting).set(if_unchanged=True)
        cut(writes)
        other = cutting.match(id='other')
        other.delete()
        assert pks(kind.all()) == ['vanilla']
        cut(writes)
        assert cutting.delete_all() == 1
    assert proxy.cuts[when] >= 3
    assert without_notes(dump(raw)).keys() <= {b'IceCream:rom_id:', b'IceCream:rom_id:live'}


@EVERY_LAYER
def test_a_transaction_that_is_cut_off(raw: redis.Redis, proxy: Proxy, mixin: Mixin) -> None:
    kind = model(mixin, raw)
    for command in range(1, 9):
        kind.delete_all()
        vanilla(kind).set()
        proxy.heal()
        with through(proxy, 0) as connection:
            cutting = model(mixin, connection)
            connection.ping()
            proxy.cut_before_request(command)
            try:
                with transaction():
                    vanilla(cutting).delete()
                    cutting({'id': 'a'}).set()
                    cutting({'id': 'b'}).set()
            except ServerUnavailable:
                assert pks(kind.all()) == ['vanilla']
            else:
                assert pks(kind.all()) == ['a', 'b']
                return
    pytest.fail('more commands than a transaction should have')
