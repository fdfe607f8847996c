"""Cluster nodes: the requests of the blocking driver, sent to the nodes that have their slots.

The requests do not go through `RedisCluster.execute_command`:

* rom knows how often a request was sent. The client library repeats requests by itself, and does
  not report it. Then an error would leave nothing in doubt that is in doubt.
* ASKING and the command go out in one trip on one connection. The asyncio client of the library
  sends ASKING on one connection and the command on another, if several tasks send at once.
* SCAN, DBSIZE and EVAL without keys go to the node that has the slot. The library sends them to all
  nodes, or to any.
* A pipeline repeats only those of its requests that were refused.

Each method sends once, to the node that has the slot as far as is known. It follows ASK, because
only the next command on the same connection may use it. After any other redirection and after a
lost connection it asks the cluster for its slots again, and returns or raises the error; the driver
waits and repeats the request (`Sending.pause`).

The nodes of a client repeat nothing by themselves, because the client library gives their
connections no retries. So what is sent here is sent once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis.exceptions

from rom._core.drivers.cluster_slots import in_groups, master_of, slot_of_request
from rom._core.drivers.commands import command_of, read_only
from rom._core.drivers.interrupted_calls import ERRORS, drop_idle_unless_answered
from rom._core.drivers.node_trips import send_to_each
from rom._core.drivers.redirections import (
    ASKING,
    NO_NODE,
    is_ask,
    is_move,
    not_served,
    still_moves,
)
from rom._core.drivers.replicas import READONLY, replica_of
from rom._core.drivers.slot_scans import Scans, probe
from rom._core.ops.requests import Command, Script


class Nodes:
    """The nodes of a blocking client of a cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._scans = Scans()

    def ask(
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
        node = self._node(slot_of_request(request), from_replica)
        if from_replica:
            reply = self._send(node, [READONLY, read_only(args)])[1]
        elif args[0] == 'SCAN':
            reply = self._scans.reply(node.name, request, self._send(node, [args, probe(request)]))
        else:
            reply = self._send(node, [args])[0]
        if is_ask(reply):
            reply = self._ask_there(reply, args)
        if isinstance(reply, Exception):
            self._learn(reply)
            raise reply
        return reply

    def send(self, requests: Sequence[Command | Script], from_replica: bool = False) -> list[Any]:
        """Send several requests, in one trip to each node; return replies and errors."""
        replies: list[Any] = [None] * len(requests)
        groups = self._by_node(requests, replies, from_replica)
        for (_, positions), found in zip(
            groups, self._send_each(groups, requests, from_replica), strict=True
        ):
            self._learn(next(filter(is_move, found), None))
            for position, reply in zip(positions, found, strict=True):
                replies[position] = reply
        return replies

    def _send_each(
        self,
        groups: Sequence[tuple[Any, list[int]]],
        requests: Sequence[Command | Script],
        from_replica: bool,
    ) -> list[list[Any]]:
        """Send the requests of each node, to all nodes before the first reply is read."""
        trips = []
        for node, positions in groups:
            commands = [command_of(requests[position], self._client) for position in positions]
            trips.append(
                (node, [READONLY, *map(read_only, commands)] if from_replica else commands)
            )
        if len(trips) == 1:
            found = [self._send(*trips[0])]
        else:
            found = send_to_each([(node.redis_connection, commands) for node, commands in trips])
        return [replies[1:] for replies in found] if from_replica else found

    def _by_node(
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
                node = self._node(slot, from_replica)
            except ERRORS as error:
                for position in positions:
                    replies[position] = error
            else:
                found.setdefault(node.name, (node, []))[1].extend(positions)
        for _, positions in found.values():
            positions.sort()  # each node gets its requests in the order of the pipeline
        return list(found.values())

    def _node(self, slot: int | None, from_replica: bool = False) -> Any:
        """Return the node that has a slot; None: any."""
        try:
            nodes = self._client.nodes_manager
            if slot is None:
                found = nodes.default_node
            else:
                found = replica_of(nodes, slot) if from_replica else master_of(nodes, slot)
            if found.redis_connection is None:
                self._client.get_redis_connection(found)
        except NO_NODE as error:
            self._refresh()
            raise not_served(error) from None
        return found

    def _send(self, node: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send commands to a node in one trip; return replies and errors."""
        client = node.redis_connection
        try:
            if len(commands) == 1:
                execute: Any = client.execute_command
                return [execute(*commands[0], NEVER_DECODE=True)]
            with client.pipeline(transaction=False) as pipe:
                for args in commands:
                    pipe.execute_command(*args, NEVER_DECODE=True)
                replies: list[Any] = pipe.execute(raise_on_error=False)
                return replies
        except ERRORS as error:
            return [error] * len(commands)
        except BaseException as error:
            drop_idle_unless_answered(client, error)
            raise

    def _ask_there(self, error: redis.exceptions.AskError, args: tuple[Any, ...]) -> Any:
        """Send a command to the node that an ASK names, with ASKING before it."""
        node = self._client.get_node(host=error.host, port=error.port)
        if node is None or node.redis_connection is None:
            self._refresh()
            return still_moves(error)
        return self._send(node, [ASKING, args])[1]

    def _learn(self, error: object) -> None:
        """Ask for the slots again, if the error says that they may have changed."""
        if is_move(error):
            self._refresh()

    def _refresh(self) -> None:
        try:
            self._client.nodes_manager.initialize()
        except NO_NODE:
            pass  # the next try may find one
        except BaseException as error:
            drop_idle_unless_answered(self._client, error)
            raise
