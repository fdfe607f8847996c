"""A save of an entity without changes, whose row was deleted by way of another object.

As in rom 1.x it is an EntityDeletedError; and where nothing was deleted, it costs no trip.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.sessions import write_outcomes
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class LatelyUser(rom.Model):
    name = rom.Text()


class LatelyNote(rom.Model):
    user = rom.ManyToOne('LatelyUser', 'cascade')


@pytest.fixture(autouse=True)
def nothing_deleted() -> Iterator[None]:
    write_outcomes._deleted_keys.clear()
    yield
    write_outcomes._deleted_keys.clear()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each request that a driver carries out."""
    found: list[Any] = []
    for driver in (SyncDriver, AsyncDriver):
        perform: Any = driver.perform

        def counting(self: Any, request: Any, perform: Any = perform) -> Any:
            found.append(request)
            return perform(self, request)

        monkeypatch.setattr(driver, 'perform', counting)
    return found


@pytest.mark.parametrize('kind', BOTH)
@pytest.mark.parametrize('is_null', [False, True])
def test_another_object_was_deleted(
    server: Server, trips: list[Any], kind: str, is_null: bool
) -> None:
    world = World(kind, server.socket)

    async def story() -> None:
        async with world.session() as s:
            getattr(s, 'session', s).null_session = is_null
            one = LatelyUser(name='Ann')
            await s.save(one)
            trips.clear()
            assert await s.save(one) == 0
            assert trips == [], 'nothing was deleted'
            s.forget(one)
            other = await s.get(LatelyUser, one.id)
            assert other is not one
            note = LatelyNote(user=other)
            await s.save(note)
            s.forget(note)
            await s.delete(other)
            for entity in (one, note):  # the note went with it
                for _ in range(2):
                    trips.clear()
                    with pytest.raises(rom.EntityDeletedError, match='was deleted') as caught:
                        await s.save(entity)
                    assert (caught.value.namespace, caught.value.id) == (entity._namespace, 1)
                    assert len(trips) == 1
            assert await s.save(one, force=True) == 2
            trips.clear()
            assert await s.save(one) == 0, 'it is there again'
            assert trips == []
            assert (await s.get(LatelyUser, 1)).name == 'Ann'

    world.run(story())


@pytest.mark.one_server
def test_another_thread_deleted_it(client: redis.Redis) -> None:
    rom.util.CONNECTION = client
    user, kept = LatelyUser(name='Ann'), LatelyUser(name='Bob')
    rom.session.commit()

    def work() -> None:
        found = LatelyUser.get(user.id)
        assert found is not user and found is not None
        found.delete()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with pytest.raises(rom.EntityDeletedError):
        rom.session.save(kept, user)
    assert kept.save() == 0
    with pytest.raises(rom.EntityDeletedError):
        rom.session.commit(all=True)
    assert rom.session.commit() == 0, 'no change is left out'


@pytest.mark.one_server
def test_another_program_deleted_it(client: redis.Redis, raw: redis.Redis) -> None:
    """That nobody knows here: it is found out by whatever has something to write."""
    rom.util.CONNECTION = client
    user = LatelyUser(name='Ann')
    user.save()
    raw.delete('LatelyUser:1')
    assert user.save() == 0
    user.name = 'Bea'
    with pytest.raises(rom.EntityDeletedError):
        user.save()


def test_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_outcomes, 'MAX_DELETED_KEYS', 3)
    for number in range(5):
        write_outcomes.note_deleted_key(f'a:{number}')
    assert [write_outcomes.was_deleted(f'a:{number}') for number in range(5)] == [False] * 2 + [
        True
    ] * 3
