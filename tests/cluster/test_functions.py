"""Every function of rom.util, rom.maintenance and rom.aio, and every command, on each cluster.

The tables have all of them: what is new is missing here until it is called.
"""

from __future__ import annotations

import asyncio
import datetime
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis
from typer.main import get_command
from typer.testing import CliRunner

import rom
import rom.aio
import rom.maintenance
from rom._core.drivers import connections
from rom.cli.app import app
from tests.support.cluster import Cluster
from tests.support.servers import available
from tests.support.worlds import Front

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize('each_cluster', list(available()), indirect=True),
]
ROWS = 40
PAST = datetime.datetime(2001, 2, 3, tzinfo=datetime.UTC)


class Called(rom.Model):
    _namespace = '{called}'
    name = rom.Text(index=True, unique=True, prefix=True, keygen=rom.FULL_TEXT)
    size = rom.Integer(index=True)
    notes = rom.UnsafeColumn()
    expire_at = rom.ExpireAt()


@pytest.fixture
def url(each_cluster: Cluster) -> Iterator[str]:
    """Of a cluster with rows, one of which has expired; it is the default server."""
    for name in [name for name, model in rom.MODELS.items() if model not in (rom.Model, Called)]:
        del rom.MODELS[name]  # other tests have models without a tag; they get them back
    url = 'redis+cluster://' + ','.join(f'{host}:{port}' for host, port in each_cluster.startup)
    rom.util.CONNECTION = client = rom.connect(url)
    rows = [Called(name=f'row {number}', size=number) for number in range(ROWS)]
    rom.session.commit()
    rows[0].expire_at = PAST
    rom.session.commit()
    rows[1].notes.set('x')
    rom.session.rollback()
    yield url
    rom.session.rollback()
    rom.util.CONNECTION = None
    client.close()


# --- functions -----------------------------------------------------------------------------------


def locked(front: Front) -> bool:
    """A lock is taken, kept, seen by another and given up."""
    client = rom.util.get_connection()  # the one of asyncio leads to the same nodes
    first, other = (front.Lock(client, '{called}lock', 0, 60) for _ in range(2))
    return bool(first.acquire() and first.refresh() and not other.acquire() and first.release())


def entity_locked(front: Front) -> bool:
    lock = front.EntityLock(Called.get(3), 0, 60)
    return bool(lock.acquire() and lock.release())


def forget_guests() -> None:
    for name in [name for name, model in rom.MODELS.items() if model.__name__ == 'CalledGuest']:
        del rom.MODELS[name]


def guests(**more: Any) -> Any:
    """A model whose rows are moved into partitions."""
    forget_guests()
    return type('CalledGuest', (rom.Model,), {'name': rom.Text(unique=True), **more})


def fill_guests() -> None:
    old = guests(_namespace='{CalledGuest}')
    for number in range(9):
        old(name=f'guest {number}').save()
    rom.session.rollback()


def sharded(front: Front) -> bool:
    fill_guests()
    model = guests(_shards=rom.Shards('calledgroup', 5))
    steps = [*front.shard(model, 'calledgroup', batch=4)]
    return steps[-1] == (18, 18) and model.query.count() == 9 and [*front.check(model)] == []


CALLS: dict[str, Callable[[Front], Any]] = {
    'shard': sharded,
    'Lock': locked,
    'EntityLock': entity_locked,
    'check': lambda front: [*front.check(Called)] == [],
    'status': lambda front: [one.state for one in front.status(Called)] == ['right'],
    'refresh_indices': lambda front: [*front.refresh_indices(Called)][-1] == (ROWS, ROWS),
    'clean_old_index': lambda front: len([*front.clean_old_index(Called)]) > 0,
    'clean_unsafe_cols': lambda front: front.clean_unsafe_cols(Called) == (1, 0),
    'refresh_all_indexes': lambda front: front.refresh_all_indexes() is None,
    'recover': lambda front: front.recover() == (0, 0, 0),
    'reindex': lambda front: [*front.reindex(Called, everything=True)] != [],
    'show_progress': lambda front: front.show_progress(front.refresh_indices(Called)) is None,
}
#: Those of rom.util alone.
OF_UTIL: dict[str, Callable[[], Any]] = {
    'get_connection': lambda: rom.util.get_connection().get('{called}:id:'),
    'expire': lambda: rom.util.expire(Called) == 1,
    'Session': lambda: rom.util.Session(rom.util.get_connection()).get(Called, 3),
}
#: Those that need no server; keygens and settings.
PURE = {
    'CASE_INSENSITIVE', 'ClassProperty', 'FULL_TEXT', 'IDENTITY', 'IDENTITY_CI', 'IDENTITY_STRING',
    'IDENTITY_STRING_CI', 'SIMPLE', 'SIMPLE_CI', 'limit_commits', 'set_connection_settings',
    'use_null_session', 'use_rom_session', 'set_busy_poll', 'Check', 'Finding', 'Recovered',
    'Report', 'Status', 'use_server_functions',
}  # fmt: skip


def functions(module: ModuleType) -> set[str]:
    return {name for name in module.__all__ if callable(getattr(module, name))}


def test_every_function(each_cluster: Cluster, url: str, front: Front) -> None:
    assert functions(rom.util) | functions(rom.maintenance) == {*CALLS, *OF_UTIL, *PURE}
    assert functions(rom.aio) - PURE == set(CALLS)
    wrong = [name for name, call in CALLS.items() if not call(front)]
    assert wrong == []
    assert [name for name, call in OF_UTIL.items() if not call()] == []
    assert [*front.check(Called)] == []
    assert Called.query.count() == ROWS - 1


def test_asyncio_sessions_need_no_client(each_cluster: Cluster, url: str) -> None:
    async def story() -> Any:
        async with rom.AsyncSession() as session:
            row = await session.get_by(Called, name='row 7')
            row.size = 700
            await session.commit()
            return await session.ids(Called.query.filter(size=700))

    assert asyncio.run(story()) == [8]


def test_a_lock_that_blocks_needs_a_client_that_does(each_cluster: Cluster, url: str) -> None:
    node = redis.asyncio.cluster.ClusterNode(*each_cluster.startup[0])
    with pytest.raises(rom.InvalidOperation, match=r'rom\.aio'):
        rom.util.Lock(redis.asyncio.RedisCluster(startup_nodes=[node]), '{called}lock', 0, 60)


# --- commands ------------------------------------------------------------------------------------

NAME = f'{__name__}:Called'
COMMANDS: dict[str, tuple[str, ...]] = {
    'models': (NAME,),
    'status': (NAME,),
    'check': (NAME,),
    'reindex': ('--all', NAME),
    'explain': ('Called.query.filter(size=(3, 5))', NAME),
    'expire': (NAME,),
    'recover': (NAME,),
    'dump': (NAME,),
    'load': ('--on-conflict', 'skip', NAME),
    'shell': ('-c', 'print(Called.query.count())', NAME),
    'demo': ('--limit', '3000'),
    'migrate': ('called_moves',),
    'shard': ('called_shards', '--into', 'calledgroup'),
}
#: The module of the last one.
MOVES = f"""
from {__name__} import Called
from rom.migrations import Migration, backfill

resized = Migration('resized', Called, backfill('size', 0))
"""
#: That of `rom shard`.
SHARDED = """
import rom

class CalledGuest(rom.Model):
    _shards = rom.Shards('calledgroup', 5)
    name = rom.Text(unique=True)
"""
#: A part of what each prints.
PRINTS = {
    'models': 'index\tCalled\trows\t\t40',
    'status': 'status\tCalled\tright',
    'check': '',
    'reindex': '',
    'explain': 'size',
    'expire': 'expired\tCalled\t1',
    'recover': 'recovered\tundone\t0',
    'dump': '"row 7"',
    'load': '',
    'shell': '39',
    'demo': '',
    'migrate': 'resized',
    'shard': 'moved\tCalledGuest\tcalledgroup',
}


def test_every_command(
    each_cluster: Cluster, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, '_provider', None)
    monkeypatch.syspath_prepend(tmp_path)
    fill_guests()
    forget_guests()
    for module, text in (('called_moves', MOVES), ('called_shards', SHARDED)):
        sys.modules.pop(module, None)
        (tmp_path / f'{module}.py').write_text(text)
    names = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert names == set(COMMANDS) == set(PRINTS)
    dumped = ''
    for name, arguments in COMMANDS.items():
        ran = CliRunner().invoke(app, (name, '--url', url, *arguments), input=dumped)
        assert (name, ran.exit_code) == (name, 0), ran.output
        assert PRINTS[name] in ran.stdout, name
        dumped = ran.stdout if name == 'dump' else dumped
