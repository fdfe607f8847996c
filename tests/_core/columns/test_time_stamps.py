"""auto_now and auto_now_add, and DateTime(tz=True)."""

import datetime as dt
import io
from typing import Any

import pydantic
import pytest
import redis

import rom
from rom import jsonl
from rom._core.writes import changes
from tests.support.servers import Server
from tests.support.stories import both

pytestmark = pytest.mark.one_server

NOON = dt.datetime(2030, 1, 31, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
OSLO = dt.timezone(HOUR)


class StampPost(rom.Model):
    _namespace = '{stamps}post'
    title = rom.Text(unique=True)
    likes = rom.Integer(default=0)
    data = rom.Json()
    created = rom.DateTime(tz=True, index=True, required=True, auto_now_add=True)
    updated = rom.DateTime(tz=True, index=True, auto_now=True)
    plain = rom.DateTime(auto_now=True)
    day = rom.Date(auto_now_add=True, index=True)
    time = rom.Time(auto_now=True)


class StampNote(rom.Model):
    _namespace = '{stamps}note'
    done = rom.Boolean()
    updated = rom.DateTime(auto_now=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[dt.datetime]:
    """The moments that were read; each is an hour later."""
    seen: list[dt.datetime] = []

    class Frozen(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> 'Frozen':
            moment = NOON + len(seen) * HOUR
            seen.append(moment)
            return cls(*moment.timetuple()[:6], tzinfo=moment.tzinfo)

    class Module:
        datetime, UTC = Frozen, dt.UTC

    monkeypatch.setattr(changes, 'dt', Module)
    return seen


@both(StampPost, StampNote)
async def test_one_clock_for_a_commit(s: Any, clock: list[dt.datetime]) -> None:
    posts = [StampPost(title=f'post {number}') for number in range(3)]
    note = StampNote()
    assert posts[0].created is None and posts[0].updated is None
    await s.commit()
    assert clock == [NOON]
    for post in posts:
        assert post.created == post.updated == NOON
        assert type(post.created) is dt.datetime and post.created.tzinfo is dt.UTC
        assert post.plain == NOON.replace(tzinfo=None)
        assert (post.day, post.time) == (NOON.date(), NOON.time())
    assert note.updated == NOON.replace(tzinfo=None)
    posts[0].likes = 5
    await s.commit()
    assert (posts[0].created, posts[0].updated) == (NOON, NOON + HOUR)
    assert posts[1].updated == NOON
    await s.commit()
    assert len(clock) == 2  # nothing was written
    s.rollback()
    again = await s.get(StampPost, posts[0].id)
    assert (again.created, again.updated, again.time) == (NOON, NOON + HOUR, dt.time(13))
    assert await s.count(StampPost.query.filter(updated=(NOON + HOUR, None))) == 1
    assert await s.count(StampPost.query.filter(day=NOON.date())) == 3
    again.data = {'a': 1}
    await s.commit()
    again.data['a'] = 2  # in place
    await s.commit()
    assert again.updated == NOON + 3 * HOUR


@both(StampPost)
async def test_a_value_of_the_program_wins(s: Any, clock: list[dt.datetime]) -> None:
    then = NOON - 24 * HOUR
    post = StampPost(title='old', created=then, updated=then)
    await s.commit()
    assert (post.created, post.updated) == (then, then)
    post.updated, post.likes = then + HOUR, 1
    await s.commit()
    assert post.updated == then + HOUR
    assert await s.update_all(StampPost.query, updated=then) == 1
    assert post.updated == then
    post.likes = 2
    await s.commit()
    assert post.updated > NOON
    post.updated = None
    await s.commit()
    assert post.updated is None


@both(StampPost)
async def test_updates_without_entities(s: Any, clock: list[dt.datetime]) -> None:
    one, two = StampPost(title='one'), StampPost(title='two')
    await s.commit()
    assert await s.update_all(StampPost.query, likes=StampPost.likes + 1) == 2
    assert one.updated == two.updated == NOON + HOUR and one.created == NOON
    _, made = await s.upsert(StampPost, {'likes': 7}, title='one')
    assert not made and one.updated == NOON + 2 * HOUR
    three, made = await s.upsert(StampPost, {'likes': 7}, title='three')
    assert made and three.created == three.updated and three.plain is not None
    four, made = await s.get_or_create(StampPost, title='four')
    assert made and four.created == four.updated


def test_a_transfer_updates(on_client: Any, clock: list[dt.datetime]) -> None:
    ann, bob, note = StampPost(likes=5), StampPost(), StampNote()
    rom.session.commit()
    ann.transfer(bob, 'likes', 2, note, 'done')
    assert ann.updated == bob.updated == NOON + HOUR
    assert note.updated == (NOON + HOUR).replace(tzinfo=None)
    assert (ann.likes, bob.likes) == (3, 2)


def test_a_commit_that_fails_stamps_nothing(on_client: Any, clock: list[dt.datetime]) -> None:
    StampPost(title='one').save()
    post = StampPost(title='one')
    with pytest.raises(rom.UniqueKeyViolation):
        post.save()
    assert post.created is None
    post.title = 'two'
    post.save()
    assert post.created == NOON + 2 * HOUR
    rom.session.rollback()


def test_full_saves_change_no_stamp(on_client: Any, clock: list[dt.datetime]) -> None:
    """They write a row again, and change nothing of it."""
    post = StampPost(title='one')
    post.save()
    post.save(full=True)
    post.save(force=True)
    assert post.updated == NOON
    post.likes = 4
    post.save(full=True)
    assert post.updated == NOON + HOUR


def test_without_a_session(server: Server, on_client: Any) -> None:
    """A dump has the stamps, a load keeps them, and pydantic asks for none."""
    StampPost(title='one').save()
    rom.session.rollback()
    [block] = jsonl.dump(StampPost)
    post = StampPost.query.first()
    stamp, updated = post.created, post.updated
    post.delete()
    rom.session.rollback()
    list(jsonl.load(io.BytesIO(block.text), StampPost))
    again = StampPost.query.first()
    assert (again.created, again.updated) == (stamp, updated)
    given = StampPost.pydantic(exclude='id')(title='two')
    entity = pydantic.TypeAdapter(StampPost).validate_python({'title': 'three'})
    made = StampPost(**given.model_dump())
    rom.session.add(entity)
    rom.session.commit()
    assert made.created == entity.created != stamp


@pytest.mark.parametrize('option', ['auto_now', 'auto_now_add'])
@pytest.mark.parametrize('kind', [rom.DateTime, rom.Date, rom.Time, rom.SaferDateTime])
def test_a_default_beside_them(kind: Any, option: str) -> None:
    with pytest.raises(rom.ColumnError, match='drop the default'):
        kind(default=NOON, **{option: True})


class ZoneEvent(rom.Model):
    _namespace = '{stamps}event'
    at = rom.DateTime(tz=True, index=True, default=NOON)
    safe = rom.SaferDateTime(tz=True)
    old = rom.DateTime(index=True)


@both(ZoneEvent)
async def test_aware_datetimes_are_kept_in_utc(s: Any, raw: redis.Redis) -> None:
    event = ZoneEvent(at=NOON.astimezone(OSLO), safe=NOON, old=NOON)
    for value in (event.at, event.safe):
        assert value == NOON and value is not None and value.tzinfo is dt.UTC
    assert event.old == NOON.replace(tzinfo=None)
    await s.commit()
    id = event.id
    # The stored form is the same as without the option.
    assert raw.hget(f'{{stamps}}event:{id}', 'at') == raw.hget(f'{{stamps}}event:{id}', 'old')
    s.rollback()
    query = ZoneEvent.query
    assert await s.count(query.filter(at=NOON.astimezone(OSLO))) == 1
    assert await s.count(query.filter(at=(NOON - HOUR, NOON))) == 1
    assert await s.count(query.where(ZoneEvent.at > NOON)) == 0
    assert await s.facets(query, 'at') == {NOON: 1}
    assert await s.max(query, 'at') == NOON
    [row] = await s.all(query.order_by('-at').select('at', 'old'))
    assert row == {'at': NOON, 'old': NOON.replace(tzinfo=None)}
    assert row['at'].tzinfo is dt.UTC
    await s.update_all(query, at=NOON + HOUR)
    assert (await s.get(ZoneEvent, id)).at == NOON + HOUR


def test_naive_datetimes_are_refused(on_client: Any) -> None:
    naive = dt.datetime(2030, 1, 1)
    says = r'has no zone, and the column has tz=True; pass datetime\.now\(datetime\.UTC\)'
    for name in ('at', 'safe'):
        with pytest.raises(rom.InvalidColumnValue, match=says):
            ZoneEvent(**{name: naive})
    with pytest.raises(rom.QueryError, match='has no zone'):
        ZoneEvent.query.filter(at=naive).all()
    with pytest.raises(rom.QueryError, match='has no zone'):
        ZoneEvent.query.where(ZoneEvent.at < naive).all()
    with pytest.raises(pydantic.ValidationError, match='has no zone'):
        ZoneEvent.pydantic(include='at')(at='2030-01-01T00:00:00')
    assert ZoneEvent(at=0).at == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def test_dumps_of_both_are_the_same(on_client: Any) -> None:
    ZoneEvent(at=NOON, safe=NOON, old=NOON).save()
    rom.session.rollback()
    [block] = jsonl.dump(ZoneEvent)
    assert block.text.count(b'"2030-01-31T12:00:00Z"') == 3
    ZoneEvent.query.delete()
    # Dialect 1 has no Z.
    text = block.text.replace(b'Z"', b'"').replace(b'"dialect": 2, ', b'')
    list(jsonl.load(io.BytesIO(text), ZoneEvent))
    assert ZoneEvent.query.first().at == NOON


@both(StampPost)
async def test_writers_of_other_columns_do_not_conflict(
    s: Any, server: Server, clock: list[dt.datetime], trips: list[Any]
) -> None:
    """The later one reads the row again, and writes once more."""
    post = StampPost(title='one')
    await s.commit()
    async with server.connect_async() as client, rom.AsyncSession(client) as other:
        again = await other.get(StampPost, post.id)
        again.data = {'a': 1}
        await other.commit()
    post.likes = 5
    trips.clear()
    await s.commit()
    assert len(trips) == 3
    s.rollback()
    found = await s.get(StampPost, post.id)
    assert (found.likes, found.data, found.updated) == (5, {'a': 1}, NOON + 2 * HOUR)
    async with server.connect_async() as client, rom.AsyncSession(client) as other:
        again = await other.get(StampPost, post.id)
        again.likes = 6
        await other.commit()
    found.likes = 7
    with pytest.raises(rom.DataRaceError, match='another writer changed likes'):
        await s.commit()
    s.rollback()


def test_a_copy_is_stamped_anew(on_client: Any, clock: list[dt.datetime]) -> None:
    post = StampPost(likes=4)
    post.save()
    twin = post.copy()
    twin.save()
    assert (twin.likes, twin.created, twin.updated) == (4, NOON + HOUR, NOON + HOUR)
