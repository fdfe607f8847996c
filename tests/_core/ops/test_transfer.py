"""Transfers: contract, section 3. One atomic step, once; every ValueError."""

import contextlib
import decimal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops import transfer
from rom._core.ops.requests import Script
from rom._core.ops.transfer import amount_of
from tests.support.implied import assert_consistent
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class Purse(rom.Model):
    gold = rom.Integer(index=True)
    rate = rom.Float(index=True)
    price = rom.Decimal(index=True)
    note = rom.Text()
    rich = rom.Integer(index=True, keygen2=lambda name, values: [f'{values["gold"]}'])


class Trade(rom.Model):
    done = rom.Boolean(index=True)
    mark = rom.Text(index=True, keygen=rom.IDENTITY)
    count = rom.Integer(unique=True)
    raw = rom.String()
    data = rom.Json()
    zero = rom.Integer(default=0)
    share = rom.Float(default=0.0)
    price = rom.Decimal(default=decimal.Decimal('0.00'))
    digit = rom.Text(default='0')
    bits = rom.String(default=b'-0.0')
    no = rom.Boolean(default=False)


@pytest.fixture
def parties(client: redis.Redis) -> tuple[Any, Any, Any]:
    rom.util.CONNECTION = client
    one = Purse(gold=10, rate=10.5, price=decimal.Decimal('10.50'), rich=1)
    two = Purse(gold=1, rate=1.5, price=decimal.Decimal('1.50'), rich=1)
    trade = Trade()
    rom.session.save(one, two, trade)
    return one, two, trade


def test_a_number_moves_and_indexes_follow(parties: Any, raw: redis.Redis) -> None:
    one, two, trade = parties
    assert one.transfer(two, 'gold', 3, trade, 'done') is None
    assert (one.gold, two.gold, trade.done) == (7, 4, True)
    assert not (one._modified or two._modified or trade._modified)
    assert Purse.query.filter(gold=(4, 7)).count() == 2
    assert Trade.query.filter(done=True).count() == 1
    rom.session.rollback()
    assert (Purse.get(1).gold, Purse.get(2).gold, Trade.get(1).done) == (7, 4, True)
    assert_consistent(raw, Purse, Trade)


def test_once(parties: Any, raw: redis.Redis) -> None:
    one, two, trade = parties
    one.transfer(two, 'gold', 3, trade, 'done')
    with pytest.raises(ValueError, match='already sent'):
        one.transfer(two, 'gold', 3, trade, 'done')
    assert (one.gold, two.gold) == (7, 4)
    assert_consistent(raw, Purse, Trade)


@pytest.mark.one_server
@pytest.mark.parametrize(('attr', 'value', 'places', 'after'), [
    ('gold', 10, 0, (0, 11)),
    ('gold', 2.4, 0, (8, 3)),
    ('gold', 2, 3, (8, 3)),
    ('gold', '2', 0, (8, 3)),
    ('rate', 0.1, 2, (10.4, 1.6)),
    ('rate', 0.126, 2, (10.37, 1.63)),
    ('rate', 10.5, 1, (0.0, 12.0)),
    ('price', decimal.Decimal('0.25'), 2, (decimal.Decimal('10.25'), decimal.Decimal('1.75'))),
    ('price', 1, 0, (decimal.Decimal('9.50'), decimal.Decimal('2.50'))),
])  # fmt: skip
def test_numbers_of_each_kind(
    parties: Any, raw: redis.Redis, attr: str, value: Any, places: int, after: Any
) -> None:
    one, two, trade = parties
    one.transfer(two, attr, value, trade, 'done', decimal_places=places)
    assert (getattr(one, attr), getattr(two, attr)) == after
    assert_consistent(raw, Purse, Trade)


@pytest.mark.one_server
def test_large_integers_are_exact(parties: Any, raw: redis.Redis) -> None:
    one, two, trade = parties
    one.gold, two.gold = 2**256 + 1, 2**53 + 1
    rom.session.commit()
    one.transfer(two, 'gold', 2**200, trade, 'done')
    assert (one.gold, two.gold) == (2**256 + 1 - 2**200, 2**53 + 1 + 2**200)
    assert_consistent(raw, Purse, Trade)


@pytest.mark.one_server
def test_who_has_nothing_yet_gets_it(parties: Any) -> None:
    one, _, trade = parties
    new = Purse()
    new.save()
    one.transfer(new, 'gold', 4, trade, 'done')
    assert new.gold == 4
    assert Purse.get_by(gold=4) == [new]


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('name', 'mark'), [('done', True), ('mark', '1'), ('count', 1), ('raw', b'1')]
)
def test_what_says_that_it_was_done(parties: Any, raw: redis.Redis, name: str, mark: Any) -> None:
    one, two, trade = parties
    one.transfer(two, 'gold', 3, trade, name)
    assert getattr(trade, name) == mark
    assert_consistent(raw, Purse, Trade)
    with pytest.raises(ValueError, match='already sent'):
        one.transfer(two, 'gold', 3, trade, name)


@pytest.mark.parametrize(
    ('name', 'mark'),
    [('zero', 1), ('share', 1.0), ('price', 1), ('digit', '1'), ('bits', b'1'), ('no', True)],
)
def test_a_mark_of_zero_is_not_set(
    parties: Any, client: redis.Redis, raw: redis.Redis, name: str, mark: Any
) -> None:
    """A default that the first save wrote is no mark, as in rom 1.x; and it can be put back."""
    one, two, trade = parties
    for gold in ((7, 4), (4, 7)):
        one.transfer(two, 'gold', 3, trade, name)
        assert (one.gold, two.gold, getattr(trade, name)) == (*gold, mark)
        with pytest.raises(ValueError, match='already sent'):
            one.transfer(two, 'gold', 3, trade, name)
        setattr(trade, name, Trade._columns[name].default)
        trade.save()
    assert_consistent(raw, Purse, Trade)


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('name', 'mark'), [('zero', -1), ('share', 0.5), ('mark', 'yes'), ('digit', '0x'), ('data', {})]
)
def test_any_other_mark_is_set(parties: Any, name: str, mark: Any) -> None:
    """Whoever wrote something there meant it. An empty Json is empty."""
    one, two, trade = parties
    setattr(trade, name, mark)
    trade.save()
    with pytest.raises(ValueError, match='already sent' if mark else 'cannot say'):
        one.transfer(two, 'gold', 3, trade, name)
    assert (one.gold, two.gold) == (10, 1)


@pytest.mark.one_server
def test_what_the_rows_hold_counts(parties: Any, raw: redis.Redis) -> None:
    one, two, trade = parties
    with rom.Session() as other:
        purse: Any = other.get(Purse, 1)
        purse.gold, purse.note = 100, 'seen'
        other.commit()
    one.transfer(two, 'gold', 50, trade, 'done')
    assert (one.gold, two.gold, one.note) == (50, 51, 'seen')
    assert_consistent(raw, Purse, Trade)


@pytest.mark.one_server
def test_entities_need_not_be_refreshed(parties: Any) -> None:
    one, two, trade = parties
    one.transfer(two, 'gold', 3, trade, 'done', refresh_entities=False, refresh_index=False)
    assert (one.gold, two.gold, trade.done) == (10, 1, None)
    one.refresh()
    assert one.gold == 7
    assert Purse.query.filter(gold=7).count() == 1, 'indexes are right all the same'


def refuse(what: Callable[[], object], match: str, raw: redis.Redis) -> None:
    before = {key: raw.dump(key) for key in raw.scan_iter()}
    with pytest.raises(ValueError, match=match):
        what()
    assert {key: raw.dump(key) for key in raw.scan_iter()} == before, 'nothing was written'


@pytest.mark.one_server
def test_every_value_error(parties: Any, raw: redis.Redis, server: Server) -> None:
    one, two, trade = parties

    def give(*args: Any, **kwargs: Any) -> Callable[[], object]:
        return lambda: one.transfer(two, *args, **kwargs)

    refuse(give('gold', 0, trade, 'done'), 'greater than 0', raw)
    refuse(give('gold', -1, trade, 'done'), 'greater than 0', raw)
    refuse(give('gold', 0.4, trade, 'done'), 'greater than 0', raw)
    refuse(give('gold', float('nan'), trade, 'done'), 'must be a number', raw)
    refuse(give('gold', float('inf'), trade, 'done'), 'must be a number', raw)
    refuse(give('gold', 'x', trade, 'done'), 'must be a number', raw)
    refuse(give('gold', None, trade, 'done'), 'must be a number', raw)
    refuse(give('gold', 1, trade, 'done', -1), 'decimal_places', raw)
    refuse(give('gold', 11, trade, 'done'), 'not enough credit', raw)
    refuse(give('rate', 10.51, trade, 'done', 2), 'not enough credit', raw)
    refuse(give('gold', 1.5, trade, 'done', 1), 'expected an integer', raw)
    refuse(give('note', 1, trade, 'done'), 'expected an Integer, a Float or a Decimal', raw)
    refuse(give('nope', 1, trade, 'done'), 'expected an Integer, a Float or a Decimal', raw)
    refuse(give('id', 1, trade, 'done'), 'primary key', raw)
    refuse(give('gold', 1, trade, 'nope'), 'expected an Integer, a Float or a Decimal', raw)
    refuse(give('gold', 1, trade, 'data'), 'use a Boolean', raw)
    refuse(give('gold', 1, two, 'note'), 'three different', raw)
    refuse(lambda: one.transfer(one, 'gold', 1, trade, 'done'), 'three different', raw)
    refuse(lambda: one.transfer(Purse(), 'gold', 1, trade, 'done'), 'unsaved changes', raw)
    for entity in parties:
        name = 'mark' if entity is trade else 'note'
        setattr(entity, name, 'x')
        refuse(give('gold', 1, trade, 'done'), 'unsaved changes', raw)
        entity.refresh(force=True)


@pytest.mark.one_server
def test_three_connections_are_no_transfer(parties: Any, server: Server) -> None:
    one, two, _ = parties
    with server.connect(db=3) as other:

        class Far(rom.Model):
            _conn = other
            done = rom.Boolean()

        far = Far()
        far.save()
        with pytest.raises(ValueError, match='same connection'):
            one.transfer(two, 'gold', 1, far, 'done')
    assert one.gold == 10


@pytest.mark.one_server
def test_one_that_is_gone(parties: Any, raw: redis.Redis) -> None:
    one, two, trade = parties
    raw.delete('Purse:2')
    with pytest.raises(rom.EntityDeletedError, match='gone'):
        one.transfer(two, 'gold', 1, trade, 'done')
    assert raw.hget('Purse:1', 'gold') == b'10'
    with pytest.raises(rom.ORMError):
        one.transfer('x', 'gold', 1, trade, 'done')


@pytest.mark.one_server
def test_many_at_once_lose_nothing(parties: Any, raw: redis.Redis) -> None:
    one, *_ = parties
    one.gold = 1000
    one.save()
    trades = [Trade() for _ in range(40)]
    rom.session.save(trades)
    ids = [trade.id for trade in trades]
    sent: list[int] = []

    def work(mine: list[int]) -> None:
        with rom.Session() as session:
            for id in mine:
                a, b, trade = session.get(Purse, 1), session.get(Purse, 2), session.get(Trade, id)
                assert a and b and trade
                try:
                    session.transfer(a, b, 'gold', 5, trade, 'done')
                    sent.append(id)
                except ValueError as error:
                    assert 'already sent' in str(error)
                session.rollback()

    threads = [threading.Thread(target=work, args=(part,)) for part in (ids, ids[::-1], ids[20:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == ids, 'each once'
    rom.session.rollback()
    assert (Purse.get(1).gold, Purse.get(2).gold) == (800, 201)
    assert_consistent(raw, Purse, Trade)


@pytest.mark.one_server
def test_twenty_threads_on_two_rows_all_get_on(parties: Any, raw: redis.Redis) -> None:
    """Half of them the other way round, each with five transfers of its own."""
    one, two, _ = parties
    one.gold, two.gold = 1000, 1000
    trades = [Trade() for _ in range(100)]
    rom.session.save(one, two, trades)
    ids = [trade.id for trade in trades]
    begin = threading.Barrier(20)
    failures: list[Exception] = []

    def work(mine: list[int], amount: int) -> None:
        source, target = (1, 2) if amount == 3 else (2, 1)
        with rom.Session() as session:
            a, b = session.get(Purse, source), session.get(Purse, target)
            assert a and b
            begin.wait()
            for id in mine:
                try:
                    session.transfer(a, b, 'gold', amount, session.get(Trade, id), 'done')
                except rom.ORMError as error:
                    failures.append(error)

    threads = [
        threading.Thread(target=work, args=(ids[place::20], 3 if place % 2 else 2))
        for place in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    rom.session.rollback()
    assert (Purse.get(1).gold, Purse.get(2).gold) == (950, 1050)
    assert Trade.query.filter(done=True).count() == 100
    assert_consistent(raw, Purse, Trade)


@pytest.mark.one_server
@pytest.mark.parametrize('kind', BOTH)
def test_who_loses_sixty_races_wins_the_next(
    parties: Any, server: Server, raw: redis.Redis, kind: str
) -> None:
    """As one of sixty writers may."""
    races = lose(raw, 60)

    async def story() -> None:
        async with World(kind, server.socket).session() as s:
            one, two = await s.get(Purse, [1, 2])
            trade = await s.get(Trade, 1)
            await s.transfer(one, two, 'gold', 3, trade, 'done')
            assert (one.gold, two.gold, trade.done) == (67, 4, True)

    rom.session.rollback()
    with races:
        World(kind, server.socket).run(story())
    assert raw.hget('Purse:1', 'gold') == b'67'


@pytest.mark.one_server
def test_who_loses_every_race_is_told_which_rows_it_was_about(
    parties: Any, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, trade = parties
    monkeypatch.setattr(transfer, 'MOST_TRIES', 3)
    with lose(raw, 3), pytest.raises(rom.ServerError) as caught:
        one.transfer(two, 'gold', 3, trade, 'done')
    assert str(caught.value) == (
        '3 tries to transfer gold from Purse 1 to Purse 2 each met new changes of these rows; find '
        'out which program writes them without pause'
    )
    assert raw.hget('Purse:2', 'gold') == b'1'


@contextlib.contextmanager
def lose(raw: redis.Redis, times: int) -> Iterator[None]:
    """Let another writer be faster than so many commits."""
    left = [times]

    def before(request: Any) -> None:
        if isinstance(request, Script) and request.name == 'commit' and left[0]:
            left[0] -= 1
            raw.hincrby('Purse:1', 'gold', 1)

    perform, awaited = SyncDriver.perform, AsyncDriver.perform

    def blocking(driver: SyncDriver, request: Any) -> Any:
        before(request)
        return perform(driver, request)

    async def awaiting(driver: AsyncDriver, request: Any) -> Any:
        before(request)
        return await awaited(driver, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SyncDriver, 'perform', blocking)
        patch.setattr(AsyncDriver, 'perform', awaiting)
        yield
    assert not left[0]


@pytest.mark.one_server
@pytest.mark.parametrize('kind', BOTH)
@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_a_client_that_repeats_itself(
    parties: Any, server: Server, raw: redis.Redis, kind: str, cut: str
) -> None:
    """It is carried out once, and the answer is what it was."""
    rom.session.rollback()
    with Proxy(server.socket) as proxy:
        world = World(kind, proxy.socket, retries=3)

        async def story() -> None:
            async with world.session() as s:
                one, two = await s.get(Purse, [1, 2])
                trade = await s.get(Trade, 1)
                getattr(proxy, cut)(Proxy.named('EVALSHA', 'EVAL'))
                await s.transfer(one, two, 'gold', 3, trade, 'done')
                assert (one.gold, two.gold, trade.done) == (7, 4, True)

        world.run(story())
    assert_consistent(raw, Purse, Trade)


@pytest.mark.one_server
def test_repeated_after_others_have_gone_on(parties: Any, raw: redis.Redis) -> None:
    """The script is sent again when the rows show another outcome: it still counts as done."""
    one, two, trade = parties
    script: list[Script] = []
    perform = SyncDriver.perform

    def twice(driver: SyncDriver, request: Any) -> Any:
        reply = perform(driver, request)
        if isinstance(request, Script) and request.name == 'commit' and not script:
            script.append(request)
            raw.hset('Purse:1', 'gold', 500)  # somebody else, before it comes again
            reply = perform(driver, request)
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SyncDriver, 'perform', twice)
        one.transfer(two, 'gold', 3, trade, 'done')
    assert raw.hget('Purse:1', 'gold') == b'500'
    assert raw.hget('Purse:2', 'gold') == b'4'


def test_amounts() -> None:
    assert amount_of(decimal.Decimal('1e30'), 0) == 10**30
    assert amount_of(0.1 + 0.2, 1) == decimal.Decimal('0.3')
    assert amount_of(2.5, 0) == 3
    for value in ([2**64, '%', 2**64], (0, (1,), 2**64), 'x', None):
        with pytest.raises(rom.TransferError, match='must be a number'):
            amount_of(value, 0)
