"""The driver that runs operations on a `redis.asyncio.Redis`."""

from __future__ import annotations

from typing import Any, TypeVar

import redis.asyncio
import redis.exceptions

from rom.drivers.replies import command_of, is_unknown_script, own_errors, raise_first_error
from rom.drivers.scripts import loaded
from rom.ops.requests import Command, Operation, Pipeline, Request, Script, destination

T = TypeVar('T')


class AsyncDriver:
    """Runs operations, awaiting. The same as :class:`rom.drivers.sync.SyncDriver` in all else."""

    def __init__(self, connection: redis.asyncio.Redis) -> None:
        self.connection = connection

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation's requests; returns what it returns.

        Raises:
            ORMError: what the operation raises, or what went wrong with the server.
        """
        before = destination.get()
        destination.set(self.connection)
        try:
            request = next(operation)
            while True:
                try:
                    reply = await self.perform(request)
                except BaseException as error:
                    request = operation.throw(error)
                else:
                    request = operation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            destination.set(before)

    async def perform(self, request: Request) -> Any:
        """Carry out one request; the reply, bytes whatever the client would decode."""
        with own_errors(self.connection):
            if isinstance(request, Pipeline):
                return await self._pipeline(request)
            if isinstance(request, Script):
                return await self._script(request)
            return await self._call(*request.args)

    async def _call(self, *args: Any) -> Any:
        execute: Any = self.connection.execute_command
        return await execute(*args, NEVER_DECODE=True)

    async def _script(self, request: Script) -> Any:
        try:
            return await self._call(*command_of(request))
        except redis.exceptions.NoScriptError:
            source = loaded(request.name, request.parts).source
            return await self._call('EVAL', source, 1, request.key, request.request)

    async def _pipeline(self, pipeline: Pipeline) -> list[Any]:
        replies = await self._send(pipeline.requests)
        unknown = [place for place, reply in enumerate(replies) if is_unknown_script(reply)]
        for place in unknown:
            script = pipeline.requests[place]
            assert isinstance(script, Script)
            replies[place] = await self._script(script)
        return raise_first_error(replies)

    async def _send(self, requests: tuple[Command | Script, ...]) -> list[Any]:
        async with self.connection.pipeline(transaction=False) as pipe:
            for request in requests:
                pipe.execute_command(*command_of(request), NEVER_DECODE=True)
            return await pipe.execute(raise_on_error=False)
