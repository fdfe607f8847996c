"""How many containers a large commit keeps: Python's collector of garbage counts each of them.

It walks over all that a program has once it has counted enough, which was a tenth of the time of a
commit of 10,000.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.commits.commit_request import Batch

pytestmark = pytest.mark.one_server

FEW, MANY = 500, 1500


class KeptThing(rom.Model):
    email = rom.Text(required=True, unique=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True)
    score = rom.Float(index=True)


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def at_most(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Containers counted when a commit's writes have been collected, for each commit."""
    seen: list[int] = []
    call: Any = Batch.call

    def noting(*args: Any, **options: Any) -> Any:
        seen.append(gc.get_count()[0])
        return call(*args, **options)

    monkeypatch.setattr(Batch, 'call', noting)
    return seen


def per_entity(story: Callable[[int], int]) -> float:
    """What a story counts for each entity, without what it takes once."""
    story(10)  # whatever is made at the first time
    few, many = story(FEW), story(MANY)
    return (many - few) / (MANY - FEW)


def test_an_insert(client: redis.Redis, uncollected: None, at_most: list[int]) -> None:
    """The entity and its values, what is written of them, the change, its row."""

    def story(count: int) -> int:
        client.flushdb()
        with rom.Session(connection=client) as session:
            before = counted_anew()
            make_things(count)
            session.commit()
        return at_most[-1] - before

    assert per_entity(story) < 6.5


def test_an_update(client: redis.Redis, uncollected: None, at_most: list[int]) -> None:
    def story(count: int) -> int:
        client.flushdb()
        with rom.Session(connection=client) as session:
            things = make_things(count)
            session.commit()
            before = counted_anew()
            for thing in things:
                thing.score += 1
            session.commit()
        return at_most[-1] - before

    assert per_entity(story) < 8.5


def counted_anew() -> int:
    gc.collect()
    return gc.get_count()[0]


def make_things(count: int) -> list[KeptThing]:
    return [KeptThing(email=f'{i}@example.org', age=i, score=i / 3) for i in range(count)]
