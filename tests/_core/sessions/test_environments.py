"""The law of the session where programs run: notebooks, shells, test plugins, FastAPI, Celery.

Each is the real one, most of them in a process of its own. docs/howto/sessions.rst names them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import unittest
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

import rom
from rom.contrib.asgi import RomMiddleware
from tests.support.servers import Server

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]

ROOT = Path(__file__).parent.parent.parent.parent
NO_PLUGINS = {'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1'}

MODEL = """
import redis, rom
rom.util.CONNECTION = redis.Redis(unix_socket_path={socket!r})
class Player(rom.Model):
    name = rom.Text(required=True)
    score = rom.Integer(default=0)
"""


class EnvPlayer(rom.Model):
    name = rom.Text(required=True)
    score = rom.Integer(default=0)


def python(
    *arguments: str, folder: Path, text: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with rom; ``more`` is for its environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(ROOT), **more},
        input=text,
        capture_output=True,
        text=True,
        timeout=100,
    )


# --- cells, and lines ----------------------------------------------------------------------------

CELLS = (
    "ann = Player(name='Ann')",
    'print("wrote", rom.session.commit())',
    'ann.score = 5',
    'print("wrote", rom.session.commit())',
    "bob = Player(name='Bob')\nimport asyncio\nawait asyncio.sleep(0)",
    'await asyncio.sleep(0)\nprint("wrote", rom.session.commit())',
    'async def count():\n'
    '    async with rom.AsyncSession() as s:\n'
    "        Player(name='Cid')\n"
    '        return await s.commit(), await s.count(Player.query)\n',
    'print("wrote", *await count())',
)
WRITTEN = ['wrote 3', 'wrote 1', 'wrote 3', 'wrote 3 3']


def test_the_cells_of_a_notebook_share_one_session(server: Server, tmp_path: Path) -> None:
    pytest.importorskip('ipykernel')
    cells = [MODEL.format(socket=server.socket), *CELLS]
    done = python('-m', 'tests.support.notebook', *cells, folder=tmp_path)
    assert done.stdout.splitlines() == WRITTEN, done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize('shell', [('-m', 'asyncio'), ('-i', '-q')], ids=['asyncio', 'plain'])
def test_the_lines_of_a_shell_share_one_session(
    server: Server, tmp_path: Path, shell: tuple[str, ...]
) -> None:
    cells = CELLS if 'asyncio' in shell else CELLS[:4]
    lines = '\n\n'.join([MODEL.format(socket=server.socket).strip(), *cells, ''])
    lines = lines.replace('\nimport', '\n\nimport').replace('\nawait', '\n\nawait')
    lines = lines.replace('(0)\nprint', '(0)\n\nprint')
    done = python(*shell, folder=tmp_path, text=lines)
    # Prompts stand before what is printed.
    told = [line[line.index('wrote') :] for line in done.stdout.splitlines() if 'wrote' in line]
    assert told == WRITTEN[: len(cells) // 2], done.stdout + done.stderr
    assert 'Error' not in done.stderr


# --- fixtures of test plugins --------------------------------------------------------------------

TESTS = """
    import asyncio, pytest, rom

    {setting}

    class Player(rom.Model):
        name = rom.Text()

    @{fixture}
    async def session(rom_connection):
        async with rom.AsyncSession() as s:
            yield s

    @{fixture}
    async def ann(session):
        return Player(name='Ann')

    async def test_the_session_of_the_fixture_is_that_of_the_test(session, ann):
        bob = Player(name='Bob')
        assert ann._session is bob._session is session
        assert await session.commit() == 4
        await asyncio.gather(*(asyncio.to_thread(Player, name='x') for _ in range(3)))
        assert await session.commit() == 6
        with pytest.raises(rom.InvalidOperation, match='await'):
            Player.query.all()

    async def test_nothing_is_left(session):
        assert await session.commit() == 0
        assert await session.count(Player.query) == 0

    async def test_a_session_that_a_plain_fixture_has_entered(rom_session):
        Player(name='Ann')
        assert await asyncio.to_thread(rom.session.commit) == 2
        assert rom_session.commit() == 0
"""
PLUGINS = {
    'pytest-asyncio': (
        'pytest_asyncio',
        {
            'fixture': 'pytest_asyncio.fixture',
            'setting': 'import pytest_asyncio\n    pytestmark = pytest.mark.asyncio',
        },
    ),
    'anyio': (
        'anyio',
        {
            'fixture': 'pytest.fixture',
            'setting': 'pytestmark = pytest.mark.anyio\n'
            "    anyio_backend = pytest.fixture(lambda: 'asyncio')",
        },
    ),
}


@pytest.mark.parametrize('plugin', PLUGINS)
def test_fixtures_that_are_awaited(plugin: str, tmp_path: Path) -> None:
    name, parts = PLUGINS[plugin]
    (tmp_path / 'test_players.py').write_text(textwrap.dedent(TESTS.format(**parts)))
    (tmp_path / 'pytest.ini').write_text(
        '[pytest]\nfilterwarnings = error::rom.UnwrittenWarning\n'
        + ('asyncio_default_fixture_loop_scope = function\n' if name != 'anyio' else '')
    )
    # By its entry point's name or module, as -p takes it.
    module = {'pytest_asyncio': 'pytest_asyncio.plugin', 'anyio': 'anyio.pytest_plugin'}[name]
    done = python(
        '-m', 'pytest', '-q', '-p', module, '-p', 'rom.testing', folder=tmp_path, **NO_PLUGINS
    )
    assert '3 passed' in done.stdout, done.stdout + done.stderr


class AsyncCase(unittest.IsolatedAsyncioTestCase):
    """Run by the test below."""

    __test__ = False

    async def asyncSetUp(self) -> None:
        self.session = await self.enterAsyncContext(rom.AsyncSession())
        self.ann = EnvPlayer(name='Ann')

    async def test_awaited(self) -> None:
        EnvPlayer(name='Bob')
        self.assertEqual(await self.session.commit(), 6)
        self.ann.score = 5
        self.assertEqual(await self.session.commit(), 1)

    def test_plain(self) -> None:
        """There is no loop at this moment; what is made here, `asyncTearDown` can write."""
        EnvPlayer(name='Bob')
        with self.assertRaisesRegex(rom.InvalidOperation, 'await'):
            rom.session.commit()
        self.written = 6

    async def asyncTearDown(self) -> None:
        self.assertEqual(await self.session.commit(), getattr(self, 'written', 0))


def test_unittest() -> None:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(AsyncCase).run(result)
    assert (result.testsRun, result.errors, result.failures) == (2, [], [])


# --- Django's way: sync_to_async, async_to_sync --------------------------------------------------


@pytest.mark.parametrize('is_sensitive', [True, False])
def test_asgiref_keeps_what_one_call_has_made_for_the_next(is_sensitive: bool) -> None:
    def in_thread(job: Any) -> Any:
        return sync_to_async(job, thread_sensitive=is_sensitive)()

    async def view() -> int:
        await in_thread(lambda: EnvPlayer(name='Ann') and None)
        return int(await in_thread(rom.session.commit))

    assert async_to_sync(view)() == 3


def test_async_to_sync_starts_a_task_with_a_session_of_its_own() -> None:
    async def inner() -> int:
        return rom.session.commit()

    EnvPlayer(name='Ann')
    with pytest.warns(rom.UnwrittenWarning, match='another thread or task'):
        assert async_to_sync(inner)() == 0
    assert rom.session.commit() == 3
    with rom.Session():
        EnvPlayer(name='Bob')
        assert async_to_sync(inner)() == 3


def test_asgiref_gives_plain_code_its_session_back() -> None:
    async def inner() -> None:
        async with rom.AsyncSession() as session:
            EnvPlayer(name='inner')
            assert await session.commit() == 3

    ann = EnvPlayer(name='Ann')
    async_to_sync(inner)()
    assert rom.session.commit() == 3
    assert EnvPlayer.get(ann.id) is ann


# --- FastAPI: dependencies -----------------------------------------------------------------------

WROTE: list[int] = []


async def a_sync_session() -> AsyncIterator[rom.Session]:
    with rom.Session() as session:
        yield session
        WROTE.append(session.commit())


async def an_async_session() -> AsyncIterator[rom.AsyncSession]:
    async with rom.AsyncSession() as session:
        yield session
        WROTE.append(await session.commit())


def in_threads() -> Iterator[rom.Session]:
    with rom.Session() as session:
        yield session
        WROTE.append(session.commit())


def plain(name: str) -> None:
    EnvPlayer(name=name)


async def awaited(name: str) -> None:
    EnvPlayer(name=name)


def post(endpoint: Any, dependency: Any, **middleware: Any) -> list[str]:
    """Send a request to an application of one endpoint; returns what it was told of."""
    app = FastAPI(dependencies=[Depends(dependency)])
    app.post('/')(endpoint)
    if middleware:
        app.add_middleware(RomMiddleware, **middleware)
    WROTE.clear()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        assert TestClient(app).post('/?name=Ann').status_code == 200
    return [str(one.message) for one in seen if one.category is rom.UnwrittenWarning]


endpoints = pytest.mark.parametrize('endpoint', [plain, awaited], ids=lambda one: one.__name__)


@endpoints
@pytest.mark.parametrize(
    'dependency', [a_sync_session, an_async_session], ids=lambda one: one.__name__
)
def test_a_dependency_that_is_awaited_has_what_endpoints_change(
    endpoint: Any, dependency: Any
) -> None:
    assert post(endpoint, dependency) == []
    assert WROTE == [3]


@endpoints
def test_a_dependency_in_threads_is_told_what_it_does_not_write(endpoint: Any) -> None:
    texts = post(endpoint, in_threads)
    assert WROTE == [0]
    [text] = [text for text in texts if 'was open, and not in it' in text]
    assert 'EnvPlayer EnvPlayer:(new) (name, score)' in text


def test_a_dependency_in_threads_writes_what_its_session_knows() -> None:
    def add(name: str, session: Annotated[rom.Session, Depends(in_threads)]) -> None:
        session.add(EnvPlayer(name=name))

    assert post(add, in_threads) == []
    assert WROTE == [3]


def changes() -> EnvPlayer:
    [ann] = EnvPlayer.query.all()
    ann.score = 5
    return ann


def changes_and_yields() -> Iterator[EnvPlayer]:
    yield changes()


async def changes_in_the_task() -> EnvPlayer:
    return changes()


async def changes_and_yields_in_the_task() -> AsyncIterator[EnvPlayer]:
    yield changes()


@pytest.mark.parametrize('is_awaited', [False, True], ids=['plain', 'awaited'])
@pytest.mark.parametrize(
    'dependency',
    [changes, changes_and_yields, changes_in_the_task, changes_and_yields_in_the_task],
    ids=lambda one: one.__name__,
)
def test_a_dependency_without_a_session_writes_or_warns(dependency: Any, is_awaited: bool) -> None:
    """The endpoint commits: with a dependency that is a coroutine, as it is, in the same task."""

    def endpoint(name: str) -> None:
        WROTE.append(rom.session.commit())

    async def awaited_endpoint(name: str) -> None:
        WROTE.append(rom.session.commit())

    EnvPlayer(name='Ann').save()
    rom.session.rollback()
    texts = post(awaited_endpoint if is_awaited else endpoint, dependency)
    is_one_task = is_awaited and 'task' in dependency.__name__
    assert [1 if is_one_task else 0] == WROTE
    assert all('EnvPlayer:1 (score)' in text for text in texts)
    assert bool(texts) is not is_one_task
    with rom.Session() as session:
        assert [ann.score for ann in session.all(EnvPlayer.query)] == [5 if is_one_task else 0]


@endpoints
def test_with_the_middleware_any_dependency_will_do(endpoint: Any) -> None:
    assert post(endpoint, in_threads, conflicts=409) == []
    assert WROTE == [0]
    assert EnvPlayer.query.count() == 1


# --- Celery --------------------------------------------------------------------------------------

CELERY = """
import os, sys
from celery import Celery
from celery.contrib.testing.worker import start_worker

app = Celery('players', broker='memory://', backend='cache+memory://')
app.conf.update(broker_transport_options={'polling_interval': 0.01})

@app.task
def add(name):
    with rom.Session() as session:
        Player(name=name)
        return session.commit()

@app.task
def fail(name):
    with rom.Session():
        Player(name=name)
        raise ValueError(name)

@app.task
def add_plainly(name):
    Player(name=name)
    return rom.session.commit()

if __name__ == '__main__':
    settings = {'pool': sys.argv[1], 'perform_ping_check': False, 'loglevel': 'CRITICAL'}
    with start_worker(app, concurrency=2, **settings):
        for task in (add, fail, add, add_plainly):
            result = task.delay('Ann').get(timeout=30, propagate=False, interval=0.01)
            print(task.name.rpartition('.')[2], repr(result))
        print(Player.query.count(), flush=True)
        os._exit(0)  # the worker would take ten seconds to stop
"""


@pytest.mark.parametrize('pool', ['solo', 'threads'])
def test_a_task_of_celery_enters_a_session(server: Server, tmp_path: Path, pool: str) -> None:
    pytest.importorskip('celery')
    (tmp_path / 'players.py').write_text(MODEL.format(socket=server.socket) + CELERY)
    done = python('-W', 'error::rom.UnwrittenWarning', 'players.py', pool, folder=tmp_path)
    assert done.stdout.splitlines() == [
        'add 3',
        "fail ValueError('Ann')",
        'add 3',
        'add_plainly 3',
        '3',
    ], done.stderr
