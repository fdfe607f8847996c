"""Calls of one node of a cluster, for asyncio.

Requests go by the shared connections of the node (`rom._core.drivers.node_connections`). A client
that has none sends them by connections of the client library. A node of the library raises an error
if all of these are in use. So tasks queue for them: a task that asked again after a pause might
wait long while others pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hiredis import pack_command

from rom._core.drivers import node_connections, shared_requests
from rom._core.drivers.commands import read_only
from rom._core.drivers.redirections import is_lost
from rom._core.drivers.replicas import READONLY
from rom._core.drivers.send_outcome import Sending
from rom._core.drivers.shared_replies import Lost, Stream
from rom._core.ops.requests import Command, Script


class NodeCalls:
    """Sends requests of an asyncio client to the nodes of its cluster.

    A node is one of the client library. If a replica may answer, each method sends a script as one
    that only reads.

    Attributes:
        connections: the shared connections of the client.
    """

    __slots__ = ('_client', 'connections')

    def __init__(self, client: Any) -> None:
        self._client = client
        self.connections = node_connections.of(client)

    def begin(
        self, node: Any, request: Command | Script, command: tuple[Any, ...]
    ) -> asyncio.Future[Any] | None:
        """Send a request, as this command, if it has to wait for nothing.

        Returns:
            A future for the reply, an error of the node, or `Lost`; None: see `ask`.
        """
        shared = self.connections.shared(node)
        if shared is None:
            return None
        return shared_requests.begin(shared, request, pack_command(command))

    async def ask(
        self,
        node: Any,
        args: tuple[Any, ...],
        sending: Sending,
        from_replica: bool = False,
        lost: Lost | None = None,
    ) -> Any:
        """Send a command; return the reply or an error.

        Args:
            node: the node.
            args: the command.
            sending: the request that it stands for; notes if it is sent again.
            from_replica: the node may be a replica.
            lost: the lost reply, if the request was sent before.

        Raises:
            redis.exceptions.RedisError: the reply is an error, or no reply came.
        """
        shared = self.connections.shared(node, from_replica)
        if shared is None and from_replica:
            return (await self.send(node, [args], from_replica))[0]
        if shared is None:
            async with self._queue(node):
                return await node.execute_command(*args, NEVER_DECODE=True)
        if from_replica:
            args = read_only(args)
        reply = await shared_requests.ask(shared, args, sending, lost)
        return shared_requests.converted(self._client, args[0], reply)

    async def send(
        self,
        node: Any,
        commands: Sequence[tuple[Any, ...]],
        from_replica: bool = False,
        is_alone: bool = False,
    ) -> list[Any]:
        """Send commands in one trip, one after the other; return replies and errors.

        Args:
            node: the node.
            commands: the commands.
            from_replica: the node may be a replica.
            is_alone: no other requests may use the connection meanwhile.

        Raises:
            redis.exceptions.RedisError: there is no connection.
        """
        shared = None if is_alone else self.connections.shared(node, from_replica)
        if from_replica:
            commands = [read_only(command) for command in commands]
        if shared is not None:
            return await shared_requests.send_each(self._client, shared, commands)
        if from_replica:
            return (await self._send_by_library(node, [READONLY, *commands]))[1:]
        return await self._send_by_library(node, commands)

    async def stream(
        self, node: Any, commands: Sequence[tuple[Any, ...]], from_replica: bool
    ) -> Stream | None:
        """Begin to carry out commands, whose replies are taken one by one.

        Returns:
            The replies; None: there are no shared connections. See `send`.

        Raises:
            redis.exceptions.RedisError: there is no connection.
        """
        shared = self.connections.shared(node, from_replica)
        if shared is None:
            return None
        if from_replica:
            commands = [read_only(command) for command in commands]
        return await shared_requests.stream(shared, commands)

    async def _send_by_library(self, node: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        sent = [_Sent(args) for args in commands]
        async with self._queue(node):
            await node.execute_pipeline(sent)
        replies = [one.result for one in sent]
        # After a lost connection, the library reads on, and notes errors of other kinds.
        lost = next((at for at, reply in enumerate(replies) if is_lost(reply)), len(replies))
        return replies[: lost + 1] + [replies[lost] for _ in replies[lost + 1 :]]

    def _queue(self, node: Any) -> asyncio.Semaphore:
        queues = self.connections.queues
        queue = queues.get(node.name)
        if queue is None:
            queue = queues[node.name] = asyncio.Semaphore(node.max_connections)
        return queue


class _Sent:
    """A command of a pipeline, as the client library's node takes it and notes the result."""

    __slots__ = ('args', 'kwargs', 'result')

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args = args
        self.kwargs = {'NEVER_DECODE': True}
        self.result: Any = None
