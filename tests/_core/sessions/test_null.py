"""Null sessions: contract, section 6. What is expected was seen by running rom 1.1.2."""

import threading
from collections.abc import Iterator

import pytest
import redis

import rom

pytestmark = pytest.mark.one_server


class Nullable(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    friend = rom.ManyToOne('Nullable', 'no action')


@pytest.fixture(autouse=True)
def default(client: redis.Redis) -> Iterator[None]:
    rom.util.CONNECTION = client
    for n in range(3):
        Nullable(name=f'n{n}').save()
    rom.session.rollback()
    yield
    rom.util.use_rom_session()
    del rom.session.null_session


def is_kept() -> bool:
    return Nullable.get(1) is Nullable.get(1)


def test_by_default_entities_are_known() -> None:
    assert rom.session.null_session is False
    assert is_kept()


def test_a_null_session_keeps_nothing() -> None:
    rom.util.use_null_session()
    assert rom.session.null_session is True
    assert not is_kept()
    assert Nullable.query.all()[0] is not Nullable.get(1)
    assert not rom.session.known
    assert not list(rom.session.wknown)
    rom.util.use_rom_session()
    assert is_kept()


def test_for_this_session_alone() -> None:
    rom.session.null_session = True
    assert not is_kept()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(is_kept()))
    thread.start()
    thread.join()
    assert seen == [True]
    rom.session.null_session = False
    assert is_kept()
    rom.util.use_null_session()
    assert rom.session.null_session is False, 'what was said of the session itself counts'
    del rom.session.null_session
    assert rom.session.null_session is True


def test_what_is_known_already_is_still_found() -> None:
    entity = Nullable.get(1)
    rom.util.use_null_session()
    assert Nullable.get(1) is entity
    assert Nullable.get(2) is not Nullable.get(2)
    assert list(rom.session.known) == ['Nullable:1']


def test_a_commit_finds_only_what_was_known() -> None:
    known = Nullable.get(1)
    rom.util.use_null_session()
    other, new = Nullable.get(2), Nullable(name='new')
    known.name = other.name = 'changed'
    assert rom.session.commit() == 1
    assert other._modified
    assert new._new
    rom.session.save(other, new)
    rom.util.use_rom_session()
    rom.session.rollback()
    assert [e.name for e in Nullable.query.all()] == ['changed', 'changed', 'n2', 'new']


def test_relations_and_deletes_work_without_being_known() -> None:
    rom.util.use_null_session()
    one, two = Nullable.get([1, 2])
    one.friend = two
    one.save()
    found = Nullable.get(1)
    assert found.friend.name == 'n1'
    found.delete()
    assert Nullable.get(1) is None
    made = Nullable(name='x', friend=Nullable(name='y'))
    made.save()
    assert Nullable.get(made.id).friend.name == 'y'


def test_ids_grow_in_the_order_of_saving() -> None:
    rom.util.use_null_session()
    first, second = Nullable(name='a'), Nullable(name='b')
    second.save()
    first.save()
    assert (second.id, first.id) == (4, 5)
