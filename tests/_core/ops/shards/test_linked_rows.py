"""ManyToMany over partitions: against twins without partitions, and beside other writers."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from rom import maintenance
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Pipeline
from rom._core.ops.shards.partitions import partitions_of
from rom._core.sessions import link_removal
from tests.support.implied import assert_consistent
from tests.support.servers import Server
from tests.support.stories import both
from tests.support.worlds import BOTH, World

pytestmark = pytest.mark.one_server
SHARDS = rom.Shards('linking', 5)


class WholeTag(rom.Model):
    mark = rom.Integer(index=True)
    team = rom.Integer(index=True)


class WholePost(rom.Model):
    mark = rom.Integer(index=True)
    tags = rom.ManyToMany('WholeTag', related_name='posts')
    fixed = rom.ManyToMany('WholeTag', 'restrict', related_name='fixing')


class PartTag(rom.Model):
    _shards, _shard_by = SHARDS, 'team'
    mark = rom.Integer(index=True)
    team = rom.Integer(index=True)


class PartPost(rom.Model):
    _shards = SHARDS
    mark = rom.Integer(index=True)
    tags = rom.ManyToMany('PartTag', related_name='posts')
    fixed = rom.ManyToMany('PartTag', 'restrict', related_name='fixing')


class PartPage(rom.Model):
    _shards, _shard_with, _soft_delete = SHARDS, 'tag', 'gone'
    tag = rom.ManyToOne('PartTag', on_delete='cascade')
    tags = rom.ManyToMany('PartTag')
    pages = rom.ManyToMany('PartPage')
    gone = rom.DateTime(index=True)


class PlainTag(rom.Model):
    name = rom.Text()


class PlainLinks(rom.Model):
    tags = rom.ManyToMany('PartTag')


class FarLinks(rom.Model):
    _shards = SHARDS
    tags = rom.ManyToMany('PlainTag')


class OtherGroupLinks(rom.Model):
    _shards = rom.Shards('linking2', 3)
    tags = rom.ManyToMany('PartTag')


TWINS: tuple[tuple[Any, Any], ...] = ((WholeTag, WholePost), (PartTag, PartPost))
SHARDED = (PartTag, PartPost, PartPage, OtherGroupLinks)
LEFT = (b':intents', b':prepared', b':unfinished')


def left(raw: redis.Redis) -> list[bytes]:
    """The keys of transactions that are not finished."""
    return [key for key in raw.scan_iter() if key.endswith(LEFT)]


class Twin:
    """A session, and the two models that it works with; rows are known by their marks."""

    def __init__(self, s: Any, tag: Any, post: Any) -> None:
        self.s, self.tag, self.post = s, tag, post

    async def tags(self, marks: list[int]) -> list[Any]:
        return sorted(await self.s.all(self.tag.query.filter(mark=marks)), key=lambda t: t.mark)

    async def one(self, model: Any, mark: int) -> Any:
        return await self.s.first(model.query.filter(mark=mark))

    async def step(self, luck: random.Random, mark: int) -> Any:
        """Do something that `luck` decides, and return what came of it."""
        s, tag, post = self.s, self.tag, self.post
        what = luck.randrange(10)
        tags = await self.tags([luck.randrange(mark + 1) for _ in range(luck.randrange(1, 4))])
        column = luck.choice(('tags', 'fixed'))
        one = await self.one(post, luck.randrange(mark + 1))
        if what < 2 or one is None or not tags:
            s.add_all([tag(mark=mark, team=mark % 4), post(mark=mark, **{column: tags})])
        elif what < 4:
            getattr(one, column).add(*tags)
        elif what == 4:
            getattr(one, column).set(tags)
        elif what == 5:
            getattr(one, column).remove(*(tag.id for tag in tags))
        elif what == 6:
            tags[0].posts.add(one)
        elif what == 7:
            links = getattr(post, column)
            change = links.remove(tags[0]) if luck.randrange(2) else links.add(tags[0])
            few = post.query.filter(mark=(mark // 2, None))
            return await s.update_all(few, _blocksize=luck.choice((None, 3)), **{column: change})
        elif what == 8:
            await s.delete(one)
        else:
            try:
                await s.delete(tags)
            except rom.RestrictError:
                return 'restricted'
        await s.commit()
        return what

    async def seen(self) -> Any:
        """What both models answer, by marks."""
        s, tag, post = self.s, self.tag, self.post
        s.rollback()
        posts = sorted(await s.all(post.query), key=lambda one: one.mark)
        tags = sorted(await s.all(tag.query), key=lambda one: one.mark)
        await s.load(posts, 'tags', 'fixed')
        await s.load(tags, 'posts')
        answers: list[Any] = [
            [(one.mark, marks(one.tags), marks(one.fixed)) for one in posts],
            [(one.mark, marks(one.posts)) for one in tags],
            sorted((await s.facets(post.query, 'tags')).values()),
            marks(await s.all(post.query.filter(tags__team=1))),
            marks(await s.all(tag.query.filter(posts__mark=(None, 5)))),
            marks(await s.all(post.query.where(~post.tags.overlaps(*tags[:2])))) if tags else [],
        ]
        for one in tags[:3]:
            answers += [
                await s.count(post.query.filter(tags=one)),
                marks(await s.all(post.query.filter(tags=[one.id, tags[-1]]))),
                marks(await s.all(one.posts.query.order_by('mark'))),
            ]
        if posts:
            answers.append(marks(await s.all(tag.query.filter(posts=posts[0].id))))
            answers.append(marks(await s.all(posts[-1].tags.query)))
        return answers


def marks(entities: Any) -> list[int]:
    return sorted(one.mark for one in entities)


@both(WholeTag, WholePost, *SHARDED)
async def test_twins(s: Any, raw: redis.Redis) -> None:
    twins = [Twin(s, *models) for models in TWINS]
    met = set()
    for mark in range(60):
        outcomes = [await twin.step(random.Random(2 * mark), mark) for twin in twins]
        assert outcomes[0] == outcomes[1]
        met.add(outcomes[0])
        if mark % 10 == 9:
            assert await twins[0].seen() == await twins[1].seen()
    assert {1, 3, 4, 5, 6, 8, 9, 'restricted'} <= met, met
    assert left(raw) == []


async def tags_of(s: Any, count: int) -> list[Any]:
    """Tags of different partitions."""
    tags: list[Any] = []
    for team in range(100):
        tag = PartTag(team=team, mark=team)
        await s.save(tag)
        if SHARDS.partition_of(tag.id) not in {SHARDS.partition_of(one.id) for one in tags}:
            tags.append(tag)
        if len(tags) == count:
            return tags
    raise AssertionError


@both(*SHARDED)
async def test_trips(s: Any, trips: list[Any]) -> None:
    one, other, third = await tags_of(s, 3)
    page = PartPage(tag=one)
    await s.save(page)
    await s.count(PartPage.query)

    async def count(work: Any) -> int:
        trips.clear()
        await work
        return len(trips)

    page.tags.add(one)
    assert await count(s.save(page)) == 1  # in its own partition
    page.tags.add(other, third)
    assert await count(s.save(page)) == 4
    page.tags.remove(other)
    assert await count(s.save(page)) == 1  # nothing to look at
    pages = [PartPage(tag=tag) for tag in (one, other)]
    pages[0].pages.add(*pages)
    pages[1].tags.add(PartTag(team=third.team))
    assert await count(s.commit()) == 5  # the ids, in one trip
    trips.clear()
    await s.delete(third)
    deciding = [type(trip).__name__ for trip in trips[-4:]]
    assert deciding == ['Pipeline', 'Script', 'Pipeline', 'Script']
    assert len(trips[-4].requests) == 4  # all other partitions prepare
    alone = PartPage(tag=one)
    alone.pages.add(alone)
    await s.save(alone)
    s.rollback()
    [found] = await s.get(PartPage, [alone.id])
    assert found.pages.ids == [alone.id]
    await s.load(found, 'pages')
    assert list(found.pages) == [found]


@both(*SHARDED)
async def test_a_row_that_is_gone(s: Any, raw: redis.Redis) -> None:
    one, other = await tags_of(s, 2)
    page, post = PartPage(tag=other), PartPost(mark=1)
    await s.save(page, post)
    await s.delete(page)
    keeper = PartPage(tag=one)
    await s.save(keeper)
    keeper.pages.add(page.id)
    with pytest.raises(rom.InvalidColumnValue, match=f'PartPage.pages: {page.id}: no PartPage has'):
        await s.save(keeper)  # soft-deleted, in another partition
    await s.restore(page)
    await s.save(keeper)
    wrong = one.id + 5 * 1000
    post.tags.add(one, wrong)
    with pytest.raises(rom.InvalidColumnValue, match=f'PartPost.tags: {wrong}: no PartTag has'):
        await s.commit()
    with pytest.raises(rom.InvalidColumnValue, match=f'{wrong}: no PartTag has this id'):
        await s.update_all(PartPost.query, tags=PartPost.tags.add(wrong))
    post.tags.remove(wrong)
    await s.commit()
    s.rollback()
    assert (await s.get(PartPost, post.id)).tags.ids == [one.id]
    assert left(raw) == []


@both(PartTag, PlainTag, PlainLinks, FarLinks, OtherGroupLinks)
async def test_models_outside_the_group(s: Any) -> None:
    tag, plain = PartTag(team=1), PlainTag(name='x')
    await s.save(tag)
    await s.save(plain)
    for entity, match in (
        (PlainLinks(tags=[tag]), r'PlainLinks.tags: the linked PartTag has _shards, .*Give PlainL'),
        (
            FarLinks(tags=[plain]),
            r"FarLinks.tags: PlainTag is not in the group 'linking', so .*the",
        ),
        (OtherGroupLinks(tags=[tag]), r"PartTag is not in the group 'linking2'.* Give PartTag"),
    ):
        with pytest.raises(rom.InvalidOperation, match=match):
            await s.save(entity)
        assert await s.count(type(entity).query) == 0
        s.forget(entity)
    await s.delete(tag)
    await s.delete(plain)


@both(*SHARDED)
async def test_a_delete_of_a_crowd(s: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_removal, 'BLOCK', 3)
    one, other = await tags_of(s, 2)
    for mark in range(7):
        await s.save(PartPost(mark=mark, tags=[one, other]))
    await s.delete(one)
    s.rollback()
    assert {(*post.tags.ids,) for post in await s.all(PartPost.query)} == {(other.id,)}
    count = await s.count(PartTag.query)
    assert await s.delete_all(PartTag.query) == count
    s.rollback()
    assert {(*post.tags.ids,) for post in await s.all(PartPost.query)} == {()}


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], None]]:
    """What happens once before the next call of a script."""
    waiting: dict[str, Callable[[], None]] = {}

    def injecting(perform: Any) -> Any:
        def injected(self: Any, request: Any) -> Any:
            parts = request.requests if isinstance(request, Pipeline) else (request,)
            for part in parts:
                happen = waiting.pop(getattr(part, 'name', ''), None)
                if happen is not None:
                    happen()
            return perform(self, request)

        return injected

    for driver in (SyncDriver, AsyncDriver):
        monkeypatch.setattr(driver, 'perform', injecting(driver.perform))
    return waiting


@pytest.mark.parametrize('kind', BOTH)
def test_writers_at_once(
    kind: str, server: Server, raw: redis.Redis, before: dict[str, Callable[[], None]]
) -> None:
    world = World(kind, server.socket)

    def meanwhile(change: Callable[[rom.Session], None]) -> Callable[[], None]:
        def happen() -> None:
            with rom.Session(raw) as other:
                change(other)
                other.commit()

        return happen

    async def story() -> None:
        async with world.session() as s:
            one, other, third, fourth = await tags_of(s, 4)
            post = PartPage(tag=other)
            await s.save(post)

            def link(session: rom.Session) -> None:
                found: Any = session.get(PartPage, post.id)
                found.tags.add(one.id)

            before['shard_prepare'] = meanwhile(link)
            await s.delete(one)  # searches again
            s.rollback()
            post = await s.get(PartPage, post.id)
            assert post.tags.ids == []

            def delete(session: rom.Session) -> None:
                session.delete(session.get(PartTag, third.id))

            post.tags.add(third)
            before['shard_prepare'] = meanwhile(delete)
            with pytest.raises(rom.InvalidColumnValue, match='no PartTag has this id, or it was'):
                await s.save(post)
            s.rollback()
            post = await s.get(PartPage, post.id)

            def join(session: rom.Session) -> None:
                found: Any = session.get(PartPage, post.id)
                found.tags.add(other.id)

            post.tags.add(other, fourth)
            before['shard_prepare'] = meanwhile(join)
            await s.save(post)  # the links of both
            s.rollback()
            assert (await s.get(PartPage, post.id)).tags.ids == sorted((other.id, fourth.id))

    world.run(story())
    assert before == {} and left(raw) == []
    assert_consistent(raw, *SHARDED)


def test_check_finds_links_to_no_row(on_client: None, raw: redis.Redis) -> None:
    tags = [PartTag(team=team) for team in range(4)]
    post = PartPost(mark=1, tags=tags)
    rom.session.commit()
    assert list(maintenance.check(PartPost)) == []
    number = SHARDS.partition_of(tags[0].id)
    schema = PartTag._schema.at(number)
    gone = [tag.id for tag in tags if SHARDS.partition_of(tag.id) == number]
    for id in gone:
        raw.delete(schema.keys.row(schema.local_id(id)))
    found = list(maintenance.check(PartPost))
    assert [finding.kind for finding in found] == ['unlinked'] * len(gone)
    assert partitions_of(SHARDS).tag(number).decode() in found[0].message
    PartPost.query.filter(tags=gone).update(tags=PartPost.tags.remove(*gone))
    assert list(maintenance.check(PartPost)) == []
    rom.session.rollback()
    assert post.id
