"""The driver that runs operations on a `redis.Redis`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import redis

from rom._core.drivers import kept_connections, native_reads, server_functions
from rom._core.drivers.client_support import check_client
from rom._core.drivers.cluster_slots import check_one_tag, is_cluster
from rom._core.drivers.commands import command_of, other_way, read_only
from rom._core.drivers.errors import raise_first_error
from rom._core.drivers.interrupted_calls import ERRORS, drop_idle_unless_answered
from rom._core.drivers.native_reads import packed_reads
from rom._core.drivers.pool_connection import BROKEN, SENT, ThreadConnection
from rom._core.drivers.redirections import hides_read_only, sentinel_pool
from rom._core.drivers.replicas import reader_of
from rom._core.drivers.send_outcome import Sending, counted
from rom._core.ops.commits.attempts import note_given_up
from rom._core.ops.requests import (
    NO_TRIP,
    Command,
    Destination,
    Next,
    Operation,
    Pipeline,
    Request,
    Rest,
    RowReads,
    Script,
)
from rom.exceptions import ORMError

if TYPE_CHECKING:
    from rom._core.drivers.cluster_nodes import Nodes

T = TypeVar('T')

# Commands whose replies the client library does not convert.
_PLAIN: Final = frozenset(('EVALSHA', 'EVAL', 'FCALL_RO', 'HMGET', 'GET'))


class SyncDriver:
    """Runs operations on a blocking client.

    Args:
        connection: the client.
        from_replicas: requests that only read may go to replicas.

    >>> from rom._core.ops.requests import Command
    >>> def ping():
    ...     reply = yield Command('ECHO', 'pong')
    ...     return reply
    >>> SyncDriver(connection).run(ping())
    b'pong'
    """

    # Defaults on the class make a driver cheaper: each operation makes one.
    _from_replicas = False
    _reader: Any = None
    _nodes: Nodes | None = None

    def __init__(self, connection: redis.Redis, from_replicas: bool = False) -> None:
        check_client(connection, blocks=True)
        self.connection = connection
        if from_replicas:
            self._from_replicas, self._reader = True, reader_of(connection)
        if is_cluster(connection):
            from rom._core.drivers.cluster_nodes import Nodes

            self._nodes = Nodes(connection)

    @property
    def is_near(self) -> bool:
        """True if the server is so near that native reads are faster than scripts."""
        if self._from_replicas or self._nodes is not None:
            return False
        kept = kept_connections.of(self.connection)
        return kept is not None and kept.trip < native_reads.limit()

    def run(self, operation: Operation[T]) -> T:
        """Carry out an operation's requests, and return the operation's result.

        Raises:
            ORMError: the operation raised it, or a request to the server failed.
        """
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
        except BaseException:
            operation.close()  # the interrupt may have come here, outside the operation
            note_given_up(self.connection)
            raise

    def perform(self, request: Request) -> Any:
        """Carry out one request, and return the reply, as bytes even if the client decodes.

        Raises:
            ServerUnavailable: there was no answer, or none that says whether a write was carried
                out; or the server kept refusing requests.
            ServerError: the server answered with an error.
        """
        if isinstance(request, NO_TRIP):
            if isinstance(request, Destination):
                if request.heads:
                    check_one_tag(self.connection, request.heads)
                return self.connection
            assert not isinstance(request, Next)  # this driver answers with no ReplyStream
            if isinstance(request, Rest) and request.seconds:
                time.sleep(request.seconds)
            return False
        if isinstance(request, Pipeline):
            return (self._stream if request.one_by_one else self._pipeline)(request)
        if isinstance(request, RowReads):
            return self._rows(request)
        return self._single(request, Sending(self.connection, request))

    def _single(self, request: Command | Script, sending: Sending) -> Any:
        args, is_settled = command_of(request, self.connection), False
        while True:
            try:
                return self._ask(args, sending)
            except ERRORS as error:
                other = other_way(request, error)
                if other is not None and other != args:
                    if is_settled:
                        server_functions.note_still_unknown(self.connection, error)
                        args = other
                    elif not self._can_call_now(request, error):
                        args = other
                    is_settled = True
                    continue
                pause = sending.pause(error)
                if hides_read_only(error):
                    self._find_master()
            time.sleep(pause)

    def _can_call_now(self, request: Command | Script, error: Exception) -> bool:
        """Tell whether a function that the server lacked can be called: load the library."""
        client = self.connection
        if not server_functions.is_unknown_function(error):
            server_functions.note_refused_call(client, error)
            return False
        if not server_functions.begin_loading(client):
            return False
        load = server_functions.load_command(request)
        try:
            self._ask(command_of(load), Sending(client, load))
        except ERRORS as refusal:
            return server_functions.note_refusal(client, refusal)
        finally:
            server_functions.end_loading(client)
        return True

    def _find_master(self) -> None:
        """Ask the sentinels for the master; the library drops idle connections to another one."""
        pool = sentinel_pool(self.connection)
        if pool is not None:
            with suppress(*ERRORS):
                pool.get_master_address()

    def _ask(self, args: tuple[Any, ...], sending: Sending) -> Any:
        kept = kept_connections.of(self.connection)
        if kept is None:
            return self._ask_client(args, sending)
        line = kept.take()
        try:
            reply = line.ask(args)
        except BROKEN:
            reply = _again(line, partial(line.ask, args), sending)
        finally:
            kept.put(line)
        if isinstance(reply, Exception):
            raise reply
        return reply if args[0] in _PLAIN else self._converted(args[0], reply)

    def _ask_client(self, args: tuple[Any, ...], sending: Sending) -> Any:
        """Carry out a command with the client's own `execute_command`."""
        if self._nodes is not None:
            assert not isinstance(sending.request, Pipeline)
            return self._nodes.ask(sending.request, args, self._may_replica(sending))
        execute: Any = self.connection.execute_command
        if self._may_replica(sending):
            execute, args = self._reader.execute_command, read_only(args)
        named = counted(args)
        try:
            return execute(*named, NEVER_DECODE=True)
        except BaseException as error:
            drop_idle_unless_answered(self.connection, error)
            raise
        finally:
            sending.saw(named[:1])

    def _may_replica(self, sending: Sending) -> bool:
        return self._from_replicas and sending.suits_replicas

    def _converted(self, name: Any, reply: Any) -> Any:
        """Return a reply as the client's own callbacks convert it."""
        callbacks = self.connection.response_callbacks
        return callbacks[name](reply) if name in callbacks else reply

    def _pipeline(self, pipeline: Pipeline) -> list[Any]:
        sending = Sending(self.connection, pipeline)
        if pipeline.resends_all:
            return self._send_until_whole(pipeline.requests, sending)
        replies = zip(pipeline.requests, self._send(pipeline.requests, sending), strict=True)
        settled = [self._settled(request, reply, sending) for request, reply in replies]
        return raise_first_error(settled, pipeline.optional)

    def _send_until_whole(
        self, requests: tuple[Command | Script, ...], sending: Sending
    ) -> list[Any]:
        """Send requests again until none of them fails."""
        while True:
            replies = self._send(requests, sending)
            failed = next((reply for reply in replies if isinstance(reply, Exception)), None)
            if failed is None:
                return replies
            time.sleep(sending.pause(failed))

    def _rows(self, reads: RowReads) -> list[Any]:
        """Return the values of rows, and errors."""
        kept = None if self._nodes is not None else kept_connections.of(self.connection)
        if kept is not None:
            line = kept.take()
            try:
                return line.ask_all(packed_reads(reads))
            except BROKEN:
                pass  # the pipeline has its retries
            finally:
                kept.put(line)
        return self._pipeline(reads.commands)

    def _stream(self, pipeline: Pipeline) -> Iterator[Any]:
        """Yield the replies of a pipeline that only reads, each as soon as it has arrived."""
        sending = Sending(self.connection, pipeline)
        replies = self._one_by_one(pipeline.requests, sending)
        for request in pipeline.requests:
            yield raise_first_error([self._settled(request, next(replies), sending)])[0]

    def _settled(self, request: Command | Script, reply: Any, sending: Sending) -> Any:
        """Return a reply of a pipeline, or rom's error; repeat a request that was refused."""
        if not isinstance(reply, Exception):
            return reply
        one = sending.of(request)
        try:
            if one.can_wait(reply):
                time.sleep(one.pause(reply))
            elif other_way(request, reply) is None:
                return one.failure(reply)
            server_functions.note_refused_call(self.connection, reply)
            return self._single(request, one)
        except ORMError as error:
            return error

    def _one_by_one(
        self, requests: tuple[Command | Script, ...], sending: Sending
    ) -> Iterator[Any]:
        told, kept, last = 0, kept_connections.of(self.connection), None
        if kept is not None:
            commands = [command_of(request, self.connection) for request in requests]
            try:
                line = kept.take()
                try:
                    for reply in line.stream(commands):
                        last = self._converted_of(requests[told], reply)
                        told += 1
                        if told < len(requests):
                            yield last
                finally:
                    kept.put(line)
            except BROKEN:
                sending.is_repeated = True
        if told < len(requests):
            yield from self._send(requests[told:], sending)
        else:
            yield last  # after `put`, so that the caller's work does not hold up the line

    def _converted_of(self, request: Command | Script, reply: Any) -> Any:
        if isinstance(reply, Exception) or isinstance(request, Script):
            return reply
        return self._converted(request.args[0], reply)

    def _send(self, requests: tuple[Command | Script, ...], sending: Sending) -> list[Any]:
        """Return the replies to several requests of one trip, including the server's errors."""
        while True:
            try:
                return self._send_once(requests, sending)
            except ERRORS as error:
                pause = sending.pause(error)
            time.sleep(pause)

    def _send_once(self, requests: tuple[Command | Script, ...], sending: Sending) -> list[Any]:
        if self._nodes is not None:
            return self._nodes.send(requests, self._may_replica(sending))
        commands = [command_of(request, self.connection) for request in requests]
        kept = kept_connections.of(self.connection)
        if kept is None:
            return self._send_by_client(commands, sending)
        replies = _all_of(kept, commands, sending)
        pairs = zip(requests, replies, strict=True)
        return [self._converted_of(request, reply) for request, reply in pairs]

    def _send_by_client(self, commands: Sequence[tuple[Any, ...]], sending: Sending) -> list[Any]:
        client: Any = self.connection
        if self._may_replica(sending):
            client, commands = self._reader, [read_only(command) for command in commands]
        named = [counted(command) for command in commands]
        try:
            with client.pipeline(transaction=False) as pipe:
                for args in named:
                    pipe.execute_command(*args, NEVER_DECODE=True)
                replies: list[Any] = pipe.execute(raise_on_error=False)
                return replies
        except BaseException as error:
            drop_idle_unless_answered(self.connection, error)
            raise
        finally:
            sending.saw([args[0] for args in named])


def _all_of(
    kept: kept_connections.ThreadConnections, commands: Sequence[tuple[Any, ...]], sending: Sending
) -> list[Any]:
    if not commands:
        return []
    line = kept.take()

    def ask() -> list[Any]:
        return list(line.stream(commands, ahead=len(commands)))

    try:
        return ask()
    except BROKEN:
        return _again(line, ask, sending)
    finally:
        kept.put(line)


def _again(line: ThreadConnection, ask: Callable[[], T], sending: Sending) -> T:
    """Repeat a request whose line broke, with the client's own retries and pauses.

    The line may have been idle for too long, or the server was restarted.
    """

    def failed(error: Exception | None) -> None:
        sending.is_repeated |= line.state is SENT
        line.reset()

    failed(None)
    retry: Any = line.connection.retry
    asked: T = retry.call_with_retry(ask, failed)
    return asked
