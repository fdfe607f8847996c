"""A client whose commands can be held up, to cancel who waits for them just then."""

import asyncio
from typing import Any

import redis.asyncio


class Slow(redis.asyncio.Redis):
    """Holds one script up: before it is sent, or after it was carried out, before its reply.

    Set `hold_up` to 'before' or 'after', wait for `is_there`, and set `go_on` to let it pass.
    `skip` scripts pass before.
    """

    hold_up: str | None = None
    skip = 0

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.is_there, self.go_on = asyncio.Event(), asyncio.Event()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        when = self._when(args)
        if when == 'before':
            await self._wait()
        reply = await super().execute_command(*args, **options)
        if when == 'after':
            await self._wait()
        return reply

    def _when(self, args: tuple[Any, ...]) -> str | None:
        if self.hold_up is None or args[0] not in ('EVALSHA', 'EVAL'):
            return None
        if self.skip:
            self.skip -= 1
            return None
        when, self.hold_up = self.hold_up, None
        return when

    async def _wait(self) -> None:
        self.is_there.set()
        await self.go_on.wait()
