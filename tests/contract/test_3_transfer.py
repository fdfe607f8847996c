"""Contract, section 3: models, transfer. Each docstring quotes what its test proves."""

from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, model, saved
from tests.support.servers import Server, dump

pytestmark = pytest.mark.one_server


class TestTransfer:
    """'`e.transfer(other, attr, value, txn_model, txn_attr, decimal_places=0,
    refresh_entities=True, refresh_index=True)`'
    """

    @pytest.fixture
    def three(self) -> tuple[Any, Any, Any]:
        Purse = model('Purse', gold=rom.Float(index=True))
        Trade = model('Trade', done=rom.Boolean())
        return saved(Purse(gold=10.0)), saved(Purse(gold=1.0)), saved(Trade())

    def test_it_moves(self, three: Any, connection: redis.Redis) -> None:
        """'moves a number between two entities and marks the third as done, in one atomic step,
        once.'

        'Indexes are right afterwards.'
        """
        one, two, trade = three
        one.transfer(two, 'gold', 2.55, trade, 'done', decimal_places=1)
        assert (one.gold, two.gold, trade.done) == (7.4, 3.6, True)
        with pytest.raises(ValueError, match='already sent'):
            one.transfer(two, 'gold', 1, trade, 'done')
        assert [fresh(e).gold for e in (one, two)] == [7.4, 3.6]
        assert connection.zrange('Purse:gold:idx', 0, -1, withscores=True) == [
            (b'2', 3.6),
            (b'1', 7.4),
        ]

    def test_without_refresh(self, three: Any, connection: redis.Redis) -> None:
        """'`refresh_entities=True, refresh_index=True`': indexes are right without them, too."""
        one, two, trade = three
        one.transfer(two, 'gold', 4, trade, 'done', refresh_entities=False, refresh_index=False)
        assert (one.gold, trade.done) == (10.0, None)
        assert connection.zrange('Purse:gold:idx', 0, -1, withscores=True) == [
            (b'2', 5.0),
            (b'1', 6.0),
        ]
        one.refresh()
        assert one.gold == 6.0

    @pytest.mark.parametrize(
        'wrong',
        [
            {'value': 0},
            {'value': -1},
            {'value': 0.4},
            {'value': 11},
            {'value': 10, 'decimal_places': -1},
        ],
        ids=str,
    )
    def test_wrong_amounts(self, three: Any, connection: redis.Redis, wrong: Any) -> None:
        """'`ValueError` for: ... value <= 0, decimal_places < 0, not enough credit'; nothing is
        written.
        """
        one, two, trade = three
        before = dump(connection)
        asked = {'attr': 'gold', 'value': 1, 'txn_model': trade, 'txn_attr': 'done', **wrong}
        with pytest.raises(ValueError):
            one.transfer(two, **asked)
        assert dump(connection) == before

    @pytest.mark.parametrize('place', [0, 1, 2])
    def test_unsaved_changes(self, three: Any, connection: redis.Redis, place: int) -> None:
        """'`ValueError` for: ... unsaved changes'."""
        one, two, trade = three
        if place == 2:
            trade.done = False
        else:
            three[place].gold = 50.0
        before = dump(connection)
        with pytest.raises(ValueError):
            one.transfer(two, 'gold', 1, trade, 'done')
        assert dump(connection) == before

    def test_different_connections(self, three: Any, server: Server) -> None:
        """'`ValueError` for: different connections'."""
        one, two, _ = three
        with server.connect(db=3) as other:
            elsewhere = saved(model('Far', _conn=other, done=rom.Boolean())())
            with pytest.raises(ValueError):
                one.transfer(two, 'gold', 1, elsewhere, 'done')

    def test_what_counts_is_what_is_stored(self, three: Any, connection: redis.Redis) -> None:
        """'in one atomic step': another writer's numbers are not overwritten."""
        one, two, trade = three
        connection.hset('Purse:2', 'gold', '5.0')
        one.transfer(two, 'gold', 1, trade, 'done')
        assert (two.gold, connection.hget('Purse:2', 'gold')) == (6.0, b'6.0')

    @pytest.mark.parametrize('key', ['Purse:1', 'Purse:2', 'Trade:1'])
    def test_all_or_nothing(self, three: Any, connection: redis.Redis, key: str) -> None:
        """'in one atomic step': where one of the three cannot be written, none is."""
        one, two, trade = three
        connection.delete(key)
        before = dump(connection)
        with pytest.raises(rom.ORMError):
            one.transfer(two, 'gold', 1, trade, 'done')
        assert dump(connection) == before
