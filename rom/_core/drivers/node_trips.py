"""Trips to several nodes of a cluster at the same time, for the blocking driver.

All requests are written before the first reply is read, so that the nodes work at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis.exceptions

from rom._core.drivers.interrupted_calls import ERRORS, drop_idle_unless_answered


def send_to_each(trips: Sequence[tuple[Any, Sequence[tuple[Any, ...]]]]) -> list[list[Any]]:
    """Send commands to several nodes, and return the replies and errors of each.

    After a lost connection, its error stands for each reply that did not come.

    Args:
        trips: clients, each with its commands.
    """
    each = [_Trip(client, commands) for client, commands in trips]
    try:
        for trip in each:
            trip.send()
        for trip in each:
            trip.read()
    except BaseException as error:
        # Replies may be due on any of the connections: none of them may be used again.
        for trip in each:
            trip.drop()
            drop_idle_unless_answered(trip.client, error)
        raise
    finally:
        for trip in each:
            trip.give_back()
    return [trip.replies for trip in each]


class _Trip:
    """Commands on their way to one node.

    Args:
        client: the client of the node.
        commands: the commands.
    """

    __slots__ = ('_commands', '_connection', 'client', 'replies')

    def __init__(self, client: Any, commands: Sequence[tuple[Any, ...]]) -> None:
        self.client = client
        self._commands = commands
        self._connection: Any = None
        self.replies: list[Any] = []

    def send(self) -> None:
        try:
            self._connection = self.client.connection_pool.get_connection()
            # Joined, because the library would send some kilobytes at a time, and wake the node.
            packed = [b''.join(self._connection.pack_commands(self._commands))]
            self._connection.send_packed_command(packed)
        except ERRORS as error:
            self._fail(error)

    def read(self) -> None:
        for args in self._commands[len(self.replies) :]:
            try:
                parsed = self.client.parse_response(self._connection, args[0], NEVER_DECODE=True)
            except redis.exceptions.ResponseError as error:
                parsed = error
            except ERRORS as error:
                self._fail(error)
                return
            self.replies.append(parsed)

    def _fail(self, error: Exception) -> None:
        self.drop()
        self.replies += [error] * (len(self._commands) - len(self.replies))

    def drop(self) -> None:
        """Disconnect, because replies may still be due."""
        if self._connection is not None:
            self._connection.disconnect()

    def give_back(self) -> None:
        """Return the connection to its pool."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self.client.connection_pool.release(connection)
