"""Links of deleted entities: removed with them, or in the way of the delete; none is left over."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.requests import Script
from rom._core.sessions import link_removal
from rom.exceptions import RestrictError
from tests.support.implied import assert_consistent, rows_of
from tests.support.servers import Server, data
from tests.support.worlds import BOTH, World


class LrTag(rom.Model):
    name = rom.Text()


class LrTopic(rom.Model):
    guides = rom.ManyToMany('LrGuide', 'restrict', column='topics')


class LrPost(rom.Model):
    title = rom.Text(index=True, keygen=rom.IDENTITY)
    until = rom.ExpireAt()
    tags = rom.ManyToMany('LrTag', related_name='posts')
    labels = rom.ManyToMany('LrTag', 'restrict', related_name='labelled')


class LrGuide(rom.Model):
    topics = rom.ManyToMany('LrTopic')
    part_of = rom.ManyToOne('LrTag', 'cascade')


MODELS = (LrTag, LrTopic, LrPost, LrGuide)


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def links(raw: redis.Redis, model: type[rom.Model], column: bytes) -> dict[int, bytes | None]:
    rows = rows_of(model, assert_consistent(raw, *MODELS))
    return {id: row.get(column) for id, row in rows.items()}


def meanwhile(server: Server, change: Callable[[rom.Session], None]) -> Callable[[], None]:
    def happen() -> None:
        client = server.connect()
        with rom.Session(client) as other:
            change(other)
            other.commit()
        client.close()

    return happen


def test_cascade_removes_the_links_only(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            tags = [LrTag(name=name) for name in 'abc']
            posts = [LrPost(tags=tags), LrPost(tags=tags[:1]), LrPost(tags=tags[2:]), LrPost()]
            await s.commit()
            posts[1].tags.add(3)  # not saved yet
            await s.delete(tags[0], tags[1])
            assert links(raw, LrPost, b'tags') == {1: b'3', 2: None, 3: b'3', 4: None}
            assert [post.tags.ids for post in posts] == [[3], [3], [3], []]
            assert list(posts[0].tags) == [tags[2]]
            assert await s.commit() == 1
            assert links(raw, LrPost, b'tags') == {1: b'3', 2: b'3', 3: b'3', 4: None}
            await s.delete(posts)
            assert data(raw).keys() >= {b'LrTag:3'}
            assert not [key for key in data(raw) if key.startswith(b'LrPost:tags')]

    world.run(story())


def test_restrict(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            tag, post = LrTag(name='a'), LrPost(title='x')
            post.labels.add(tag)
            await s.commit()
            before = data(raw)
            with pytest.raises(RestrictError, match=r"LrPost:1 refers to 1 in its column 'labels'"):
                await s.delete(tag)
            assert data(raw) == before
            await s.delete(tag, post)  # together they go
            assert links(raw, LrPost, b'labels') == {}
            assert rows_of(LrTag, data(raw)) == {}

    world.run(story())


def test_restrict_on_the_side_with_the_links(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            topic, guide, tag = LrTopic(), LrGuide(), LrTag()
            guide.topics.add(topic)
            guide.part_of = tag
            await s.commit()
            before = data(raw)
            for given in (guide, tag):  # the tag takes the guide along
                with pytest.raises(
                    RestrictError, match=r'LrGuide:1 has links to 1 LrTopic in its c'
                ):
                    await s.delete(given)
            assert data(raw) == before
            guide.topics.clear()
            await s.commit()
            async with world.session() as other:
                twin = await other.get(LrGuide, 1)
                twin.topics.add(1)
                await other.commit()
            with pytest.raises(RestrictError):  # this session has not seen that link
                await s.delete(guide)
            await s.delete(topic)
            await s.delete(guide)
            assert rows_of(LrGuide, data(raw)) == {}

    world.run(story())


def test_expired_rows_forbid_nothing_and_stay_expired(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            tag = LrTag(name='a')
            LrPost(title='x', until=4_000_000_000, tags=[tag], labels=[tag])
            await s.commit()
            raw.hset('LrPost:1', 'until', '1000')
            raw.zadd('LrPost:until:idx', {'1': 1000})
            s.rollback()
            await s.delete(await s.get(LrTag, 1))
            assert raw.hgetall('LrPost:1') == {b'id': b'1', b'title': b'x', b'until': b'1000'}
            assert_consistent(raw, *MODELS)

    world.run(story())


def test_links_that_come_before_the_commit(
    world: World, raw: redis.Redis, server: Server, before_commit: list[Callable[[], None]]
) -> None:
    """Another writer links a tag, or changes a row that was found, just before the commit."""

    def link(other: rom.Session) -> None:
        post = other.get(LrPost, 2)
        assert post is not None
        post.tags.add(1)

    def change(other: rom.Session) -> None:
        post = other.get(LrPost, 1)
        assert post is not None
        post.tags.add(2)

    def label(other: rom.Session) -> None:
        post = other.get(LrPost, 2)
        assert post is not None
        post.labels.add(2)

    async def story() -> None:
        async with world.session() as s:
            tags = [LrTag(name=name) for name in 'ab']
            LrPost(tags=tags[:1]), LrPost()
            await s.commit()
            before_commit.extend([meanwhile(server, link), meanwhile(server, change)])
            await s.delete(tags[0])
            assert links(raw, LrPost, b'tags') == {1: b'2', 2: None}
            before_commit.append(meanwhile(server, label))
            with pytest.raises(RestrictError):
                await s.delete(tags[1])
            assert links(raw, LrPost, b'tags') == {1: b'2', 2: None}

    world.run(story())


def test_a_crowd_is_unlinked_in_blocks(
    world: World, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, trips: list[Any]
) -> None:
    monkeypatch.setattr(link_removal, 'BLOCK', 10)

    async def story() -> None:
        async with world.session() as s:
            tags = [LrTag(name=name) for name in 'abc']
            for n in range(45):
                LrPost(tags=tags if n % 2 else tags[:2])
            await s.commit()
            trips.clear()
            await s.delete(tags[0], tags[2])
            commits = [t for t in trips if isinstance(t, Script) and t.name == 'commit']
            assert len(commits) == 6  # five blocks, and the delete
            assert set(links(raw, LrPost, b'tags').values()) == {b'2'}
            found = await s.all(LrPost.query.filter(tags=2))
            assert len(found) == 45

    world.run(story())


def test_expire_removes_links_even_without_on_delete(world: World, raw: redis.Redis) -> None:
    class LrShort(rom.Model):
        until = rom.ExpireAt()

    class LrKeeper(rom.Model):
        shorts = rom.ManyToMany('LrShort', 'restrict')

    async def story() -> None:
        async with world.session() as s:
            LrKeeper(shorts=[LrShort(until=4_000_000_000), LrShort(until=4_000_000_000)])
            await s.commit()
            raw.hset('LrShort:2', 'until', '1000')
            raw.zadd('LrShort:until:idx', {'2': 1000})
            s.rollback()
            assert await s.expire(LrShort) == 1
            assert raw.hget('LrKeeper:1', 'shorts') == b'1'
            assert_consistent(raw, LrShort, LrKeeper)

    world.run(story())
