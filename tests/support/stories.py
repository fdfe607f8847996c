"""Stories: coroutine functions that are told in both worlds, each a test."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import redis

import rom
from tests.support.implied import assert_consistent
from tests.support.worlds import World


def both(
    *models: type[rom.Model], whole: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a test of a coroutine function: once a world, with a session of it as `s`.

    What else it takes are fixtures. The test has the models as `models`, so that it can also be run
    where their keys are (`tests/cluster/test_stories.py`). Afterwards, everything in the database
    is what the rows of the models imply; with ``whole=False`` nobody looks at that.
    """
    return lambda story: _told(story, models, whole)


def _told(
    story: Callable[..., Any], models: tuple[type[rom.Model], ...], is_whole: bool
) -> Callable[..., None]:
    wanted = [name for name in inspect.signature(story).parameters if name != 's']

    def run(world: World, raw: redis.Redis, **fixtures: Any) -> None:
        given = {'world': world, 'raw': raw, **fixtures}

        async def whole() -> None:
            async with world.session() as s:
                await story(s, **{name: given[name] for name in wanted})

        world.run(whole())
        if is_whole:
            assert_consistent(raw, *models)

    run.__name__, run.__doc__ = story.__name__, story.__doc__
    names = dict.fromkeys(['world', 'raw', *wanted])
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    )
    run.pytestmark = getattr(story, 'pytestmark', [])  # type: ignore[attr-defined]
    run.models = models  # type: ignore[attr-defined]
    return run


def world_like(kind: str, socket: str, client: redis.Redis) -> World:
    """A world with a client of the kind that this one is."""
    settings = client.connection_pool.connection_kwargs
    like = {name: settings[name] for name in ('protocol', 'decode_responses')}
    return World(kind, socket, **like)
