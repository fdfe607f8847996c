"""Waiting for replies awake, and asleep where that does not pay."""

from __future__ import annotations

import itertools
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import rom
from rom._core.drivers import busy_wait
from rom._core.drivers.busy_wait import MAX_BACKOFF, MIN_BACKOFF, USUAL, BusyPoller
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command
from rom.exceptions import InvalidOperation, ServerUnavailable
from tests.support.servers import Server

pytestmark = [
    pytest.mark.one_server,
    pytest.mark.skipif(not busy_wait.limit(), reason='threads of this system always sleep'),
]


@pytest.fixture(autouse=True)
def _usual() -> Iterator[None]:
    yield
    rom.util.set_busy_poll()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def ask(client: redis.Redis, key: str) -> Any:
    return SyncDriver(client).perform(Command('GET', key))


class Looks:
    """Counts the looks at sockets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        ours = SimpleNamespace(POLLIN=select.POLLIN, poll=lambda: _Counted(self, select.poll()))
        monkeypatch.setattr(busy_wait, 'select', ours)


class _Counted:
    def __init__(self, looks: Looks, poll: Any) -> None:
        self._looks, self._poll = looks, poll
        self.register = poll.register

    def poll(self, milliseconds: int) -> Any:
        self._looks.count += 1
        return self._poll.poll(milliseconds)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


def test_what_is_there_is_seen_at_the_first_look(pair: Any, looks: Looks) -> None:
    ours, theirs = pair
    theirs.send(b'x')
    watch = BusyPoller()
    for count in (1, 2, 3):
        watch.wait(ours)
        assert (looks.count, watch.asleep) == (count, 0)
    assert ours.recv(9) == b'x'  # it was only looked at


def test_a_closed_one_is_left_to_who_reads_it(pair: Any) -> None:
    ours, theirs = pair
    theirs.close()
    watch = BusyPoller()
    watch.wait(ours)
    assert watch.asleep == 0
    assert ours.recv(9) == b''


def test_one_that_was_closed_here_is_left_as_well(pair: Any, looks: Looks) -> None:
    """By another thread, which disconnects all that a pool has."""
    ours, _ = pair
    ours.close()
    watch = BusyPoller()
    watch.wait(ours)
    assert (looks.count, watch.asleep) == (0, 0)
    again, other = socket.socketpair()
    with again, other:
        other.send(b'x')
        watch.wait(again)
        assert (looks.count, watch.asleep) == (1, 0)


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else ever wants the core: from one look to the next it takes ten microseconds."""
    now = itertools.count()
    monkeypatch.setattr(busy_wait, 'clock', lambda: next(now) * 10e-6)


def test_what_comes_late_is_waited_for_asleep(pair: Any, looks: Looks, steady: None) -> None:
    """The next two are as well, each time."""
    watch = BusyPoller()
    for _ in range(4):
        watch.wait(pair[0])
        assert watch.asleep == MIN_BACKOFF
        assert slept(watch, pair[0], looks) == MIN_BACKOFF


def test_who_lent_the_core_sleeps_ever_longer(
    pair: Any, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And as soon as it took long, not at the end of the time."""
    ours, theirs = pair
    rom.util.set_busy_poll(60)
    monkeypatch.setattr(os, 'sched_yield', lambda: time.sleep(0.001))
    watch, times = BusyPoller(), []
    begun = time.perf_counter()
    for _ in range(8):
        before = looks.count
        watch.wait(ours)
        assert looks.count == before + 1
        times.append(slept(watch, ours, looks))
    assert time.perf_counter() - begun < 30
    assert times == [2, 8, 32, 128, 512, 2048, 2048, 2048]
    assert (times[0], times[-1]) == (MIN_BACKOFF, MAX_BACKOFF)
    theirs.send(b'x')
    for _ in range(20):  # now nobody wants it
        watch.wait(ours)
    assert ours.recv(9) == b'x'
    watch.wait(ours)
    assert watch.asleep == MIN_BACKOFF


def slept(watch: BusyPoller, sock: socket.socket, looks: Looks) -> int:
    """How many waits there are without a look, until it would look again."""
    before, count = looks.count, 0
    while watch.asleep:
        watch.wait(sock)
        count += 1
    assert looks.count == before
    return count


def test_another_thread_gets_the_interpreter(pair: Any) -> None:
    """The thread that answers is not kept from it by the one that waits."""
    ours, theirs = pair
    rom.util.set_busy_poll(60)

    def answer() -> None:
        sum(range(100_000))
        theirs.send(b'x')

    thread = threading.Thread(target=answer)
    thread.start()
    begun = time.perf_counter()
    BusyPoller().wait(ours)
    assert ours.recv(9) == b'x'
    assert time.perf_counter() - begun < 30
    thread.join()


def test_a_new_socket_is_looked_at_in_place_of_the_old(pair: Any) -> None:
    watch = BusyPoller()
    pair[1].send(b'x')
    watch.wait(pair[0])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        watch.wait(ours)
        assert watch.asleep == MIN_BACKOFF  # nothing came there


def test_greenlets_and_tls_always_sleep(pair: Any, looks: Looks) -> None:
    class Other(socket.socket):
        """Of another module, as those of gevent and ssl are."""

    with Other(fileno=pair[0].detach()) as sock:
        watch = BusyPoller()
        watch.wait(sock)
        assert (looks.count, watch.asleep) == (0, 0)


def test_servers_of_this_machine_are_looked_at_by_tcp_too(looks: Looks) -> None:
    with (
        socket.create_server(('127.0.0.1', 0)) as listening,
        socket.create_connection(listening.getsockname()) as sock,
    ):
        BusyPoller().wait(sock)
    assert looks.count >= 1


@pytest.mark.parametrize(
    ('address', 'is_here'),
    [
        ('127.0.0.1', True),
        ('127.8.9.10', True),
        ('::1', True),
        ('::ffff:127.0.0.1', True),
        ('10.0.0.127', False),
        ('172.17.0.2', False),
        ('::12', False),
        ('fe80::1', False),
        ('::ffff:10.0.0.1', False),
    ],
)
def test_which_addresses_are_of_this_machine(
    address: str, is_here: bool, looks: Looks, pair: Any
) -> None:
    """Calls of others sleep: they would be awake for the way as well."""

    class There(socket.socket):
        """Says that it leads elsewhere; there is no other machine in a test."""

        family = property(lambda self: socket.AF_INET)  # type: ignore[assignment]

        def getpeername(self) -> Any:
            return address, 6379

    There.__module__ = 'socket'
    with There(fileno=pair[0].detach()) as sock:
        BusyPoller().wait(sock)
    assert (looks.count > 0) == is_here


def test_calls_of_a_near_server_look(client: redis.Redis, raw: redis.Redis, looks: Looks) -> None:
    raw.mset({'a': 'x', 'b': 'y'})
    rom.util.set_busy_poll(60)
    assert ask(client, 'a') == b'x'
    assert looks.count == 0  # whether it is near is not known yet
    assert [ask(client, key) for key in 'ba'] == [b'y', b'x']
    assert looks.count >= 1


def test_calls_of_a_far_server_sleep(client: redis.Redis, raw: redis.Redis, looks: Looks) -> None:
    """It has never answered within the time, here a nanosecond."""
    raw.set('a', 'x')
    rom.util.set_busy_poll(1e-9)
    assert [ask(client, 'a') for _ in range(5)] == [b'x'] * 5
    assert looks.count == 0


def test_it_is_turned_off(client: redis.Redis, raw: redis.Redis, looks: Looks) -> None:
    raw.set('a', 'x')
    rom.util.set_busy_poll(0)
    assert [ask(client, 'a') for _ in range(5)] == [b'x'] * 5
    assert looks.count == 0
    assert busy_wait.limit() == 0
    rom.util.set_busy_poll()
    assert busy_wait.limit() == USUAL


@pytest.mark.parametrize('seconds', [-1, -0.001, math.inf, math.nan, '1', None])
def test_no_time_at_all_is_refused(seconds: Any) -> None:
    with pytest.raises(
        InvalidOperation, match=r'set_busy_poll\(.*\): a number of seconds from 0 on'
    ):
        rom.util.set_busy_poll(seconds)
    assert busy_wait.limit() == USUAL


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As freezegun stops the clocks: in each module that has one, by whatever name."""
    clocks = (time.time, time.monotonic, time.perf_counter)
    for module in [*sys.modules.values()]:
        if getattr(module, '__name__', '').partition('.')[0] in ('rom', 'redis', 'time'):
            for name, value in [*vars(module).items()]:
                if any(value is clock for clock in clocks):
                    monkeypatch.setattr(module, name, lambda: 1_000_000.0)


def test_a_stopped_clock_stops_no_wait(
    pair: Any, looks: Looks, stopped: None, server: Server
) -> None:
    BusyPoller().wait(pair[0])
    assert looks.count > 0
    rom.util.set_busy_poll(3600)
    watch = BusyPoller()
    pair[0].settimeout(0.05)
    watch.wait(pair[0])  # for no longer than who owns the socket would
    with redis.Redis(
        unix_socket_path=server.socket, socket_timeout=0.5, retry=Retry(NoBackoff(), 1)
    ) as client:
        assert [ask(client, 'a') for _ in range(3)] == [None] * 3
        with pytest.raises(ServerUnavailable, match='Timeout'):
            SyncDriver(client).perform(Command('BLPOP', 'nothing', 0))


def test_who_is_interrupted_meets_no_reply_of_before(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while it looks: the reply has been asked for, and nobody reads it."""
    raw.mset({'a': 'x', 'b': 'y'})
    rom.util.set_busy_poll(60)
    ask(client, 'a')

    def interrupt() -> None:
        monkeypatch.undo()
        signal.raise_signal(signal.SIGUSR1)

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, 'sched_yield', interrupt)
    monkeypatch.setattr(BusyPoller, '_look', _unseen(BusyPoller._look))
    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            ask(client, 'a')
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [ask(client, 'b') for _ in range(3)] == [b'y'] * 3


def _unseen(look: Any) -> Any:
    """Its first look comes before the reply does, however fast the server is."""

    def looking(watch: BusyPoller) -> Any:
        os.sched_yield()
        return look(watch)

    return looking


def test_a_system_that_cannot_sleeps() -> None:
    """Windows has neither, and some libraries of greenlets take `poll` away."""
    for missing in ('del select.poll', 'del os.sched_yield'):
        code = (
            f'import os, select; {missing}\n'
            'from rom._core.drivers import busy_wait\n'
            'busy_wait.set_busy_poll(1)\n'
            'print(busy_wait.limit())'
        )
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, check=True)
        assert done.stdout.split() == [b'0.0']
