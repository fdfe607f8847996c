"""`rom expire`: a sweep, and a worker that is stopped and left alone."""

import signal
import subprocess
import time

import pytest
import redis

from rom._core.embedded.server import open_server
from tests.cli.conftest import Shop
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.one_server


def wait_until(holds: object, program: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and program.poll() is None:
        if holds():  # type: ignore[operator]
            return
        time.sleep(0.02)
    program.kill()
    pytest.fail(f'it did not happen: {program.communicate()}')


def test_a_sweep(filled: Shop) -> None:
    # Of a module, those models that ever expire; in as many batches as it takes.
    assert filled.fine('expire', 'shop.models', '--batch', '2') == 'expired\tLogin\t3\n'
    assert filled.raw.exists('Login:1', 'Login:2', 'Login:3', 'Login:4', 'Login:5') == 2


def test_what_cannot_be_removed(filled: Shop) -> None:
    filled.raw.delete('Login:1')
    filled.raw.set('Login:1', 'mine')
    ran = filled.run('expire', 'shop.models:Login', '--batch', '1', '--limit', '2')
    assert (ran.returncode, ran.stdout) == (1, 'expired\tLogin\t2\n')
    assert ran.stderr.startswith('Login: Login:1 should hold a hash')
    assert filled.raw.get('Login:1') == b'mine'


@pytest.mark.parametrize(
    ('arguments', 'what'),
    [
        (
            ['shop.models:Team'],
            'Team: expected models with an ExpireAt column, got none; declare one',
        ),
        (['shop.models', '--every', '10'], "'10': expected a duration like 10s, 5m, 1h or 1h30m"),
    ],
)
def test_mistakes(shop: Shop, arguments: list[str], what: str) -> None:
    assert what in shop.wrong(2, 'expire', *arguments)


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_worker(filled: Shop, number: signal.Signals, code: int) -> None:
    worker = filled.start('expire', 'shop.models', '--every', '0.1s')
    wait_until(lambda: not filled.raw.exists('Login:1'), worker)
    # A later sweep, too.
    filled.raw.hset('Login:4', 'expire_at', '5.0')
    filled.raw.zadd('Login:expire_at:idx', {'4': 5.0})
    wait_until(lambda: not filled.raw.exists('Login:4'), worker)
    worker.send_signal(number)
    out, errors = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, out) == (code, 'expired\tLogin\t3\nexpired\tLogin\t1\n')
    assert errors.splitlines() == [
        'Stopping after this batch; once more: at once.',
        'Stopped after 4 removed; nothing is half done.',
    ]


def test_a_worker_waits_for_a_server_that_is_away(shop: Shop) -> None:
    folder = shop.folder / 'away'
    shop.write(
        'away_models.py',
        f'import redis, redis.retry, redis.backoff, rom\n'
        f'rom.util.CONNECTION = redis.Redis(unix_socket_path={str(folder / "link")!r},\n'
        f'    retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))\n'
        f'class Gone(rom.Model):\n'
        f'    expire_at = rom.ExpireAt()\n',
    )
    folder.mkdir()
    worker = shop.start('expire', 'away_models', '--every', '0.1s')
    assert worker.stderr is not None
    first = worker.stderr.readline()
    assert first.startswith('no answer from Redis at unix:') and first.endswith('every 0.1 s.\n')
    with open_server() as server, redis.Redis(unix_socket_path=str(server.socket)) as client:
        client.hset('Gone:1', mapping={'id': 1, 'expire_at': '5.0'})
        client.zadd('Gone:expire_at:idx', {'1': 5.0})
        (folder / 'link').symlink_to(server.socket)
        wait_until(lambda: not client.exists('Gone:1'), worker)
        assert worker.stderr.readline() == 'The server answers again.\n'
        # It is made a replica for a while, which refuses to write.
        client.hset('Gone:2', mapping={'id': 2, 'expire_at': '5.0'})
        with client.pipeline() as pipe:
            pipe.zadd('Gone:expire_at:idx', {'2': 5.0})
            pipe.execute_command('REPLICAOF', 'localhost', '1')
            pipe.execute()
        assert 'read only replica. Trying again every' in worker.stderr.readline()
        client.execute_command('REPLICAOF', 'NO', 'ONE')
        wait_until(lambda: not client.exists('Gone:2'), worker)
        assert worker.stderr.readline() == 'The server answers again.\n'
        worker.send_signal(signal.SIGTERM)
        out, _ = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, out) == (0, 'expired\tGone\t1\n' * 2)


def test_hooks_and_what_they_make(shop: Shop) -> None:
    """In batches; what a hook makes is written with its batch."""
    shop.write(
        'hooked.py',
        'import datetime, rom\n'
        'class Note(rom.Model):\n'
        '    text = rom.Text()\n'
        'class Ticket(rom.Model):\n'
        '    expire_at = rom.ExpireAt(default=lambda: datetime.datetime(2020, 1, 1))\n'
        '    def _after_delete(self):\n'
        '        Note(text=f"{self.id} is gone")\n',
    )
    shop.fine('shell', 'hooked', '-c', '[Ticket() for n in range(5)]; session.commit()')
    out = shop.fine('expire', 'hooked:Ticket', '--hooks', '--batch', '2', '--limit', '3')
    assert out == 'expired\tTicket\t3\n'
    assert [shop.raw.hget(f'Note:{n}', 'text') for n in (1, 3)] == [b'1 is gone', b'3 is gone']
    assert shop.raw.exists('Ticket:3', 'Ticket:4', 'Ticket:5') == 2
