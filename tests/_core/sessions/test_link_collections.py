"""Collections of links in both sessions: what they show and change, and how many round trips."""

import pickle
from typing import Any

import pytest
import redis

import rom
from rom.exceptions import InvalidColumnValue, InvalidOperation
from tests.support.implied import assert_consistent, rows_of
from tests.support.servers import Server
from tests.support.worlds import ASYNC, BOTH, World


class LcTag(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)


class LcPost(rom.Model):
    title = rom.Text()
    tags = rom.ManyToMany('LcTag', related_name='posts')


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def stored(raw: redis.Redis) -> dict[int, bytes | None]:
    rows = rows_of(LcPost, assert_consistent(raw, LcTag, LcPost))
    return {id: row.get(b'tags') for id, row in rows.items()}


def names(found: Any) -> list[str]:
    return [tag.name for tag in found]


def test_changes(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            one, two, three = (LcTag(name=name) for name in 'abc')
            post = LcPost(title='x')
            post.tags.add(two, one)
            assert (len(post.tags), one in post.tags, three in post.tags) == (2, True, False)
            assert names(post.tags) == ['b', 'a']  # the order of ids, once there are some
            assert await s.commit() > 0
            assert (names(post.tags), post.tags.ids) == (['a', 'b'], [1, 2])
            assert stored(raw) == {1: b'1,2'}
            post.tags.add(1, two)
            assert await s.commit() == 0  # they exist
            post.tags.remove(1)
            post.tags.add(three)
            post.tags.remove(99)  # makes no difference
            assert (1 in post.tags, two in post.tags, 3 in post.tags) == (False, True, True)
            assert await s.commit() == 1
            assert stored(raw) == {1: b'2,3'}
            post.tags.set([1, three])
            assert names(post.tags) == ['a', 'c']
            assert post.tags[0] is one
            await s.save(post)
            assert stored(raw) == {1: b'1,3'}
            post.tags.clear()
            assert (list(post.tags), len(post.tags)) == ([], 0)
            await s.commit()
            assert stored(raw) == {1: None}
            post.tags = post.tags
            assert await s.commit() == 0
            post.tags = [two]
            s.rollback()
            found = await s.get(LcPost, 1)
            assert (found is post, list(found.tags)) == (False, [])

    world.run(story())


def test_wrong_targets_change_nothing(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            tag, post = LcTag(name='a'), LcPost()
            await s.commit()
            for wrong in ('x', None, post, 1.5, [tag]):
                with pytest.raises(InvalidColumnValue, match=r'^LcPost\.tags: '):
                    post.tags.add(tag, wrong)
                with pytest.raises(InvalidColumnValue, match='tags: '):
                    post.tags.remove(wrong)
            with pytest.raises(InvalidColumnValue, match='expected a list'):
                post.tags.set(5)
            assert (list(post.tags), await s.commit()) == ([], 0)
            await s.delete(tag)
            with pytest.raises(InvalidColumnValue, match=r'was deleted; save\(force=True\)'):
                post.tags.add(tag)

    world.run(story())


def test_a_page_is_loaded_in_a_fixed_number_of_trips(
    world: World, raw: redis.Redis, trips: list[Any]
) -> None:
    async def story() -> None:
        async with world.session() as s:
            tags = [LcTag(name=f'{n}') for n in range(30)]
            for n in range(40):
                LcPost(tags=[tags[n % 30], tags[(n * 7) % 30]])
            await s.commit()
        for count in (2, 40):
            async with world.session() as s:
                trips.clear()
                posts = await s.all(LcPost.query.load('tags').limit(0, count))
                shown = [names(post.tags) for post in posts]
                assert len(trips) == 2
                assert shown[1] == ['1', '7']
                assert len(shown) == count
        async with world.session() as s:
            posts = await s.all(LcPost.query)
            trips.clear()
            assert [len(post.tags) for post in posts[:3]] == [1, 2, 2]
            posts[0].tags.add(5)
            assert trips == []
            if world.kind == ASYNC:
                with pytest.raises(InvalidOperation, match=r'LcPost:1.tags is not loaded.*s\.load'):
                    list(posts[0].tags)
                await s.load(posts, 'tags')
            assert [names(post.tags) for post in posts[:2]] == [['0', '4'], ['1', '7']]
            assert len(trips) == 1
            trips.clear()
            tags = await s.all(LcTag.query.load('posts.tags'))
            assert len(trips) == 2  # the tags are known
            assert tags[7].posts[0].tags[1] is tags[7]

    world.run(story())


def test_a_commit_is_one_trip(world: World, raw: redis.Redis, trips: list[Any]) -> None:
    async def story() -> None:
        async with world.session() as s:
            LcTag(name='a')
            post = LcPost()
            await s.commit()
            trips.clear()
            post.tags.add(1)
            await s.commit()
            assert len(trips) == 1
            LcPost(tags=[1])
            await s.commit()
            assert len(trips) == 2

    world.run(story())


def test_another_writer_is_merged_with(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            tags = [LcTag(name=name) for name in 'abcd']
            post = LcPost(title='x', tags=tags[:2])
            await s.commit()
            async with world.session() as other:
                twin = await other.get(LcPost, 1)
                twin.tags.add(3)
                twin.tags.remove(1)
                await other.commit()
            post.tags.add(4)
            post.tags.remove(2)
            post.title = 'y'
            assert await s.commit() == 2
            assert stored(raw) == {1: b'3,4'}
            assert post.tags.ids == [3, 4]
            async with world.session() as other:
                twin = await other.get(LcPost, 1)
                twin.title = 'z'
                twin.tags.add(1)
                await other.commit()
            post.title = 'mine'
            post.tags.add(2)
            with pytest.raises(rom.DataRaceError, match='title'):
                await s.commit()
            assert stored(raw) == {1: b'1,3,4'}
            await s.refresh(post, force=True)
            assert post.tags.ids == [1, 3, 4]
            async with world.session() as other:
                twin = await other.get(LcPost, 1)
                twin.tags.clear()
                await other.commit()
            post.tags.add(2)
            await s.save(post, force=True)  # overwrites what others did
            assert stored(raw) == {1: b'1,2,3,4'}

    world.run(story())


def test_a_deleted_target_is_refused_by_the_commit(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            tag, post = LcTag(name='a'), LcPost()
            await s.commit()
            post.tags.add(tag)
            async with world.session() as other:
                await other.delete(await other.get(LcTag, 1))
            with pytest.raises(InvalidColumnValue, match=r'tags: 1: no LcTag has this id, or it w'):
                await s.commit()
            assert stored(raw) == {1: None}
            post.tags.remove(1)
            assert await s.commit() == 0

    world.run(story())


def test_an_expired_target(world: World, raw: redis.Redis) -> None:
    class LcShort(rom.Model):
        until = rom.ExpireAt()

    class LcKeeper(rom.Model):
        shorts = rom.ManyToMany('LcShort')

    async def story() -> None:
        async with world.session() as s:
            short, keeper = LcShort(until=4_000_000_000), LcKeeper()
            keeper.shorts.add(short)
            await s.commit()
            raw.hset('LcShort:1', 'until', '1000')
            raw.zadd('LcShort:until:idx', {'1': 1000})
            s.rollback()
            keeper = await s.get(LcKeeper, 1)
            await s.load(keeper, 'shorts')
            assert (list(keeper.shorts), keeper.shorts.ids) == ([], [1])
            second = LcKeeper(shorts=[1])
            with pytest.raises(InvalidColumnValue, match=r'shorts: 1: no LcShort has this id'):
                await s.commit()
            s.forget(second)
            assert await s.expire(LcShort) == 1
            assert raw.hget('LcKeeper:1', 'shorts') is None
            assert raw.keys('LcKeeper:shorts:*') == []

    world.run(story())


@pytest.mark.one_server
def test_models_on_two_servers_are_refused(server: Server, servers: Any) -> None:
    class LcFar(rom.Model):
        _conn = server.connect(db=1)

    class LcNear(rom.Model):
        _conn = server.connect()
        far = rom.ManyToMany('LcFar')

    try:
        far = LcFar()
        far.save()
        near = LcNear(far=[far])
        with pytest.raises(InvalidOperation, match=r'LcNear\.far: LcFar is on another server'):
            near.save()
        near.far.clear()
        near.save()
        with pytest.raises(InvalidOperation, match=r'LcNear\.far: LcFar is on another server'):
            LcNear.query.update(far=[1])
    finally:
        rom.session.rollback()
        LcFar._conn.close()
        LcNear._conn.close()


@pytest.mark.one_server
def test_null_session_pickle_and_hooks(on_client: None) -> None:
    class LcHooked(rom.Model):
        tags = rom.ManyToMany('LcTag')

        def _before_insert(self) -> None:
            self.tags.add(LcTag(name='by hook'))

    hooked = LcHooked()
    hooked.save()
    assert names(hooked.tags) == ['by hook']
    rom.session.rollback()
    with rom.Session() as s:
        s.null_session = True
        post = LcPost(tags=[1])
        post.save()
        found = s.get(LcPost, post.id)
        assert (found is post, names(found.tags)) == (False, ['by hook'])
        found.tags.add(LcTag(name='b'))
        found.save()
        assert names(s.get(LcPost, post.id).tags) == ['by hook', 'b']
    post = LcPost.get(1)
    assert post is not None
    post.tags.remove(1)
    copied = pickle.loads(pickle.dumps(post))
    rom.session.rollback()
    assert copied.tags.ids == [2]
    rom.session.add(copied)
    rom.session.commit()
    assert LcPost.query.filter(tags=1).count() == 0
