"""Twins: two servers that get the same requests, to compare what requests cost a server."""

from __future__ import annotations

import contextlib
import functools
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import redis

import rom
from rom._core.drivers.commands import command_of
from rom._core.drivers.scripts import loaded
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command, Pipeline, Script
from rom.embedded import open_server


def busy(servers: Sequence[Any]) -> list[float]:
    """Return the processor time that each server has used, in seconds."""
    each = [server.info('cpu') for server in servers]
    return [float(cpu['used_cpu_user']) + float(cpu['used_cpu_sys']) for cpu in each]


def spent(servers: Sequence[Any], work: Callable[[], object]) -> list[float]:
    """Return the processor time that each server uses for some work, in seconds."""
    before = busy(servers)
    work()
    return [after - was for after, was in zip(busy(servers), before, strict=True)]


@contextlib.contextmanager
def recorded() -> Iterator[list[Sequence[Command | Script]]]:
    """Record the requests of each round trip of the process."""
    seen: list[Sequence[Command | Script]] = []
    kind: Any = SyncDriver
    perform = kind.perform

    @functools.wraps(perform)
    def noted(driver: SyncDriver, request: Any) -> Any:
        if isinstance(request, (Command, Script)):
            seen.append((request,))
        elif isinstance(request, Pipeline):
            seen.append(request.requests)
        return perform(driver, request)

    kind.perform = noted
    try:
        yield seen
    finally:
        kind.perform = perform


class Twins:
    """Two servers: programs use the first, and the second gets the same requests at once.

    A server that waits for each request of a program finds its caches cold, the more so the longer
    the program works in between. What it needs for the requests themselves shows when they come in
    one pipeline. No request is repeated, because a repeated commit only finds its note.
    """

    def __init__(self) -> None:
        self._servers = [open_server(), open_server()]
        self._first, self._second = (
            redis.Redis(unix_socket_path=str(server.socket)) for server in self._servers
        )
        rom.util.CONNECTION = self._first

    def replay(self, work: Callable[[], None]) -> tuple[float, float]:
        """Do some work; return the second server's time, and the number of round trips."""
        with recorded() as trips:
            work()
        requests = [request for trip in trips for request in trip]
        for name, parts in {(one.name, one.parts) for one in requests if isinstance(one, Script)}:
            self._second.script_load(loaded(name, parts).source)

        def send() -> None:
            pipe: Any
            with self._second.pipeline(transaction=False) as pipe:
                for request in requests:
                    pipe.execute_command(*command_of(request))
                pipe.execute()

        return spent([self._second], send)[0], len(trips)

    def ratio(self, rounds: Iterable[Sequence[Callable[[], None]]]) -> float:
        """Return the time for the second work of a round, of that for the first; the median."""
        times = [[self.replay(work)[0] for work in works] for works in rounds]
        return statistics.median(second / first for first, second in times)

    def close(self) -> None:
        """End both servers."""
        for server in self._servers:
            server.close()
