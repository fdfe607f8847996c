"""The reverse of links in both sessions: what it lists, and changes made from there."""

from typing import Any

import pytest
import redis

import rom
from rom.exceptions import InvalidColumnValue, InvalidOperation
from tests.support.implied import assert_consistent
from tests.support.servers import Server
from tests.support.worlds import ASYNC, BOTH, World


class RlTag(rom.Model):
    name = rom.Text()
    posts = rom.ManyToMany('RlPost', column='tags')


class RlPost(rom.Model):
    title = rom.Text()
    tags = rom.ManyToMany('RlTag')


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def links(raw: redis.Redis) -> list[bytes | None]:
    assert_consistent(raw, RlTag, RlPost)
    return [raw.hget(f'RlPost:{id}', 'tags') for id in (1, 2, 3)]


def test_changes_from_the_other_side(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            tag, other = RlTag(name='a'), RlTag(name='b')
            posts = [RlPost(title=f'{n}') for n in range(3)]
            tag.posts.add(posts[0])
            await s.commit()
            assert (tag in posts[0].tags, posts[0] in tag.posts, posts[1] in tag.posts) == (
                True, True, False,
            )  # fmt: skip
            tag.posts.add(3, posts[0], posts[1])
            other.posts.add(2)
            tag.posts.remove(1)
            assert await s.commit() == 3
            assert links(raw) == [None, b'1,2', b'1']
            await s.load([tag, other], 'posts')
            assert ([*tag.posts], [*other.posts]) == (posts[1:], [posts[1]])
            assert (tag.posts.ids, len(tag.posts), tag.posts[0]) == ([2, 3], 2, posts[1])
            assert (3 in tag.posts, 1 in tag.posts) == (True, False)
            tag.posts.set([posts[0], 3])
            assert [post.title for post in tag.posts] == ['2', '0']  # the loaded list goes along
            other.posts.clear()
            await s.commit()
            assert links(raw) == [b'1', None, b'1']
            found = await s.all(tag.posts.query.order_by('-id'))
            assert found == [posts[2], posts[0]]

    world.run(story())


def test_a_list_that_is_not_loaded(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            tag = RlTag(name='a')
            assert (list(tag.posts), len(tag.posts), tag.posts.ids) == ([], 0, [])
            posts = [RlPost(tags=[tag]), RlPost(), RlPost(tags=[tag])]
            await s.commit()
            if world.kind == ASYNC:
                for read in (list, len, lambda of: of.ids, lambda of: 2 in of, lambda of: of[0]):
                    with pytest.raises(InvalidOperation, match=r'RlTag:1.posts is not loaded'):
                        read(tag.posts)  # type: ignore[operator]
            else:
                assert (list(tag.posts), len(tag.posts)) == ([posts[0], posts[2]], 2)
                assert (tag.posts.ids, 2 in tag.posts, tag.posts[1]) == ([1, 3], False, posts[2])
            assert await s.count(tag.posts.query) == 2

    world.run(story())


def test_ids_of_entities_that_are_not_known(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            RlTag(name='a'), RlPost(), RlPost(), RlPost()
            await s.commit()
        async with world.session() as s:
            tag = await s.get(RlTag, 1)
            if world.kind == ASYNC:
                with pytest.raises(
                    InvalidOperation, match=r'know RlPost 2.*await s.get\(RlPost, 2'
                ):
                    tag.posts.add(2)
                await s.get(RlPost, [2, 3])
            tag.posts.add(2, 3)
            await s.commit()
            assert links(raw) == [None, b'1', b'1']

    world.run(story())


@pytest.mark.one_server
def test_wrong_targets(on_client: None) -> None:
    tag = RlTag(name='a')
    rom.session.commit()
    for wrong in ('x', None, tag, 1.5):
        with pytest.raises(InvalidColumnValue, match=r'RlTag.posts: expected an entity of RlPost'):
            tag.posts.add(wrong)
    with pytest.raises(InvalidColumnValue, match=r'RlTag.posts: 7: no RlPost has this id'):
        tag.posts.remove(7)
    with pytest.raises(InvalidOperation, match=r'RlTag.posts cannot be assigned.*\.set'):
        tag.posts = []
    with pytest.raises(InvalidOperation, match='cannot be assigned'):
        del tag.posts
    assert 'links from RlPost' in repr(tag.posts)
    assert RlTag.posts.get_related_model() is RlPost


@pytest.mark.one_server
def test_a_reverse_without_its_column(on_client: None) -> None:
    class RlLost(rom.Model):
        posts = rom.ManyToMany('RlPost', column='tags')
        others = rom.ManyToMany('RlPost', column='title')

    lost: Any = RlLost()
    for name in ('posts', 'others'):
        with pytest.raises(rom.ColumnError, match=f'RlLost.{name}: RlPost has no column'):
            list(getattr(lost, name).query)
    rom.session.rollback()
