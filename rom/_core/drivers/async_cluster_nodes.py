"""Cluster nodes for asyncio: like `rom._core.drivers.cluster_nodes`, and awaited.

A node of the client library raises an error if all its connections are in use. So tasks queue for
the connections of a node: a task that asked again after a pause might wait long while others pass.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import redis.exceptions

from rom._core.drivers.cluster_slots import in_groups, slot_of_request
from rom._core.drivers.errors import command_of, read_only
from rom._core.drivers.interrupted_calls import ERRORS
from rom._core.drivers.redirections import (
    ASKING,
    NO_NODE,
    is_ask,
    is_lost,
    is_move,
    not_served,
    still_moves,
)
from rom._core.drivers.replicas import READONLY, replica_of
from rom._core.drivers.slot_scans import Scans, probe
from rom._core.ops.requests import Command, Script

# For each client, a semaphore for each node, by its name: as many tasks as it may have connections.
_queues: weakref.WeakKeyDictionary[Any, dict[str, asyncio.Semaphore]] = weakref.WeakKeyDictionary()


class AsyncNodes:
    """The nodes of an asyncio client of a cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._scans = Scans()
        self._queues = _queues.setdefault(client, {})

    async def ask(
        self, request: Command | Script, args: tuple[Any, ...], from_replica: bool = False
    ) -> Any:
        """Send a request, as this command, and return its reply.

        Args:
            request: the request.
            args: its name and arguments.
            from_replica: a replica may answer.

        Raises:
            InvalidOperation: the key of the request has no hash tag.
            redis.exceptions.RedisError: the reply is an error, or no reply came.
        """
        node = await self._node(slot_of_request(request), from_replica)
        try:
            if from_replica:
                reply = (await self._send(node, [READONLY, read_only(args)]))[1]
            elif args[0] == 'SCAN':
                replies = await self._send(node, [args, probe(request)])
                reply = self._scans.reply(node.name, request, replies)
            else:
                async with self._queue(node):
                    reply = await node.execute_command(*args, NEVER_DECODE=True)
        except ERRORS as error:
            reply = error
        if is_ask(reply):
            reply = await self._ask_there(reply, args)
        if isinstance(reply, Exception):
            await self._learn(reply)
            raise reply
        return reply

    async def send(
        self, requests: Sequence[Command | Script], from_replica: bool = False
    ) -> list[Any]:
        """Send several requests, in one trip to each node; return replies and errors."""
        replies: list[Any] = [None] * len(requests)
        for slot, positions in in_groups(requests):
            commands = [command_of(requests[position]) for position in positions]
            try:
                node = await self._node(slot, from_replica)
                if from_replica:
                    found = (await self._send(node, [READONLY, *map(read_only, commands)]))[1:]
                else:
                    found = await self._send(node, commands)
            except ERRORS as error:
                found = [error] * len(commands)
            await self._learn(next(filter(is_move, found), None))
            for position, reply in zip(positions, found, strict=True):
                replies[position] = reply
        return replies

    async def _node(self, slot: int | None, from_replica: bool = False) -> Any:
        """Return the node that has a slot; None: any."""
        try:
            await self._client.initialize()
            nodes = self._client.nodes_manager
            if slot is None:
                return nodes.default_node
            return replica_of(nodes, slot) if from_replica else nodes.get_node_from_slot(slot)
        except NO_NODE as error:
            await self._refresh()
            raise not_served(error) from None

    async def _ask_there(self, error: redis.exceptions.AskError, args: tuple[Any, ...]) -> Any:
        """Send a command to the node that an ASK names, with ASKING before it."""
        node = self._client.get_node(host=error.host, port=error.port)
        if node is None:
            await self._refresh()
            return still_moves(error)
        try:
            return (await self._send(node, [ASKING, args]))[1]
        except ERRORS as broken:
            return broken

    async def _send(self, node: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send commands to a node in one trip; return replies and errors."""
        sent = [_Sent(args) for args in commands]
        async with self._queue(node):
            await node.execute_pipeline(sent)
        replies = [one.result for one in sent]
        # After a lost connection, the library reads on, and notes errors of other kinds.
        lost = next((at for at, reply in enumerate(replies) if is_lost(reply)), len(replies))
        return replies[: lost + 1] + [replies[lost] for _ in replies[lost + 1 :]]

    def _queue(self, node: Any) -> asyncio.Semaphore:
        queue = self._queues.get(node.name)
        if queue is None:
            queue = self._queues[node.name] = asyncio.Semaphore(node.max_connections)
        return queue

    async def _learn(self, error: object) -> None:
        """Ask for the slots again, if the error says that they may have changed."""
        if is_move(error):
            await self._refresh()

    async def _refresh(self) -> None:
        with suppress(*NO_NODE):  # the next try may find one
            await self._client.nodes_manager.initialize()


class _Sent:
    """A command of a pipeline, as the client library's node takes it and notes the result."""

    __slots__ = ('args', 'kwargs', 'result')

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args = args
        self.kwargs = {'NEVER_DECODE': True}
        self.result: Any = None
