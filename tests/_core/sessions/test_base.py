"""The parts of a session: made at their first use, and never what keeps a session alive."""

import gc
import weakref
from collections.abc import Iterator

import pytest
import redis

import rom
from rom._core.sessions.base import SessionBase
from rom._core.support.descriptors import made_once

pytestmark = pytest.mark.one_server
PARTS = sorted(name for name, it in vars(SessionBase).items() if isinstance(it, made_once))


class PartThing(rom.Model):
    n = rom.Integer(index=True)
    code = rom.Text(unique=True)
    up = rom.ManyToOne('PartThing', on_delete='cascade')
    expire_at = rom.ExpireAt()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def use_each(session: rom.Session) -> None:
    """Use each part, and leave nothing that the session tracks."""
    PartThing(n=1, code='a')
    session.commit()
    thing = session.get_by(PartThing, code='a')
    session.load([thing], 'up')
    session.upsert(PartThing, {'n': 2}, code='a')
    session.delete(thing)
    session.expire(PartThing)


def test_a_new_session_has_no_part_yet(client: redis.Redis) -> None:
    rom.util.CONNECTION = client
    with rom.Session() as session:
        assert not vars(session).keys() & {*PARTS}
        use_each(session)
        assert vars(session).keys() >= {*PARTS}


def test_a_dropped_session_is_freed_at_once(client: redis.Redis, no_collector: None) -> None:
    """Its end is when changes are warned of that no commit has written."""
    rom.util.CONNECTION = client
    with rom.Session() as session:
        use_each(session)
    gone = weakref.ref(session)
    del session
    assert gone() is None


@pytest.mark.parametrize('name', PARTS)
def test_each_part_lets_its_session_go(name: str, no_collector: None) -> None:
    session = rom.Session()
    part = getattr(session, name)
    assert getattr(session, name) is part
    gone = weakref.ref(session)
    del session
    assert gone() is None
