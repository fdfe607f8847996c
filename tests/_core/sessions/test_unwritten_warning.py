"""A session that ends with entities that were never written says so, once."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from tests.support.patience import PATIENCE
from tests.support.servers import Server
from tests.support.worlds import World

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]


class Unwritten(rom.Model):
    name = rom.Text()
    data = rom.Json(default=dict)


def told(call: Callable[[], Any]) -> list[str]:
    """What is told while something is done."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        call()
        gc.collect()
    return [str(one.message) for one in seen if one.category is rom.UnwrittenWarning]


def test_a_session_that_is_left() -> None:
    Unwritten(name='Ann')
    rom.session.commit()

    def leave() -> None:
        with rom.Session() as s:
            Unwritten(name='new')
            found = s.get(Unwritten, 1)
            assert found is not None
            found.data['a'] = 1

    [text] = told(leave)
    assert 'Unwritten Unwritten:1 (data)' in text
    assert 'Unwritten Unwritten:(new) (data, name)' in text
    assert told(leave)  # each session once, and not only the first one


@pytest.mark.parametrize('way', ['commit', 'rollback', 'forget', 'read', 'error', 'saved'])
def test_it_is_silent(way: str) -> None:
    Unwritten(name='Ann')
    rom.session.commit()

    def leave() -> None:
        with rom.Session() as s:
            if way == 'read':
                assert [thing.data for thing in s.all(Unwritten.query)] == [{}]
                return
            thing = Unwritten(name='x')
            if way == 'error':
                raise ZeroDivisionError
            if way == 'forget':
                s.forget(thing)
            elif way == 'saved':
                thing.save()
            else:
                getattr(s, way)()

    def caught() -> None:
        try:
            leave()
        except ZeroDivisionError:
            assert way == 'error'

    assert told(caught) == []


def test_many_entities_are_one_warning() -> None:
    def leave() -> None:
        with rom.Session():
            for _ in range(20):
                Unwritten(name='x')

    [text] = told(leave)
    assert 'and 15 more' in text


def test_a_session_that_nobody_has_any_more() -> None:
    Unwritten(name='Ann')
    rom.session.commit()

    def lose() -> None:
        own = rom.Session()
        found = own.get(Unwritten, 1)
        assert found is not None
        found.name = 'Bob'
        rom.session.rollback()

    [text] = told(lose)
    assert 'Unwritten:1 (name)' in text


def test_a_thread_that_ends() -> None:
    made: list[Unwritten] = []

    def work() -> None:
        thread = threading.Thread(target=lambda: made.append(Unwritten(name='x')))
        thread.start()
        thread.join()

    [text] = told(work)
    assert '(data, name)' in text
    assert made[0].save() == 3


def test_a_thread_that_changes_what_others_write_is_no_loss() -> None:
    thing = Unwritten(name='Ann')

    def work() -> None:
        thread = threading.Thread(target=lambda: setattr(thing, 'name', 'Bob'))
        thread.start()
        thread.join()

    assert told(work) == []
    assert rom.session.commit() == 3


def test_a_task_that_ends(raw: redis.Redis) -> None:
    async def task() -> None:
        Unwritten(name='x')

    async def story() -> None:
        await asyncio.create_task(task())

    assert len(told(lambda: asyncio.run(story()))) == 1


def test_a_job_in_a_thread_leaves_nothing_to_the_next_one() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(__import__('concurrent.futures').futures.ThreadPoolExecutor(1))
        await asyncio.to_thread(lambda: Unwritten(name='x') and None)
        assert await asyncio.to_thread(lambda: rom.session.commit()) == 0

    assert len(told(lambda: asyncio.run(story()))) == 1


def test_both_kinds(world: World) -> None:
    async def story() -> None:
        async with world.session():
            Unwritten(name='x')

    assert len(told(lambda: world.run(story()))) == 1


PROGRAM = """
import redis, rom
rom.util.CONNECTION = redis.Redis(unix_socket_path={socket!r})
class Unwritten(rom.Model):
    name = rom.Text()
thing = Unwritten(name='x')
{last}
"""


@pytest.mark.parametrize(('last', 'count'), [('', 1), ('rom.session.commit()', 0)])
def test_a_program_that_ends(server: Server, last: str, count: int) -> None:
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM.format(socket=server.socket, last=last)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count('UnwrittenWarning') == count


def test_the_shell_of_asyncio(server: Server) -> None:
    """Each line is a callback of the loop, or a task."""
    lines = PROGRAM.format(socket=server.socket, last='').strip().splitlines()
    lines.insert(4, '')
    done = subprocess.run(
        [sys.executable, '-m', 'asyncio'],
        input='\n'.join([*lines, 'import asyncio', 'print("wrote", rom.session.commit())', '']),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert 'wrote 2' in done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork')
def test_a_child_does_not_write_what_its_parent_changed(server: Server, raw: redis.Redis) -> None:
    program = (
        PROGRAM.format(socket=server.socket, last='import os')
        + "if os.fork():\n    os.wait()\n    print('parent', rom.session.commit(), flush=True)\n"
        "else:\n    print('child', rom.session.commit(), flush=True)\n    os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split('\n')[:2] == ['child 0', 'parent 2']
    assert done.stderr.count('UnwrittenWarning') == 1
    assert raw.keys('Unwritten:[0-9]') == [b'Unwritten:1']
