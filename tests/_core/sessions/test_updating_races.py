"""Changes in place by several writers at once, on connections that break, by killed programs.

Each counts once: N writers that add 1 make N, and no job of a queue is taken twice.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.commits.attempts import forget_doubts
from tests.support.implied import assert_consistent, decode_row, rows_of
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.worlds import ASYNC, BOTH, World

WRITES = Proxy.named('EVALSHA', 'EVAL', 'FCALL_RO')


class RacedPage(rom.Model):
    _namespace = '{raced}page'
    slug = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)
    hits = rom.Integer(index=True)
    other = rom.Integer(unique=True)


class RacedJob(rom.Model):
    _namespace = '{raced}job'
    status = rom.Text(index=True, keygen=rom.IDENTITY)
    rank = rom.Integer(index=True)
    by = rom.Text(index=True, keygen=rom.IDENTITY)
    taken = rom.Integer(default=0)


MODELS = (RacedPage, RacedJob)
Page, Job = RacedPage, RacedJob


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.socket) as running:
        yield running


def stored(raw: redis.Redis, model: type[rom.Model]) -> list[dict[str, Any]]:
    keyspace = assert_consistent(raw, *MODELS)
    return [decode_row(model, row) for row in rows_of(model, keyspace).values()]


def together(server: Server, count: int, work: Callable[[rom.Session, int], None]) -> None:
    """Runs this in so many threads at once, each with a session of its own."""
    errors: list[BaseException] = []
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            with server.connect() as client, rom.Session(client) as s:
                gate.wait()
                work(s, number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def new_jobs(server: Server, count: int) -> None:
    with server.connect() as client, rom.Session(client) as s:
        s.add_all([Job(status='new', rank=n % 4) for n in range(count)])
        s.commit()


# --- several writers -----------------------------------------------------------------------------


def test_no_job_is_taken_twice(server: Server, raw: redis.Redis) -> None:
    new_jobs(server, 60)
    queries = [
        Job.query.filter(status='new').limit(0, 1),
        Job.query.filter(status='new').order_by('-rank').limit(0, 2),
        Job.query.where(Job.status == 'new').order_by('rank').limit(0, 3),
    ]
    taken: list[int] = []

    def work(s: rom.Session, number: int) -> None:
        turn = 0
        while True:
            query, turn = queries[turn % len(queries)], turn + 1
            size = 1 if turn % 5 == 0 else None
            values = {'status': 'taken', 'by': f'{number}-{turn}', 'taken': Job.taken + 1}
            count = s.update_all(query, size, **values)
            if not count:
                return
            mine = s.ids(Job.query.filter(by=f'{number}-{turn}'))
            assert len(mine) == count
            taken.extend(mine)

    together(server, 6, work)
    assert sorted(taken) == list(range(1, 61))
    assert {job['taken'] for job in stored(raw, Job)} == {1}


def test_each_of_them_counts(server: Server, raw: redis.Redis) -> None:
    made: list[bool] = []

    def work(s: rom.Session, number: int) -> None:
        for turn in range(25):
            values = {'hits': Page.hits + 1}
            _, created = s.upsert(Page, values, create={'hits': 1}, slug=f'page {turn % 2}')
            made.append(created)
            s.update_all(Page.query.filter(slug=f'page {turn % 2}'), hits=Page.hits + 1)

    together(server, 6, work)
    assert sorted(page['hits'] for page in stored(raw, Page)) == [24 * 6, 26 * 6]
    assert made.count(True) == 2


def test_one_of_them_makes_it(server: Server, raw: redis.Redis) -> None:
    found: list[tuple[int, int | None, bool]] = []

    def work(s: rom.Session, number: int) -> None:
        for turn in range(30):
            page, created = s.get_or_create(Page, {'hits': number}, slug=f'{turn}')
            found.append((turn, page.id, created))
            assert s.commit() == 0

    together(server, 6, work)
    pages = stored(raw, Page)
    assert len(pages) == 30
    assert sum(created for _, _, created in found) == 30
    assert len({(turn, id) for turn, id, _ in found}) == 30


@pytest.mark.one_server
def test_tasks(server: Server, raw: redis.Redis) -> None:
    world = World(ASYNC, server.socket)

    async def work() -> None:
        async with world.session() as s:
            for _ in range(10):
                await s.upsert(Page, {'hits': Page.hits + 1}, create={'hits': 1}, slug='a')
                await s.update_all(Page.query, hits=Page.hits + 1)

    async def story() -> None:
        await asyncio.gather(*(work() for _ in range(6)))

    world.run(story())
    assert [page['hits'] for page in stored(raw, Page)] == [120]


# --- connections that break ----------------------------------------------------------------------


@pytest.mark.parametrize('kind', BOTH)
def test_a_client_that_repeats_commands(kind: str, proxy: Proxy, raw: redis.Redis) -> None:
    world = World(kind, proxy.socket, retries=50)

    async def story() -> None:
        async with world.session() as s:
            await s.get_or_create(Page, {'hits': 0}, slug='a')
            for turn in range(20):
                await s.update_all(Page.query, hits=Page.hits + 1)
                await s.upsert(Page, {'hits': Page.hits + 1}, slug='a')
                _, created = await s.get_or_create(Page, {'hits': 40}, slug=f'{turn}')
                assert created
                await s.update_all(Page.query.filter(slug=f'{turn}'), 1, hits=Page.hits * 2)

    proxy.random(random.randrange(2**32), before=0.15, after=0.35, only=WRITES)
    world.run(story())
    assert sum(proxy.cuts.values()) > 30
    found = {page['slug']: page['hits'] for page in stored(raw, Page)}
    assert found.pop('a') == 40
    # Page n was doubled once, and counted up by each update that came after it.
    assert found == {f'{turn}': 80 + 19 - turn for turn in range(20)}


def the_write(place: int) -> Callable[[tuple[bytes, ...]], bool]:
    """The how manyth call of a script, from now on."""
    left = iter(range(1, 100))
    return lambda command: WRITES(command) and next(left) == place


@pytest.mark.parametrize('kind', BOTH)
@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
@pytest.mark.parametrize('place', [1, 2])
def test_an_answer_that_is_lost(
    kind: str, cut: str, place: int, proxy: Proxy, raw: redis.Redis
) -> None:
    """The program cannot know; whatever it is, it is whole, and the session is none the worse."""
    world = World(kind, proxy.socket)

    async def story() -> None:
        async with world.session() as s:
            page, _ = await s.get_or_create(Page, {'hits': 0}, slug='a')
            await s.upsert(Page, {'hits': Page.hits + 1}, slug='a')
            calls: list[Callable[[], Awaitable[Any]]] = [
                lambda: s.update_all(Page.query, hits=Page.hits + 1),
                lambda: s.upsert(Page, {'hits': Page.hits + 1}, slug='a'),
                lambda: s.get_or_create(Page, {'hits': 1}, slug='b'),
                lambda: s.upsert(Page, {'hits': Page.hits + 1}, {'hits': 1}, slug='c'),
            ]
            for call in calls:
                getattr(proxy, cut)(the_write(place))
                with pytest.raises(rom.ServerUnavailable):
                    await call()
                proxy.heal()
                forget_doubts()  # the next call would ask about them first
                assert await s.commit() == 0
            await s.refresh(page)
            is_done = cut == 'cut_after_request' and place == 2
            assert page.hits == 1 + 2 * is_done
            for call in calls[2:]:
                _, created = await call()
                assert created is not is_done

    world.run(story())
    assert len(stored(raw, Page)) == 3


@pytest.mark.parametrize('kind', BOTH)
def test_after_a_save_whose_answer_was_lost(kind: str, proxy: Proxy, raw: redis.Redis) -> None:
    """What became of it is found out first, so that the entity's past is right."""
    world = World(kind, proxy.socket)

    async def story() -> None:
        async with world.session() as s:
            page, _ = await s.get_or_create(Page, {'hits': 0}, slug='a')
            page.hits = 10
            proxy.cut_after_request(WRITES)
            with pytest.raises(rom.ServerUnavailable):
                await s.commit()
            proxy.heal()
            await s.update_all(Page.query, hits=Page.hits + 1)
            assert page.hits == 11
            page.hits += 1
            await s.commit()

    world.run(story())
    assert [page['hits'] for page in stored(raw, Page)] == [12]


# --- programs that are killed --------------------------------------------------------------------

KILLED = """
import sys
import redis, rom

class RacedPage(rom.Model):
    _namespace = '{raced}page'
    slug = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)
    hits = rom.Integer(index=True)
    other = rom.Integer(unique=True)

class RacedJob(rom.Model):
    _namespace = '{raced}job'
    status = rom.Text(index=True, keygen=rom.IDENTITY)
    rank = rom.Integer(index=True)
    by = rom.Text(index=True, keygen=rom.IDENTITY)
    taken = rom.Integer(default=0)

Page, Job = RacedPage, RacedJob
with rom.Session(redis.Redis(unix_socket_path=sys.argv[1])) as s:
    new = Job.query.filter(status='new').order_by('rank')
    turn = 0
    while True:
        turn += 1
        values = {'status': 'taken', 'taken': Job.taken + 1}
        count = s.update_all(new.limit(0, 3), by=f'{sys.argv[2]}-{turn}', **values)
        if not count:
            break
        s.upsert(Page, {'hits': Page.hits + 1}, {'hits': 1}, slug='a')
        other = 10 * turn + int(sys.argv[2])
        s.get_or_create(Page, {'hits': 0, 'other': other}, slug=f'{other}')
        s.update_all(Page.query.filter(hits=(0, 0)), 2, hits=-1)
        print(count, flush=True)
"""


def start(server: Server, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-c', KILLED, server.socket, str(number)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )


@pytest.mark.one_server
def test_several_programs(server: Server, raw: redis.Redis) -> None:
    new_jobs(server, 120)
    programs = [start(server, number) for number in range(3)]
    counts = [[int(line) for line in program.communicate()[0].split()] for program in programs]
    assert [program.returncode for program in programs] == [0, 0, 0]
    assert sum(map(sum, counts)) == 120
    assert {(job['status'], job['taken']) for job in stored(raw, Job)} == {('taken', 1)}
    [hits] = [page['hits'] for page in stored(raw, Page) if page['slug'] == 'a']
    assert hits == sum(map(len, counts))


@pytest.mark.one_server
def test_a_killed_program(server: Server, raw: redis.Redis) -> None:
    new_jobs(server, 3000)
    quiet = len(raw.client_list())
    known = 0
    for number in range(5):
        with start(server, number) as program:
            assert program.stdout is not None
            told = [int(program.stdout.readline())]
            time.sleep(random.uniform(0.0, 0.1))
            os.kill(program.pid, signal.SIGKILL)
            told += [int(line) for line in program.stdout]
        while len(raw.client_list()) > quiet:  # what it had sent may still be carried out
            time.sleep(0.001)
        jobs = stored(raw, Job)
        taken = [job for job in jobs if job['status'] == 'taken']
        assert {job['taken'] for job in taken} == {1}
        assert {job['taken'] for job in jobs if job['status'] == 'new'} == {0}
        known += sum(told)
        # Whole threes, of which the last one of each program was perhaps not told any more.
        assert known <= len(taken) <= known + 3 * (number + 1)
        assert len(taken) % 3 == 0
