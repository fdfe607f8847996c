"""The servers of a run: one for each size of the data, so that no large set burdens a small one."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.peers.base import connect
from rom.embedded import open_server

# The last database of a server is ours, to ask about the server.
_ADMIN = 15
_SMALL = 8

THRESHOLD = 1000  # microseconds: shorter commands of a write are not noted


class Server:
    """An embedded server, empty at first, with a database for each peer and another for its writes.

    Args:
        peers: the peers' names; seven at most.
    """

    def __init__(self, peers: list[str]) -> None:
        self._embedded = open_server()
        self.socket = str(self._embedded.socket)
        self.admin = connect(self.socket, _ADMIN)
        self.places = {name: place for place, name in enumerate(peers)}

    def close(self) -> None:
        """End the server, and its data with it."""
        self.admin.close()
        self._embedded.close()

    def large(self, peer: str) -> dict[str, Any]:
        """Where a peer has its large set."""
        return {'socket': self.socket, 'db': self.places[peer]}

    def small(self, peer: str) -> dict[str, Any]:
        """Where a peer has its small set."""
        return {'socket': self.socket, 'db': self.places[peer] + _SMALL}

    def flush_small(self, peer: str) -> None:
        """Empty a peer's small set."""
        connect(**self.small(peer)).flushdb()

    def name(self) -> str:
        """What it is, and which version."""
        info = self.info('server')
        valkey = info.get('valkey_version')
        return f'Valkey {valkey}' if valkey else f'Redis {info["redis_version"]}'

    def info(self, section: str) -> dict[str, Any]:
        """A section of INFO."""
        found: dict[str, Any] = self.admin.info(section)
        return found

    def used_memory(self) -> int:
        """Bytes in use, once the server has tidied up; the peers' connections are no part of it."""
        self.admin.client_kill_filter(_type='normal', skipme=True)
        used = [0]
        for _ in range(50):
            used.append(int(self.info('memory')['used_memory']))
            if abs(used[-1] - used[-2]) < 10_000:
                break
            time.sleep(0.2)
        return used[-1]

    def writes(self) -> int:
        """How many changes to the data there were."""
        return int(self.info('persistence')['rdb_changes_since_last_save'])

    def watch(self, threshold: int) -> None:
        """From now on, note commands that take so many microseconds."""
        self.admin.config_set('slowlog-max-len', 10_000)
        self.admin.config_set('slowlog-log-slower-than', threshold)
        self.admin.slowlog_reset()

    def longest(self) -> int:
        """The longest command since `watch`, in microseconds; 0: none was noted. Ends the watch."""
        self.admin.config_set('slowlog-log-slower-than', -1)
        noted: Any = self.admin.slowlog_get(10_000)
        return max((int(entry['duration']) for entry in noted), default=0)
