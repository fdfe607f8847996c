"""Links by several writers at once: none is lost, and none leads to a row that was deleted."""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Any

import redis

import rom
from rom.exceptions import EntityDeletedError, InvalidColumnValue
from tests.support.implied import assert_consistent, decode_row, rows_of
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.worlds import World

WRITES = Proxy.named('EVALSHA', 'EVAL')


class RaceTag(rom.Model):
    _namespace = '{linkrace}tag'
    name = rom.Text()


class RacePost(rom.Model):
    _namespace = '{linkrace}post'
    title = rom.Text()
    tags = rom.ManyToMany('{linkrace}tag', related_name='posts')


def links(raw: redis.Redis) -> dict[int, set[int]]:
    rows = rows_of(RacePost, assert_consistent(raw, RaceTag, RacePost))
    return {id: set(decode_row(RacePost, row)['tags'] or ()) for id, row in rows.items()}


def together(server: Server, count: int, work: Callable[[rom.Session, int], None]) -> None:
    """Run some threads at once, each with a session and a client of its own."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        client = server.connect()
        try:
            with rom.Session(client) as s:
                start.wait()
                work(s, number)
        except BaseException as error:
            errors.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def prepare(tags: int, posts: int) -> None:
    for n in range(tags):
        RaceTag(name=f'{n}')
    for n in range(posts):
        RacePost(title=f'{n}')
    rom.session.commit()
    rom.session.rollback()


def test_threads_that_add_and_remove_links_of_one_row(
    on_client: None, server: Server, raw: redis.Redis
) -> None:
    prepare(40, 1)
    rom.session.get(RacePost, 1).tags.add(*range(21, 41))
    rom.session.commit()

    def work(s: rom.Session, number: int) -> None:
        for step in range(5):
            post: Any = s.get(RacePost, 1)
            post.tags.add(1 + number * 5 + step)
            post.tags.remove(21 + number * 5 + step)
            s.commit()

    together(server, 4, work)
    assert links(raw) == {1: set(range(1, 21))}


def test_links_and_deletes_at_once_leave_nothing_over(
    on_client: None, server: Server, raw: redis.Redis
) -> None:
    prepare(30, 6)
    refused: list[int] = []

    def work(s: rom.Session, number: int) -> None:
        chance = random.Random(number)
        if number == 0:
            for id in range(1, 31, 2):
                s.delete(s.get(RaceTag, id))
            return
        if number == 1:
            for id in (1, 3):
                s.delete(s.get(RacePost, id))
            return
        for _ in range(40):
            s.rollback()
            post: Any = s.get(RacePost, chance.randint(1, 6))
            if post is None:
                continue
            post.tags.add(*chance.sample(range(1, 31), 2))
            if post.tags.ids:
                post.tags.remove(chance.choice(post.tags.ids))
            try:
                s.commit()
            except (InvalidColumnValue, EntityDeletedError):
                refused.append(number)
                s.rollback()

    together(server, 5, work)
    there = set(rows_of(RaceTag, assert_consistent(raw, RaceTag, RacePost)))
    assert there == set(range(2, 31, 2))
    assert links(raw).keys() == {2, 4, 5, 6}
    assert all(ids <= there for ids in links(raw).values())


def test_tasks_of_one_loop(server: Server, raw: redis.Redis) -> None:
    world = World('async', server.socket)

    async def story() -> None:
        async with world.session() as s:
            for n in range(12):
                RaceTag(name=f'{n}')
            RacePost(title='x')
            await s.commit()
        client = world.connect()

        async def link(id: int) -> None:
            async with world.wrap(client) as s:
                post = await s.get(RacePost, 1)
                post.tags.add(id)
                await asyncio.sleep(0)
                await s.commit()

        await asyncio.gather(*(link(id) for id in range(1, 13)))
        await world.close(client)

    world.run(story())
    assert links(raw) == {1: set(range(1, 13))}


def test_a_change_while_a_write_is_under_way(server: Server, raw: redis.Redis) -> None:
    """A task adds a link while another saves the same entity, and a third writer is faster."""
    world = World('async', server.socket)

    async def story() -> None:
        async with world.session() as s:
            for n in range(4):
                RaceTag(name=f'{n}')
            post = RacePost(tags=[1])
            await s.commit()
            client = server.connect()
            with rom.Session(client) as other:
                twin: Any = other.get(RacePost, 1)
                twin.tags.add(4)
                twin.tags.remove(1)
                other.commit()
            client.close()
            post.tags.add(2)
            saving = asyncio.create_task(s.commit())
            await asyncio.sleep(0)
            post.tags.add(3)
            await saving
            assert post.tags.ids in ([2, 3, 4], [1, 2, 3, 4])
            await s.commit()
            assert post.tags.ids == [2, 3, 4]

    world.run(story())
    assert links(raw) == {1: {2, 3, 4}}


def test_a_broken_connection_adds_once(server: Server, raw: redis.Redis) -> None:
    with Proxy(server.socket) as proxy:
        for kind in ('sync', 'async'):
            world = World(kind, server.socket)

            async def prepared(world: World = world) -> None:
                async with world.session() as s:
                    s.add(RaceTag(name='a'))
                    s.add(RacePost(title='x'))
                    await s.commit()

            world.run(prepared())
            broken = World(kind, proxy.socket, retries=2)

            async def story(world: World = broken) -> None:
                async with world.session() as s:
                    posts = await s.all(RacePost.query)
                    for cut in (proxy.cut_before_request, proxy.cut_after_request):
                        tag = RaceTag(name='new')
                        posts[-1].tags.add(tag)
                        cut(WRITES)
                        await s.commit()
                        assert tag.id in posts[-1].tags.ids

            world.run(story())
    assert_consistent(raw, RaceTag, RacePost)
    assert sorted(len(ids) for ids in links(raw).values()) == [2, 2]
