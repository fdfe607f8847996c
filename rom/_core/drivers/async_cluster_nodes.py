"""Cluster nodes for asyncio: like `rom._core.drivers.cluster_nodes`, and awaited.

This module finds the node of a request, follows ASK, and asks for the slots again where they may
have changed. `rom._core.drivers.async_node_calls` sends the request to the node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import redis.exceptions

from rom._core.drivers.async_node_calls import NodeCalls
from rom._core.drivers.cluster_slots import in_groups, master_of, slot_of_request
from rom._core.drivers.commands import command_of
from rom._core.drivers.interrupted_calls import ERRORS
from rom._core.drivers.redirections import (
    ASKING,
    NO_NODE,
    is_ask,
    is_move,
    not_served,
    still_moves,
)
from rom._core.drivers.replicas import replica_of
from rom._core.drivers.send_outcome import Sending
from rom._core.drivers.shared_replies import Lost, Stream
from rom._core.drivers.slot_scans import Scans, probe
from rom._core.ops.requests import Command, Pipeline, Script


class AsyncNodes:
    """The nodes of an asyncio client of a cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._calls = NodeCalls(client)
        self._scans: Scans | None = None

    @property
    def is_crowded(self) -> bool:
        """True if many tasks use a shared connection for short requests right now."""
        return self._calls.connections.is_crowded

    def begin(self, request: Command | Script) -> asyncio.Future[Any] | None:
        """Send a request to the master of its slot, if it has to wait for nothing.

        Returns:
            A future for the reply, an error of the node, or `Lost`; None: see `ask`.

        Raises:
            InvalidOperation: the key of the request has no hash tag.
        """
        slot, client = slot_of_request(request), self._client
        if slot is None or client._initialize:
            return None
        command = command_of(request, client)
        nodes = client.nodes_manager.slots_cache.get(slot)
        if not nodes or command[0] == 'SCAN':
            return None
        return self._calls.begin(nodes[0], request, command)

    async def ask(
        self,
        sending: Sending,
        args: tuple[Any, ...],
        from_replica: bool = False,
        begun: Exception | Lost | None = None,
    ) -> Any:
        """Send a request, as this command, and return its reply.

        Args:
            sending: the request.
            args: its name and arguments.
            from_replica: a replica may answer.
            begun: an error of the node or a lost reply, if `begin` has sent the request.

        Raises:
            InvalidOperation: the key of the request has no hash tag.
            redis.exceptions.RedisError: the reply is an error, or no reply came.
        """
        reply: Any = begun
        if not isinstance(begun, Exception):
            assert not isinstance(sending.request, Pipeline)
            node = await self._node(slot_of_request(sending.request), from_replica)
            try:
                if args[0] == 'SCAN':  # which is never sent to a replica
                    reply = await self._scan(node, args, sending.request)
                else:
                    reply = await self._calls.ask(node, args, sending, from_replica, begun)
            except ERRORS as error:
                reply = error
        if is_ask(reply):
            reply = await self._ask_there(reply, args)
        if isinstance(reply, Exception):
            await self._learn(reply)
            raise reply
        return reply

    async def _scan(self, node: Any, args: tuple[Any, ...], request: Command | Script) -> Any:
        if self._scans is None:
            self._scans = Scans()
        replies = await self._calls.send(node, [args, probe(request)])
        return self._scans.reply(node.name, request, replies)

    async def send(
        self,
        requests: Sequence[Command | Script],
        from_replica: bool = False,
        is_alone: bool = False,
    ) -> list[Any]:
        """Send several requests, in one trip to all nodes; return replies and errors.

        Args:
            requests: the requests.
            from_replica: replicas may answer.
            is_alone: no other requests may use the connections meanwhile.
        """
        replies: list[Any] = [None] * len(requests)
        groups = await self._by_node(requests, replies, from_replica)
        trips = [
            self._send_some(node, requests, positions, from_replica, is_alone)
            for node, positions in groups
        ]
        # Each task writes before any of them waits for replies.
        each = [await trips[0]] if len(trips) == 1 else await asyncio.gather(*trips)
        for (_, positions), found in zip(groups, each, strict=True):
            for position, reply in zip(positions, found, strict=True):
                replies[position] = reply
        await self._learn(next(filter(is_move, replies), None))
        return replies

    async def _send_some(
        self,
        node: Any,
        requests: Sequence[Command | Script],
        positions: Sequence[int],
        from_replica: bool,
        is_alone: bool,
    ) -> list[Any]:
        """Send some of the requests to a node, in one trip; return replies and errors."""
        commands = [command_of(requests[position], self._client) for position in positions]
        try:
            return await self._calls.send(node, commands, from_replica, is_alone)
        except ERRORS as error:
            return [error] * len(commands)

    async def _by_node(
        self, requests: Sequence[Command | Script], replies: list[Any], from_replica: bool
    ) -> list[tuple[Any, list[int]]]:
        """Return the nodes of requests, each with the positions of its requests.

        Args:
            requests: the requests.
            replies: gets the error of each request whose slot no node has.
            from_replica: a replica may answer.
        """
        found: dict[str, tuple[Any, list[int]]] = {}
        for slot, positions in in_groups(requests):
            try:
                node = await self._node(slot, from_replica)
            except ERRORS as error:
                for position in positions:
                    replies[position] = error
            else:
                found.setdefault(node.name, (node, []))[1].extend(positions)
        for _, positions in found.values():
            positions.sort()  # each node gets its requests in the order of the pipeline
        return list(found.values())

    async def stream(
        self, requests: Sequence[Command | Script], from_replica: bool
    ) -> Stream | None:
        """Begin to carry out requests, whose replies are taken one by one.

        Returns:
            The replies; None: the requests are for several nodes, or there are no shared
            connections. See `send`.

        Raises:
            redis.exceptions.RedisError: there is no connection.
        """
        groups = in_groups(requests)
        if len(groups) != 1:
            return None
        node = await self._node(groups[0][0], from_replica)
        commands = [command_of(request, self._client) for request in requests]
        return await self._calls.stream(node, commands, from_replica)

    async def _node(self, slot: int | None, from_replica: bool = False) -> Any:
        """Return the node that has a slot; None: any."""
        try:
            if self._client._initialize:
                await self._client.initialize()
            nodes = self._client.nodes_manager
            if slot is None:
                return nodes.default_node
            return replica_of(nodes, slot) if from_replica else master_of(nodes, slot)
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
            return (await self._calls.send(node, [ASKING, args]))[1]
        except ERRORS as broken:
            return broken

    async def _learn(self, error: object) -> None:
        """Ask for the slots again, if the error says that they may have changed."""
        if is_move(error):
            await self._refresh()

    async def _refresh(self) -> None:
        await self._calls.connections.once(self._ask_for_slots)

    async def _ask_for_slots(self) -> None:
        nodes = self._client.nodes_manager
        with suppress(*NO_NODE):  # the next try may find one
            await nodes.initialize()
            self._calls.connections.keep(nodes.nodes_cache)
