"""The driver that runs operations on a `redis.asyncio.Redis`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

import redis.asyncio
from hiredis import pack_command

from rom._core.drivers import (
    loop_connections,
    native_reads,
    server_functions,
    shared_requests,
)
from rom._core.drivers.arriving_replies import ArrivingReplies
from rom._core.drivers.async_cluster_nodes import AsyncNodes
from rom._core.drivers.client_support import check_client, running_loop
from rom._core.drivers.cluster_slots import check_one_tag, is_cluster
from rom._core.drivers.commands import command_of, other_way, read_only
from rom._core.drivers.errors import raise_first_error
from rom._core.drivers.interrupted_calls import ERRORS
from rom._core.drivers.redirections import hides_read_only, sentinel_pool
from rom._core.drivers.replicas import reader_of
from rom._core.drivers.send_outcome import Sending, counted
from rom._core.drivers.shared_replies import Lost, Stream
from rom._core.drivers.shared_requests import converted, converted_of
from rom._core.ops.commits.attempts import note_given_up
from rom._core.ops.requests import (
    NO_TRIP,
    Command,
    Destination,
    Next,
    Operation,
    Pipeline,
    ReplyStream,
    Request,
    Rest,
    RowReads,
    Script,
)
from rom.exceptions import ORMError

T = TypeVar('T')

# A future of a shared connection may have these in the place of a reply.
_NO_REPLY = (Exception, Lost)


class AsyncDriver:
    """Runs operations on an asyncio client.

    Args:
        connection: the client.
        from_replicas: requests that only read may go to replicas.

    Requests go by the shared connections of the client, where it has such: see
    `rom._core.drivers.loop_connections`. Otherwise the driver behaves like
    :class:`rom._core.drivers.sync_driver.SyncDriver`.
    """

    # Defaults on the class make a driver cheaper: each operation makes one.
    _from_replicas = False
    _reader: Any = None
    _nodes: AsyncNodes | None = None
    _arriving: ArrivingReplies | None = None

    def __init__(self, connection: redis.asyncio.Redis, from_replicas: bool = False) -> None:
        check_client(connection, blocks=False)
        self.connection = connection
        if from_replicas:
            self._from_replicas, self._reader = True, reader_of(connection)
        if is_cluster(connection):
            self._nodes = AsyncNodes(connection)

    @property
    def is_crowded(self) -> bool:
        """True if many tasks use the shared connection for short requests right now."""
        if self._from_replicas:
            return False
        if self._nodes is not None:
            return self._nodes.is_crowded
        shared = loop_connections.of(self.connection)
        current = None if shared is None else shared.short.current
        return current is not None and current.is_crowded

    @property
    def is_near(self) -> bool:
        """True if the server is so near that native reads are faster than scripts."""
        shared = self._shared_here()
        if shared is None:
            return False
        limit = native_reads.limit()
        both = (shared.short.current, shared.long.current)
        return any(one is not None and one.shortest < limit for one in both)

    def _shared_here(self) -> loop_connections.LoopConnections | None:
        """Return the client's shared connections, unless requests go to several servers."""
        if self._from_replicas or self._nodes is not None:
            return None
        return loop_connections.of(self.connection)

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation's requests, and return the operation's result.

        Raises:
            InvalidOperation: no asyncio event loop runs.
            ORMError: the operation raised it, or a request to the server failed.
        """
        running_loop()  # its error names the remedy; the client library's does not
        try:
            request = next(operation)
            while True:
                try:
                    if type(request) is Next:
                        reply = await request.replies.take()
                    else:
                        reply = await self.perform(request)
                except BaseException as error:
                    request = operation.throw(error)
                else:
                    request = operation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        except BaseException:
            operation.close()  # the interrupt may have come here, outside the operation
            if self._arriving is not None:
                self._arriving.drop()
            note_given_up(self.connection)
            raise

    async def perform(self, request: Request) -> Any:
        """Carry out one request, and return the reply, as bytes even if the client decodes.

        Raises:
            ServerUnavailable: there was no answer, or none that says whether a write was carried
                out; or the server kept refusing requests.
            ServerError: the server answered with an error.
        """
        if isinstance(request, (Command, Script)) and (future := self._begin(request)) is not None:
            reply = await future
            if isinstance(reply, _NO_REPLY):
                return await self._end(request, reply)
            return converted_of(self.connection, request, reply)
        if isinstance(request, NO_TRIP):
            if isinstance(request, Destination):
                if request.heads:
                    check_one_tag(self.connection, request.heads)
                return self.connection
            assert not isinstance(request, Next)  # `run` takes the reply
            if isinstance(request, Rest):
                await asyncio.sleep(request.seconds)
                return True
            return False
        if isinstance(request, RowReads):
            return await self._rows(request)
        sending = Sending(self.connection, request)
        if isinstance(request, Pipeline):
            return await self._pipeline(request, sending)
        return await self._single(request, sending)

    def _begin(self, request: Command | Script) -> asyncio.Future[Any] | None:
        """Send a single request, if it has to wait for nothing.

        This is the short way for most requests: others take several coroutines.
        """
        if self._from_replicas:
            return None
        if self._nodes is not None:
            return self._nodes.begin(request)
        shared = loop_connections.of(self.connection)
        if shared is None:
            return None
        command = command_of(request, self.connection)
        return shared_requests.begin(shared, request, pack_command(command))

    async def _end(self, request: Command | Script, reply: Exception | Lost) -> Any:
        """Return the reply to a request that was sent, and got an error or no reply."""
        return await self._single(request, Sending(self.connection, request), reply)

    async def _single(
        self, request: Command | Script, sending: Sending, begun: Exception | Lost | None = None
    ) -> Any:
        args, is_settled = command_of(request, self.connection), False
        while True:
            try:
                return await self._ask(args, sending, begun)
            except ERRORS as error:
                begun, other = None, other_way(request, error)
                if other is not None and other != args:
                    if is_settled:
                        server_functions.note_still_unknown(self.connection, error)
                        args = other
                    elif not await self._can_call_now(request, error):
                        args = other
                    is_settled = True
                    continue
                pause = sending.pause(error)
                if hides_read_only(error):
                    await self._find_master()
            await asyncio.sleep(pause)

    async def _can_call_now(self, request: Command | Script, error: Exception) -> bool:
        """Tell whether a function that the server lacked can be called: load the library."""
        client = self.connection
        if not server_functions.is_unknown_function(error):
            server_functions.note_refused_call(client, error)
            return False
        if not server_functions.begin_loading(client):
            return False
        load = server_functions.load_command(request)
        try:
            await self._ask(command_of(load), Sending(client, load), None)
        except ERRORS as refusal:
            return server_functions.note_refusal(client, refusal)
        finally:
            server_functions.end_loading(client)
        return True

    async def _find_master(self) -> None:
        """Ask the sentinels for the master; the library drops idle connections to another one."""
        pool = sentinel_pool(self.connection)
        if pool is not None:
            with suppress(*ERRORS):
                await pool.get_master_address()

    async def _ask(
        self, args: tuple[Any, ...], sending: Sending, begun: Exception | Lost | None
    ) -> Any:
        """Carry out a command; `begun` is an error or a lost reply, if `_begin` has sent it."""
        if self._nodes is not None:
            return await self._nodes.ask(sending, args, self._may_replica(sending), begun)
        if isinstance(begun, Exception):
            raise begun
        shared = self._shared(sending)
        if shared is None:
            return await self._ask_client(args, sending)
        reply = await shared_requests.ask(shared, args, sending, begun)
        if isinstance(reply, Exception):
            raise reply
        return converted(self.connection, args[0], reply)

    def _shared(self, sending: Sending) -> loop_connections.LoopConnections | None:
        """Return the client's shared connections, unless a replica may answer.

        A client for replicas opens each of its connections to another one.
        """
        if self._from_replicas and sending.suits_replicas:
            return None
        return loop_connections.of(self.connection)

    async def _ask_client(self, args: tuple[Any, ...], sending: Sending) -> Any:
        """Carry out a command with the client's own `execute_command`."""
        execute: Any = self.connection.execute_command
        if self._may_replica(sending):
            execute, args = self._reader.execute_command, read_only(args)
        named = counted(args)
        try:
            return await execute(*named, NEVER_DECODE=True)
        finally:
            sending.saw(named[:1])

    def _may_replica(self, sending: Sending) -> bool:
        return self._from_replicas and sending.suits_replicas

    async def _pipeline(self, pipeline: Pipeline, sending: Sending) -> list[Any] | ReplyStream:
        if pipeline.resends_all:
            return await self._send_until_whole(pipeline.requests, sending)
        if pipeline.one_by_one and (replies_to_come := await self._stream(pipeline, sending)):
            return replies_to_come
        replies = await self._send(pipeline.requests, sending)
        for place, request in enumerate(pipeline.requests):
            if isinstance(replies[place], Exception):
                replies[place] = await self._settled(request, replies[place], sending)
        return raise_first_error(replies, pipeline.optional)

    async def _rows(self, reads: RowReads) -> list[Any]:
        """Return the values of rows, and errors."""
        shared = self._shared_here()
        replies = None if shared is None else await shared_requests.rows(shared, reads)
        if replies is not None:
            return replies
        pipeline = reads.commands
        found = await self._pipeline(pipeline, Sending(self.connection, pipeline))
        assert isinstance(found, list)  # it is not read one by one
        return found

    async def _stream(self, pipeline: Pipeline, sending: Sending) -> ReplyStream | None:
        """Begin to read replies one by one; None: the client has no shared connections."""
        try:
            stream = await self._stream_once(pipeline.requests, sending)
        except ERRORS as error:
            await asyncio.sleep(sending.pause(error))
            return None  # `_send` tries again
        if stream is None:
            return None
        self._arriving = ArrivingReplies(
            self.connection, pipeline.requests, stream, sending, self._send, self._settled
        )
        return self._arriving

    async def _stream_once(
        self, requests: tuple[Command | Script, ...], sending: Sending
    ) -> Stream | None:
        if self._nodes is not None:
            return await self._nodes.stream(requests, self._may_replica(sending))
        shared = self._shared(sending)
        if shared is None:
            return None
        return await shared_requests.stream(
            shared, [command_of(request, self.connection) for request in requests]
        )

    async def _send_until_whole(
        self, requests: tuple[Command | Script, ...], sending: Sending
    ) -> list[Any]:
        """Send requests again until none of them fails."""
        while True:
            # On a connection of its own, because WAIT lets all that follow on it wait.
            replies = await self._send(requests, sending, is_alone=True)
            failed = next((reply for reply in replies if isinstance(reply, Exception)), None)
            if failed is None:
                return replies
            await asyncio.sleep(sending.pause(failed))

    async def _settled(self, request: Command | Script, error: Exception, sending: Sending) -> Any:
        """Settle a request of a pipeline that got an error; return its reply or rom's error."""
        one = sending.of(request)
        try:
            if one.can_wait(error):
                await asyncio.sleep(one.pause(error))
            elif other_way(request, error) is None:
                return one.failure(error)
            server_functions.note_refused_call(self.connection, error)
            return await self._single(request, one)
        except ORMError as own:
            return own

    async def _send(
        self,
        requests: tuple[Command | Script, ...],
        sending: Sending,
        is_alone: bool = False,
    ) -> list[Any]:
        """Return the replies to several requests of one trip, including the server's errors."""
        while True:
            try:
                return await self._send_once(requests, sending, is_alone)
            except ERRORS as error:
                pause = sending.pause(error)
            await asyncio.sleep(pause)

    async def _send_once(
        self, requests: tuple[Command | Script, ...], sending: Sending, is_alone: bool
    ) -> list[Any]:
        if self._nodes is not None:
            return await self._nodes.send(requests, self._may_replica(sending), is_alone)
        commands = [command_of(request, self.connection) for request in requests]
        shared = None if is_alone else self._shared(sending)
        if shared is None:
            return await self._send_by_client(commands, sending)
        return await shared_requests.send(self.connection, shared, requests, commands, sending)

    async def _send_by_client(
        self, commands: Sequence[tuple[Any, ...]], sending: Sending
    ) -> list[Any]:
        client: Any = self.connection
        if self._may_replica(sending):
            client, commands = self._reader, [read_only(command) for command in commands]
        named = [counted(command) for command in commands]
        try:
            async with client.pipeline(transaction=False) as pipe:
                for args in named:
                    pipe.execute_command(*args, NEVER_DECODE=True)
                replies: list[Any] = await pipe.execute(raise_on_error=False)
                return replies
        finally:
            sending.saw([args[0] for args in named])
