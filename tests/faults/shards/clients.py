"""One client of a schedule: an operation, request by request, and what befalls it."""

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from rom._core.encoding.keys import hash_tag
from rom._core.ops.requests import NO_TRIP, Pipeline
from rom.exceptions import ORMError, ServerUnavailable
from tests.faults.shards.world import World, key_of

Story = Callable[[], Generator[Any, Any, None]]


class Client:
    """A program that carries out one story, and may die at any step."""

    def __init__(self, world: World, story: Story) -> None:
        self._world = world
        self._operation = story()
        self.is_alive = True
        self._advance(lambda: next(self._operation))

    def _advance(self, go: Callable[[], Any]) -> None:
        """Go on to the next trip, or to the end."""
        try:
            request = go()
            while isinstance(request, NO_TRIP):
                request = self._operation.send(self._world.all_of(request))
        except (StopIteration, ORMError):
            self.is_alive = False
            return
        self._is_pipeline = isinstance(request, Pipeline)
        self._requests = request.requests if isinstance(request, Pipeline) else (request,)
        self._pending = list(range(len(self._requests)))
        self._replies: list[Any] = [None] * len(self._requests)
        self._has_failed = False
        self._end_trip()

    def _end_trip(self) -> None:
        if self._pending:
            return
        if self._has_failed:
            error = ServerUnavailable('no answer')
            self._advance(lambda: self._operation.throw(error))
        else:
            replies = self._replies if self._is_pipeline else self._replies[0]
            self._advance(lambda: self._operation.send(replies))

    def step(self) -> None:
        """Carry out one request of the trip that is under way, or what befalls it."""
        world, chances = self._world, self._world.chances
        luck = world.luck
        place = luck.choice(self._next())
        request = self._requests[place]
        if luck.random() < chances.kill:
            self._die()
        elif luck.random() < chances.late:  # the client library sends it again
            world.late.append(request)
            world.met['request late'] += 1
        elif luck.random() < chances.no_reply:
            world.run(request)
            world.met['reply lost'] += 1
        elif luck.random() < chances.error:
            if luck.random() < 0.5:
                world.run(request)
            elif luck.random() < 0.5:
                world.late.append(request)
            world.met['given up'] += 1
            self._has_failed = True
            self._pending.remove(place)
            self._end_trip()
        else:
            if luck.random() < chances.twice:
                world.late.append(request)
                world.met['doubled'] += 1
            self._replies[place] = world.run(request)
            self._pending.remove(place)
            self._end_trip()

    def _next(self) -> list[int]:
        """The next request to each partition: those to one partition arrive in their order."""
        firsts: dict[bytes, int] = {}
        for place in self._pending:
            firsts.setdefault(hash_tag(key_of(self._requests[place])), place)
        return list(firsts.values())

    def _die(self) -> None:
        """Die, with some requests of the trip on their way."""
        world = self._world
        self.is_alive = False
        world.met['killed'] += 1
        world.late += [self._requests[one] for one in self._pending if world.luck.random() < 0.5]
        with suppress(ORMError):
            self._operation.close()
