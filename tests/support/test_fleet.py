"""Servers that belong together: stopped, killed, started again, and gone with their tests."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.support.fleet import BUS, HOST, Process, ending, free_port
from tests.support.leftovers import running
from tests.support.patience import PATIENCE, eventually

ROOT = Path(__file__).parents[2]


def test_a_server_is_killed_and_started_again() -> None:
    with ending(Process(settings=('appendonly yes', 'appendfsync always'))) as server:
        server.client.set('a', 1)
        server.kill()
        with pytest.raises(redis.ConnectionError):
            server.client.ping()
        assert not server.is_running
        server.restart()
        assert server.client.get('a') == b'1'
        server.end()
        server.end()


def test_a_server_that_stands_answers_when_it_goes_on() -> None:
    with ending(Process()) as server:
        with redis.Redis(host=HOST, port=server.port, socket_timeout=PATIENCE) as client:
            assert client.ping()
            connection = client.connection_pool.get_connection()
            server.stop()
            connection.send_command('PING')
            assert not connection.can_read(0.1)
            server.cont()
            assert connection.read_response() in (b'PONG', 'PONG')
            client.connection_pool.release(connection)


def test_a_port_and_another_are_free() -> None:
    port = free_port(BUS)
    with ending(Process(port=port)) as server:
        assert all(free_port(BUS) != port for _ in range(10))
        assert server.client.ping()


@pytest.mark.skipif(not Path('/proc/self').exists(), reason='there is no /proc')
def test_servers_go_with_a_program_that_is_killed(tmp_path: Path) -> None:
    code = 'from tests.support.fleet import Process; p = Process(); print(p.port); input()'
    with subprocess.Popen(
        [sys.executable, '-c', code],
        cwd=ROOT,
        env={'PATH': '/usr/bin:/bin', 'TMPDIR': str(tmp_path), 'PYTHONPATH': str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        assert list(tmp_path.iterdir())
        program.send_signal(signal.SIGKILL)
    eventually(lambda: not running(tmp_path))
    eventually(lambda: not list(tmp_path.iterdir()))
