"""Writes, beside other writers and over connections that break."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import rom
from rom._core.ops.commits import attempts
from rom.exceptions import ServerUnavailable
from rom.repocket import ActiveRecord, attributes
from tests.support.patience import PATIENCE
from tests.support.proxy import Proxy
from tests.support.servers import Server, dump

WRITES = Proxy.named('EVALSHA', 'EVAL')


class SavedThing(ActiveRecord):
    name = attributes.Unicode(unique=True)
    size = attributes.Integer(index=True)
    log = attributes.ByteStream()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.socket) as proxy:
        yield proxy


def through(proxy: Proxy, retries: int) -> redis.Redis:
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), retries)
    errors = [redis.exceptions.ConnectionError]
    client = redis.Redis(unix_socket_path=proxy.socket, retry=retry, retry_on_error=errors)
    rom.util.CONNECTION = client
    return client


def state(raw: redis.Redis) -> dict[bytes, object]:
    return {key: value for key, value in dump(raw).items() if b':done:' not in key}


@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_the_client_repeats_by_itself(proxy: Proxy, raw: redis.Redis, cut: str) -> None:
    with through(proxy, 3):
        made = SavedThing(name='a', size=1, log=b'0')
        getattr(proxy, cut)(WRITES)
        made.save()
        for n in range(1, 4):
            getattr(proxy, cut)(WRITES)
            made.append_log(b'%d' % n)  # type: ignore[attr-defined]
        made.name, made.size = 'b', 2
        getattr(proxy, cut)(WRITES)
        made.save()
        found = SavedThing.objects.get_by(name='b')
        assert found == made and found.log == b'0123'
        assert SavedThing.objects.filter(size=1) == []
        getattr(proxy, cut)(WRITES)
        assert made.delete() == 2
        assert proxy.cuts.total() == 6
    assert state(raw) == {}


@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_the_program_saves_again(proxy: Proxy, raw: redis.Redis, cut: str) -> None:
    with through(proxy, 0):
        made = SavedThing(name='a', size=1, log=b'0')
        getattr(proxy, cut)(WRITES)
        with pytest.raises(ServerUnavailable):
            made.save()
        made.size = 2
        made.save()
        made.name = 'b'
        getattr(proxy, cut)(WRITES)
        with pytest.raises(ServerUnavailable):
            made.save()
        made.save()
        assert SavedThing.objects.get_by(name='b') == made
        assert [thing.name for thing in SavedThing.objects.filter(size=2)] == ['b']
        assert SavedThing.objects.filter(size=1) == []
        getattr(proxy, cut)(WRITES)
        with pytest.raises(ServerUnavailable):
            made.delete()
        made.delete()
    assert state(raw) == {}


@pytest.mark.one_server
def test_a_save_that_is_repeated_leaves_what_others_appended(
    proxy: Proxy, raw: redis.Redis
) -> None:
    with through(proxy, 0):
        SavedThing.create(name='b', log=b'')  # or the cut would meet the reply NOSCRIPT
        made = SavedThing(name='a', log=b'0')
        proxy.cut_after_request(WRITES)
        with pytest.raises(ServerUnavailable):
            made.save()
        other = SavedThing.objects.get_by(name='a')
        other.append_log(b'1')
        made.save()
        assert SavedThing.objects.get_by(name='a').log == b'01'


@pytest.mark.one_server
@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_an_append_whose_note_has_expired_is_not_repeated_in_silence(
    proxy: Proxy, raw: redis.Redis, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with through(proxy, 0):
        made = SavedThing(name='a', log=b'0')
        made.save()
        assert made.log == b'0'
        getattr(proxy, cut)(WRITES)
        with pytest.raises(ServerUnavailable):
            made.append_log(b'1')  # type: ignore[attr-defined]
        raw.delete(*raw.scan_iter(b'*:done:*'))
        monkeypatch.setattr(attempts, '_CERTAIN', -1)
        with pytest.raises(rom.InDoubtError, match=r'SavedThing .*, log: .* append again'):
            made.append_log(b'1')  # type: ignore[attr-defined]
        monkeypatch.undo()
        attempts.forget_doubts()
        was_done = cut == 'cut_after_request'
        assert made.log == (b'01' if was_done else b'0')
        if not was_done:
            made.append_log(b'1')  # type: ignore[attr-defined]
        assert SavedThing.objects.get_by(name='a').log == b'01'


HELD = ['cut_before_request', 'cut_after_request', 'hold_request']


@pytest.mark.parametrize('how', HELD)
def test_an_append_that_is_repeated(proxy: Proxy, raw: redis.Redis, how: str) -> None:
    """It is there once, whether the first request is carried out, lost, or arrives later."""
    with through(proxy, 0):
        made = SavedThing.create(name='a')
        for data in (b'1', b'2'):
            getattr(proxy, how)(WRITES)
            with pytest.raises(ServerUnavailable):
                made.append_log(data)  # type: ignore[attr-defined]
            made.append_log(data)  # type: ignore[attr-defined]
            made.append_log(data)  # type: ignore[attr-defined]
            proxy.deliver()
        assert made.log == b'1122'


@pytest.mark.parametrize('how', HELD)
def test_an_append_after_a_look(proxy: Proxy, raw: redis.Redis, how: str) -> None:
    """From a look on, an append whose answer was lost is there or will never be."""
    with through(proxy, 0):
        made = SavedThing.create(name='a')
        getattr(proxy, how)(WRITES)
        with pytest.raises(ServerUnavailable):
            made.append_log(b'1')  # type: ignore[attr-defined]
        seen = made.log
        assert seen == (b'1' if how == 'cut_after_request' else b'')
        proxy.deliver()
        made.append_log(b'1')  # type: ignore[attr-defined]
        assert made.log == seen + b'1'


@pytest.mark.parametrize('what', ['save', 'delete'])
def test_a_request_that_comes_late(proxy: Proxy, raw: redis.Redis, what: str) -> None:
    with through(proxy, 0):
        made = SavedThing.create(name='a', size=1)
        if what == 'save':
            made.size = 2
        proxy.hold_request(WRITES)
        with pytest.raises(ServerUnavailable):
            getattr(made, what)()
        made.size = 1
        made.save()
        proxy.deliver()
        assert [thing.size for thing in SavedThing.objects.filter(size=1)] == [1]
        assert SavedThing.objects.filter(size=2) == []


@pytest.mark.one_server
def test_random_faults(proxy: Proxy, raw: redis.Redis) -> None:
    with through(proxy, 100):
        made = SavedThing.create(name='a')
        proxy.random(seed=5, before=0.2, after=0.2, only=WRITES)
        for n in range(100):
            made.append_log(b'%02d.' % n)  # type: ignore[attr-defined]
            made.size = n
            made.save()
        proxy.heal()
        assert made.log == b''.join(b'%02d.' % n for n in range(100))
        assert proxy.cuts['after'] > 10
        assert [thing.size for thing in SavedThing.objects.filter(size__gte=0)] == [99]


WRITER = """
import sys
import redis, rom
from rom.repocket import ActiveRecord, attributes
from {module} import SavedThing
rom.util.CONNECTION = redis.Redis(unix_socket_path=sys.argv[1])
thing = SavedThing.objects.get(id=sys.argv[2])
print('ready', flush=True)
n = 0
while n < int(sys.argv[4]):
    thing.append_log(f'{{sys.argv[3]}}{{n:05}}' + sys.argv[3] * 200 + '\\n')
    print(n, flush=True)
    n += 1
"""


def test_two_writers_one_of_which_is_killed(server: Server, raw: redis.Redis) -> None:
    """Nothing is lost, and nothing torn."""
    rom.util.CONNECTION = raw
    thing = SavedThing.create(name='shared')
    sys_path = str(Path(__file__).parents[2])
    module = SavedThing.__module__
    writer = WRITER.format(module=module)
    environment = {**os.environ, 'PYTHONPATH': sys_path}

    def start(letter: str, count: int) -> 'subprocess.Popen[bytes]':
        command = [sys.executable, '-c', writer, server.socket, str(thing.id), letter, str(count)]  # type: ignore[attr-defined]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    steady, doomed = start('s', 300), start('d', 10**9)
    assert steady.stdout is not None and doomed.stdout is not None
    assert doomed.stdout.readline() == b'ready\n'
    deadline = time.monotonic() + PATIENCE
    while raw.strlen(f'{thing.save()["hash"]}:field:log') < 20_000 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(doomed.pid, signal.SIGKILL)
    told = doomed.stdout.read().split()
    doomed.wait()
    doomed.stdout.close()
    said = steady.stdout.read()
    assert steady.wait(PATIENCE) == 0, said
    steady.stdout.close()

    found = SavedThing.objects.get(thing.id)  # type: ignore[attr-defined]
    assert found is not None
    lines = found.log.decode().splitlines()
    for letter in 'sd':
        own = [line for line in lines if line[0] == letter]
        assert own == [f'{letter}{n:05}' + letter * 200 for n in range(len(own))]
        if letter == 's':
            assert len(own) == 300
        else:
            # What it was told is there; one more may be, of which it was not told any more.
            assert len(told) <= len(own) <= len(told) + 1
    assert len(lines) == len([line for line in lines if line[0] in 'sd'])
