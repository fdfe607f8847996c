"""A server that is killed: what was answered is there; what is cut away is gone as a whole."""

import random
from pathlib import Path

import pytest

from tests.faults.servers import EVERYSEC, KillableServer
from tests.support import servers

SCRIPT = "redis.call('SET','a',1) redis.call('SET','b',1) redis.call('SET','c',1)"
LATER = "redis.call('SET','d',1) redis.call('SET','e',1)"
BINARIES = servers.available()


@pytest.mark.parametrize('binary', BINARIES.values(), ids=list(BINARIES))
def test_a_kill_and_a_start(binary: Path) -> None:
    with KillableServer(binary) as server:
        server.client.eval(SCRIPT, 0)
        server.kill()
        server.start()
        assert sorted(server.client.keys()) == [b'a', b'b', b'c']
        folder = server.file().parent
    assert not folder.exists()


@pytest.mark.parametrize('binary', BINARIES.values(), ids=list(BINARIES))
def test_a_cut_at_every_place(binary: Path) -> None:
    """Whatever is cut off behind the mark, no script is there by half, nor after the next start."""
    dice, cuts = random.Random(1), set()
    with KillableServer(binary, EVERYSEC) as server:
        for number in range(6):
            server.client.flushall()
            place = server.mark(f'mark-{number}')
            server.client.eval(SCRIPT, 0)
            server.kill()
            cuts.add(server.cut(place, dice))
            server.start()
            server.mend()
            assert server.client.get('faults:mark') == f'mark-{number}'.encode()
            left = server.client.exists('a', 'b', 'c')
            assert left in (0, 3)
            server.client.eval(LATER, 0)
            server.mark(f'later-{number}')  # it is in the file by then
            server.kill()
            server.start()
            assert server.client.exists('a', 'b', 'c') == left
            assert server.client.exists('d', 'e') == 2
    assert len(cuts) > 3
