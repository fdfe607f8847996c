"""The driver that runs operations on a `redis.Redis`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import redis

from rom.drivers import lines
from rom.drivers.replies import command_of, is_unknown_script, own_errors, raise_first_error
from rom.drivers.scripts import loaded
from rom.ops.requests import Command, Operation, Pipeline, Request, Script, destination

T = TypeVar('T')

# Commands whose replies the client library hands over as they are.
_PLAIN = frozenset(('EVALSHA', 'EVAL', 'HMGET', 'GET'))


class SyncDriver:
    """Runs operations, blocking.

    >>> from rom.ops.requests import Command
    >>> def ping():
    ...     reply = yield Command('ECHO', 'pong')
    ...     return reply
    >>> SyncDriver(connection).run(ping())
    b'pong'
    """

    def __init__(self, connection: redis.Redis) -> None:
        self.connection = connection

    def run(self, operation: Operation[T]) -> T:
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
                    reply = self.perform(request)
                except BaseException as error:
                    request = operation.throw(error)
                else:
                    request = operation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            destination.set(before)

    def perform(self, request: Request) -> Any:
        """Carry out one request; the reply, bytes whatever the client would decode."""
        with own_errors(self.connection):
            if isinstance(request, Pipeline):
                return (self._stream if request.one_by_one else self._pipeline)(request)
            if isinstance(request, Script):
                return self._script(request)
            return self._call(*request.args)

    def _call(self, *args: Any) -> Any:
        if args[0] in _PLAIN:
            return lines.call(self.connection, args)
        execute: Any = self.connection.execute_command
        return execute(*args, NEVER_DECODE=True)

    def _script(self, request: Script) -> Any:
        try:
            return self._call(*command_of(request))
        except redis.exceptions.NoScriptError:
            return self._call(
                'EVAL', loaded(request.name, request.parts).source, 1, request.key, request.request
            )

    def _pipeline(self, pipeline: Pipeline) -> list[Any]:
        requests = pipeline.requests
        replies = zip(requests, self._send(requests), strict=True)
        return raise_first_error([self._known(request, reply) for request, reply in replies])

    def _stream(self, pipeline: Pipeline) -> Iterator[Any]:
        """The replies to what changes nothing, each as soon as it is there."""
        replies = self._one_by_one(pipeline.requests)
        for request in pipeline.requests:
            with own_errors(self.connection):
                [reply] = raise_first_error([self._known(request, next(replies))])
            yield reply

    def _known(self, request: Command | Script, reply: Any) -> Any:
        """A reply; of a script that the server did not know, that of its repetition."""
        if not is_unknown_script(reply):
            return reply
        assert isinstance(request, Script)
        return self._script(request)

    def _one_by_one(self, requests: tuple[Command | Script, ...]) -> Iterator[Any]:
        told = 0
        for reply in lines.stream(self.connection, [command_of(request) for request in requests]):
            told += 1
            yield reply
        if told < len(requests):
            yield from self._send(requests[told:])

    def _send(self, requests: tuple[Command | Script, ...]) -> list[Any]:
        with self.connection.pipeline(transaction=False) as pipe:
            for request in requests:
                pipe.execute_command(  # type: ignore[no-untyped-call]
                    *command_of(request), NEVER_DECODE=True
                )
            return pipe.execute(raise_on_error=False)
