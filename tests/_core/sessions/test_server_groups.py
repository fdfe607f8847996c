"""What is on one server is written at once, whichever client objects lead there."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.server_identity import server_of
from rom._core.ops.requests import Script
from tests.support.implied import assert_consistent
from tests.support.servers import Server
from tests.support.worlds import ASYNC, BOTH, SYNC

pytestmark = pytest.mark.one_server


class ServersTeam(rom.Model):
    name = rom.Text(required=True, unique=True)


class ServersPlayer(rom.Model):
    name = rom.Text(required=True, unique=True)
    team = rom.ManyToOne('ServersTeam', on_delete='cascade')
    gold = rom.Integer(default=10)
    done = rom.Boolean()


class ServersPurse(rom.Model):
    gold = rom.Integer(default=10)


def one_pool(server: Server) -> Callable[[], redis.Redis]:
    pool = server.connect().connection_pool
    return lambda: redis.Redis(connection_pool=pool)


def pools(server: Server) -> Callable[[], redis.Redis]:
    return lambda: server.connect(client_name='servers')


@pytest.fixture(params=[one_pool, pools], ids=['one-pool', 'a-pool-each'], autouse=True)
def provider(request: pytest.FixtureRequest, server: Server, raw: redis.Redis) -> Iterator[None]:
    """The program makes a client each time that somebody asks for one."""
    rom.util.get_connection = request.param(server)
    yield
    assert_consistent(raw, ServersTeam, ServersPlayer, ServersPurse)


@pytest.fixture(params=BOTH)
def run(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Do something with what was made since, in either world, with `rom`'s own clients."""

    def do(what: str, *args: Any) -> Any:
        if request.param == SYNC:
            return getattr(rom.session, what)(*args)

        async def story() -> Any:
            async with rom.AsyncSession() as s:
                for entity in made:
                    s.add(entity)
                return await getattr(s, what)(*args)

        made = list(rom.session._identity)
        return asyncio.run(story())

    return do


def scripts(trips: list[Any]) -> list[str]:
    """The scripts that were called, but for the ids that were taken before."""
    requests = [one for trip in trips for one in getattr(trip, 'requests', (trip,))]
    names = [request.name for request in requests if isinstance(request, Script)]
    return [name for name in names if name != 'take_ids']


def test_a_commit_of_two_models(run: Any, raw: redis.Redis, trips: list[Any]) -> None:
    ServersTeam(name='taken').save()
    rom.session.rollback()
    ServersPlayer(name='new')
    ServersTeam(name='taken')
    with pytest.raises(rom.UniqueKeyViolation):
        run('commit')
    assert raw.keys('ServersPlayer:[0-9]*') == []
    rom.session.rollback()
    ServersPlayer(name='new')
    ServersTeam(name='other')
    trips.clear()
    run('commit')
    assert scripts(trips) == ['commit']
    assert ServersPlayer.query.count() == 1


def test_what_a_new_entity_refers_to(run: Any, raw: redis.Redis) -> None:
    ServersPlayer(name='taken').save()
    rom.session.rollback()
    ServersPlayer(name='taken', team=ServersTeam(name='new'))
    with pytest.raises(rom.UniqueKeyViolation):
        run('commit')
    assert raw.keys('ServersTeam:[0-9]*') == []


def test_a_delete_with_what_refers_to_it(run: Any, raw: redis.Redis, trips: list[Any]) -> None:
    team = ServersTeam(name='a')
    ServersPlayer(name='b', team=team)
    rom.session.commit()
    trips.clear()
    run('delete', team)
    assert scripts(trips).count('commit') == 1
    assert raw.exists('ServersTeam:1', 'ServersPlayer:1') == 0


def test_a_transfer(run: Any) -> None:
    one, two, note = ServersPurse(), ServersPurse(), ServersPlayer(name='note')
    rom.session.commit()
    run('transfer', one, two, 'gold', 3, note, 'done')
    assert (one.gold, two.gold) == (7, 13)


@pytest.mark.parametrize('world', [SYNC, ASYNC])
def test_two_databases_are_written_each_by_itself(
    server: Server, raw: redis.Redis, trips: list[Any], world: str
) -> None:
    with server.connect(db=3) as other:

        class ServersFar(rom.Model):
            _conn = other

        async def story() -> None:
            async with rom.AsyncSession() as s:
                ServersFar()
                ServersTeam(name='a')
                await s.commit()

        if world == SYNC:
            ServersFar()
            ServersTeam(name='a')
            rom.session.commit()
        else:
            asyncio.run(story())
        assert scripts(trips) == ['commit', 'commit']
        assert (raw.exists('ServersTeam:1', 'ServersFar:1'), other.exists('ServersFar:1')) == (1, 1)


def test_a_sessions_own_client_serves_all_models(
    server: Server, raw: redis.Redis, trips: list[Any]
) -> None:
    """Whatever servers the models have by themselves, it is one commit."""
    with server.connect(db=3) as other, server.connect(db=4) as own:

        class ServersFar(rom.Model):
            _conn = other

        with rom.Session(own) as s:
            far, team = ServersFar(), ServersTeam(name='a')
            s.commit()
            assert scripts(trips) == ['commit']
            s.delete(far, team)
            assert scripts(trips).count('commit') == 2
        assert (len(raw.keys('*')), len(other.keys('*'))) == (0, 0)


def test_a_model_is_asked_for_its_client_once(server: Server) -> None:
    """However many of its entities are written."""
    asked = []
    provide = rom.util.get_connection

    def counted() -> redis.Redis:
        asked.append(1)
        return provide()

    def commit(size: int) -> int:
        for place in range(size):
            ServersTeam(name=f'{size}-{place}')
            ServersPlayer(name=f'{size}-{place}')
        asked.clear()
        rom.session.commit()
        return len(asked)

    rom.util.get_connection = counted
    assert commit(2) == commit(50)
    assert server_of(provide()) == server_of(provide())
