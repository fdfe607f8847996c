"""Resolving: what other writers make of commits whose processes were killed between two trips."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import rom
from rom import maintenance
from rom._core.ops.shards.partitions import partitions_of
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.one_server
SHARDS = rom.Shards('killed', 8)
PARTITIONS = partitions_of(SHARDS)


class KilledShardAccount(rom.Model):
    _shards = SHARDS
    gold = rom.Integer()
    email = rom.Text(unique=True)


# For each script, one process transfers gold and renames, and is killed before the trip of it.
PROGRAM = """
import os, redis, rom, signal, sys
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Pipeline
from tests._core.ops.shards.test_resolve import KilledShardAccount

socket, *scripts = sys.argv[1:]
real = SyncDriver.perform

def transfer(one, other, script):
    def perform(self, request):
        parts = request.requests if isinstance(request, Pipeline) else (request,)
        if any(getattr(part, 'name', '') == script for part in parts):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, request)

    rom.util.CONNECTION = redis.Redis(unix_socket_path=socket)
    SyncDriver.perform = perform
    first, second = KilledShardAccount.get([one, other])
    first.gold, second.gold, first.email = 5, 15, 'renamed by ' + script
    rom.session.commit()

for number, script in enumerate(scripts):
    child = os.fork()
    if not child:
        try:
            transfer(2 * number + 1, 2 * number + 2, script)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
"""
BEFORE = ('shard_prepare', 'shard_commit', 'shard_apply', 'shard_finish')


@pytest.fixture
def killed(on_client: None, raw: redis.Redis) -> Iterator[dict[str, list[KilledShardAccount]]]:
    """The two accounts of each process that was killed, as they were read before."""
    made = [KilledShardAccount(gold=10, email=f'e{number}') for number in range(8)]
    for account in made:
        account.save()
    assert sorted(account.id for account in made) == [*range(1, 9)], 'one in each partition'
    made.sort(key=lambda account: account.id)
    command = [sys.executable, '-c', PROGRAM, raw.connection_pool.connection_kwargs['path']]
    environment = {**os.environ, 'PYTHONPATH': str(Path(__file__).parents[4])}
    subprocess.run([*command, *BEFORE], env=environment, check=True, timeout=PATIENCE)
    for key in raw.scan_iter():  # as if five seconds had passed, after which anybody may fence
        if key.endswith((b':intents', b':dir')):
            for field, held in raw.hgetall(key).items():
                partition, token, second = held.split(b':')
                raw.hset(key, field, b'%b:%b:%d' % (partition, token, int(second) - 5))
    yield {script: made[2 * at : 2 * at + 2] for at, script in enumerate(BEFORE)}
    rom.session.rollback()


def write(account: KilledShardAccount, gold: int) -> None:
    account.gold = gold
    account.save()


def is_taken(email: str) -> bool:
    """Return whether the value of a new row is refused."""
    try:
        KilledShardAccount(gold=0, email=email).save()
    except rom.UniqueKeyViolation:
        rom.session.rollback()
        return True
    return False


def test_other_writers_fence_or_finish_what_was_left(
    killed: dict[str, list[KilledShardAccount]],
) -> None:
    for script in ('shard_prepare', 'shard_commit'):  # nothing is decided
        one, other = killed[script]
        write(other, 20)
        write(one, 1)
        assert is_taken(one.email) and not is_taken(f'renamed by {script}')
    for script in ('shard_apply', 'shard_finish'):
        one, other = killed[script]
        email = one.email
        with pytest.raises(rom.DataRaceError):  # the row is as the killed process has written it
            write(other, 20)
        rom.session.rollback()
        assert is_taken(f'renamed by {script}') and not is_taken(email)
    pairs = [KilledShardAccount.get([account.id for account in pair]) for pair in killed.values()]
    assert [[one.gold, other.gold] for one, other in pairs] == [[1, 20], [1, 20], [5, 15], [5, 15]]
    assert maintenance.recover(KilledShardAccount) == (2, 0, 0)
    assert [*maintenance.check(KilledShardAccount)] == []
