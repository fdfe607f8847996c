"""Scans of the keys of one slot, each of which must stay with one node.

SCAN is not a command of a slot, so a node that has lost the slot answers that there are no more
keys. And a cursor means nothing to another node. So a read of a key that does not exist is sent
with each SCAN: a node refuses it unless it has the whole slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import redis.exceptions

from rom._core.drivers.redirections import is_ask, still_moves
from rom._core.ops.requests import Command, Script
from rom.exceptions import ServerUnavailable

#: Appended to a key with a hash tag, this is a key of its slot that never exists.
NEVER: Final = b':rom-never'


class Scans:
    """The nodes at which the scans of a driver began."""

    def __init__(self) -> None:
        self._begun: dict[bytes | None, str] = {}

    def reply(self, node: str, request: Command | Script, replies: Sequence[Any]) -> Any:
        """Return the reply of SCAN, or an error that passes.

        Args:
            node: the name of the node that answered.
            request: the SCAN.
            replies: the replies of SCAN and of `probe`.

        Raises:
            ServerUnavailable: the slot has moved since the scan began.
        """
        found, probed = replies
        is_first = isinstance(request, Command) and int(request.args[1]) == 0
        if is_first:
            self._begun[request.key] = node
        is_elsewhere = self._begun.get(request.key, node) != node
        if is_elsewhere or isinstance(probed, redis.exceptions.AskError):
            if not is_first:
                raise ServerUnavailable(
                    'the keys moved to another node of the cluster while they were scanned, so the '
                    'scan may have missed some: start again when no slot moves'
                )
            return still_moves(probed) if is_ask(probed) else probed
        return probed if isinstance(probed, Exception) else found


def probe(scan: Command | Script) -> tuple[bytes, ...]:
    """Return a command that a node refuses unless it has the whole slot of a SCAN."""
    return (b'EXISTS', (scan.key or b'') + NEVER)
