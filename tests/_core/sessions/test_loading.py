"""What else a session answers of a query: whether, which one, the ids; kept, and deleted."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
import redis

import rom
from tests.support.servers import Server, dump
from tests.support.stories import both
from tests.support.worlds import World


class ReadTeam(rom.Model):
    _namespace = '{read}team'
    name = rom.Text(index=True, keygen=rom.IDENTITY)


class ReadUser(rom.Model):
    _namespace = '{read}user'
    name = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_CI)
    words = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    note = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True)
    team = rom.ManyToOne('ReadTeam', 'cascade')
    lead = rom.ManyToOne('ReadTeam', 'restrict')
    boss = rom.ManyToOne('ReadUser', 'cascade')


MODELS = (ReadTeam, ReadUser)


told = both(*MODELS)


async def people(s: Any, count: int = 10) -> None:
    for n in range(count):
        ReadUser(name=f'n{n}', age=n % 3, note=f'{n % 4}')
    await s.commit()
    s.rollback()


# --- pages ---------------------------------------------------------------------------------------


@told
async def test_pages_by_cursor(s: Any, trips: list[Any]) -> None:
    await people(s)
    query = ReadUser.query.order_by('-age', 'name')
    trips.clear()
    first = await s.page(query, 4)
    assert [user.name for user in first] == ['n2', 'n5', 'n8', 'n1']
    assert len(trips) == 1
    assert first[0] is await s.get(ReadUser, first[0].id)  # the session knows them
    await s.delete([first[0], first[3]])
    await s.save(ReadUser(name='a', age=2), ReadUser(name='n5', age=1))
    second = await s.page(query, 4, first.next)
    assert [user.name for user in second] == ['n4', 'n5', 'n7', 'n0']
    third = await s.page(query, 4, second.next)
    assert ([user.name for user in third], third.next) == (['n3', 'n6', 'n9'], None)
    trips.clear()
    back = await s.page(query, 4, before=third.previous)
    assert (list(back), len(trips)) == (list(second), 1)
    await s.save(ReadUser(name='b', age=2))
    trips.clear()
    back = await s.page(query, 4, before=back.previous)
    assert [user.name for user in back] == ['a', 'b', 'n5', 'n8']
    assert (first.previous, back.previous, len(trips)) == (None, None, 1)


@told
async def test_pages_of_plain_data(s: Any) -> None:
    """What is selected need not be what is sorted by."""
    await people(s, 3)
    query = ReadUser.query.order_by('age').select('name')
    first = await s.page(query, 2)
    assert (list(first), len(s.known)) == ([{'name': 'n0'}, {'name': 'n1'}], 0)
    second = await s.page(query, 2, first.next)
    assert list(second) == [{'name': 'n2'}]
    assert list(await s.page(query, 2, before=second.previous)) == list(first)
    assert list(await s.page(ReadUser.query.select('age'), 2)) == [{'age': 0}, {'age': 1}]


@told
async def test_pages_with_relations(s: Any, trips: list[Any]) -> None:
    team = ReadTeam(name='t')
    await s.save(ReadUser(name='a', team=team), ReadUser(name='b', team=team))
    s.rollback()
    trips.clear()
    page = await s.page(ReadUser.query.load('team'), 1)
    assert (page[0].team.name, len(trips)) == ('t', 2)


@told
async def test_a_page_with_a_corrupt_row(s: Any, raw: redis.Redis) -> None:
    await people(s, 3)
    raw.delete('{read}user:2')
    raw.set('{read}user:2', 'x')
    with pytest.raises(rom.CorruptRowError, match='user:2') as error:
        await s.page(ReadUser.query.order_by('name'), 5)
    assert [user.name for user in error.value.entities] == ['n0', 'n2']
    raw.delete('{read}user:2')
    await s.delete_all(ReadUser.query)
    raw.flushall()


# --- exists, one, ids ----------------------------------------------------------------------------


@told
async def test_exists(s: Any, trips: list[Any]) -> None:
    query = ReadUser.query
    assert not await s.exists(query)
    await people(s)
    trips.clear()
    assert await s.exists(query)
    assert len(trips) == 1
    assert await s.exists(query.filter(age=2))
    assert await s.exists(query.filter(age=2).filter(name=['n1', 'n2']))
    assert not await s.exists(query.filter(age=2, name='n1'))
    assert await s.exists(query.filter(age=2).order_by('age'))
    assert await s.exists(query.filter(age=2).limit(2, 1))
    assert not await s.exists(query.filter(age=2).limit(3, 1))
    assert not await s.exists(query.filter(age=2).limit(0, 0))
    assert await s.exists(query.startswith(words='').filter(age=2)) is False
    assert len(trips) <= 9
    assert not s.known


@told
async def test_one(s: Any, trips: list[Any]) -> None:
    await people(s)
    trips.clear()
    assert (await s.one(ReadUser.query.filter(name='N3'))).id == 4
    assert len(trips) == 1
    with pytest.raises(rom.QueryError, match='no entity'):
        await s.one(ReadUser.query.filter(name='x'))
    with pytest.raises(rom.QueryError, match='several entities'):
        await s.one(ReadUser.query)
    assert (await s.one(ReadUser.query.order_by('-age').limit(0, 1))).age == 2
    assert await s.one(ReadUser.query.filter(name='n3').select('age')) == {'age': 0}
    assert len(trips) == 5


@told
async def test_ids(s: Any, trips: list[Any]) -> None:
    await people(s)
    trips.clear()
    assert await s.ids(ReadUser.query) == list(range(1, 11))
    assert await s.ids(ReadUser.query.order_by('-age').limit(1, 4)) == [6, 3, 8, 5]
    assert await s.ids(ReadUser.query.filter(age=1).select('name').load('team')) == [2, 5, 8]
    assert await s.ids(ReadUser.query.filter(name='x')) == []
    assert len(trips) == 4
    with pytest.warns(UserWarning):
        query = ReadUser.query.order_by('note')
    assert await s.ids(query) == [1, 5, 9, 2, 6, 10, 3, 7, 4, 8]
    assert not s.known


@told
async def test_many_ids_in_one_trip(s: Any, trips: list[Any]) -> None:
    await people(s, 1100)  # a page of entities has a thousand
    trips.clear()
    assert await s.ids(ReadUser.query) == list(range(1, 1101))
    assert len(trips) == 1


# --- pages, and what does not begin or end so ----------------------------------------------------


@told
async def test_pages(s: Any, trips: list[Any]) -> None:
    await people(s)
    for size in (1, 3, 10, 100):
        trips.clear()
        assert [user.id async for user in s.stream(ReadUser.query, size)] == list(range(1, 11))
        assert len(trips) <= 10 / size + 1
        s.rollback()
    for size in (0, -1):
        with pytest.raises(rom.QueryError):
            [user async for user in s.stream(ReadUser.query, size)]


@told
async def test_a_stream_that_ends_early_has_sent_nothing_in_vain(s: Any, trips: list[Any]) -> None:
    await people(s)
    s.rollback()
    trips.clear()
    stream, sent, seen = s.stream(ReadUser.query, 3), [], []
    for _ in range(4):
        seen.append(weakref.ref(await anext(stream)))
        sent.append(len(trips))
    assert sent == [1, 1, 1, 2]
    await stream.aclose()
    assert await s.count(ReadUser.query) == 10
    assert len(trips) == 3
    gc.collect()
    assert [user() for user in seen] == [None] * 4  # and the session holds none of its entities


@told
async def test_what_does_not_begin_or_end_so(s: Any) -> None:
    for name, words in (
        ('Oslo', 'fox and dog'), ('ostrava', 'fox'), ('bergen', 'dog'), (None, None), ('Ås', ''),
        ('o\0s', 'fog'),
    ):  # fmt: skip
        ReadUser(name=name, words=words)
    await s.commit()

    async def found(query: Any) -> set[int]:
        seen = [user.id async for user in s.stream(query, 2)]
        assert len(seen) == len(set(seen)) == await s.count(query)
        assert await s.exists(query) == bool(seen)
        return set(seen)

    starts, ends = ReadUser.query.does_not_startwith, ReadUser.query.does_not_endwith
    assert await found(starts(name='os')) == {3, 5, 6}
    assert await found(starts(name='OS')) == {3, 5, 6}
    assert await found(starts(name=['osl', 'b'])) == {2, 5, 6}
    assert await found(starts(name=('o\0', 'å'))) == {1, 2, 3}
    assert await found(starts(name=[])) == {1, 2, 3, 5, 6}
    assert await found(starts(name='')) == set()
    assert await found(starts(name='ostravalongerthanall')) == {1, 2, 3, 5, 6}
    assert await found(ends(name='s')) == {1, 2, 3}
    assert await found(ends(name=['LO', 'n'])) == {2, 5, 6}
    assert await found(starts(words='fo')) == {1, 3}  # `dog` does not begin so
    assert await found(ends(words='g')) == {1, 2}
    assert await found(starts(name='os').filter(words='dog')) == {3}
    assert await found(starts(name='os').endswith(name='n')) == {3}
    assert await found(starts(name='os').does_not_startwith(name='b')) == {5, 6}
    assert await s.ids(starts(name='os').order_by('name')) == [3, 6, 5]
    for wrong in ({'age': 'x'}, {'note': 'x'}, {'nothing': 'x'}, {'name': 5}, {'name': [None]}):
        with pytest.raises(rom.QueryError, match='does_not_startwith'):
            starts(**wrong)
        with pytest.raises(rom.QueryError, match='does_not_endwith'):
            ends(**wrong)


# --- cached_result -------------------------------------------------------------------------------


@told
async def test_cached_result(s: Any, raw: redis.Redis) -> None:
    await people(s)
    query = ReadUser.query.order_by('-age')
    key, other = await s.cached_result(query, 30), await s.cached_result(query.limit(2, 1), 30)
    assert key != other
    assert key.startswith('{read}user:')
    expected = [(b'%d' % id, float(place)) for place, id in enumerate(await s.ids(query))]
    assert raw.zrange(key, 0, -1, withscores=True) == expected
    assert raw.zrange(other, 0, -1, withscores=True) == expected
    assert 25 <= raw.ttl(key) <= 30
    nothing = await s.cached_result(ReadUser.query.filter(name='x'), 1)
    assert not raw.exists(nothing)
    before = dump(raw)
    for timeout in (0, -1):
        with pytest.raises(rom.QueryError):
            await s.cached_result(query, timeout)
    with pytest.raises(rom.QueryError):
        await s.cached_result(ReadUser.query.limit(0, 1), 30)
    assert dump(raw) == before
    raw.delete(key, other)


# --- delete --------------------------------------------------------------------------------------


@told
@pytest.mark.parametrize('size', [1, 3, 100])
async def test_delete_all(s: Any, size: int) -> None:
    await people(s)
    known = await s.get(ReadUser, 2)
    assert await s.delete_all(ReadUser.query.filter(age=1), size) == 3
    assert await s.ids(ReadUser.query) == [1, 3, 4, 6, 7, 9, 10]
    assert await s.get(ReadUser, 2) is None
    assert known._deleted
    assert await s.delete_all(ReadUser.query.order_by('-age').limit(1, 3), size) == 3
    assert await s.ids(ReadUser.query) == [1, 4, 7, 9]
    assert await s.delete_all(ReadUser.query.filter(name='x'), size) == 0
    with pytest.warns(UserWarning):
        query = ReadUser.query.order_by('note').select('name').load('team')
    assert await s.delete_all(query, size) == 4
    assert not await s.exists(ReadUser.query)
    assert not s.known
    with pytest.raises(rom.QueryError):
        await s.delete_all(ReadUser.query, 0)


@told
@pytest.mark.parametrize('size', [1, 2, 100])
async def test_delete_all_obeys_on_delete(s: Any, size: int) -> None:
    teams = [ReadTeam(name='a'), ReadTeam(name='b'), ReadTeam(name='c')]
    for team in teams[:2]:
        ReadUser(team=team)
    ReadUser(lead=teams[2])
    await s.commit()
    assert await s.delete_all(ReadTeam.query.filter(name=['a', 'b']), size) == 2
    assert await s.ids(ReadUser.query) == [3]
    with pytest.raises(rom.RestrictError):
        await s.delete_all(ReadTeam.query, size)
    assert await s.ids(ReadTeam.query) == [3]


@told
@pytest.mark.parametrize('size', [1, 2, 100])
async def test_delete_all_of_what_goes_with_others(s: Any, size: int) -> None:
    first = ReadUser(name='1')
    for n in range(5):
        ReadUser(name=f'{n}', boss=first)
    await s.commit()
    s.rollback()
    assert 1 <= await s.delete_all(ReadUser.query, size) <= 6
    assert not await s.exists(ReadUser.query)


@told
async def test_delete_all_ends_at_the_block_that_is_forbidden(s: Any) -> None:
    for n in range(4):
        ReadTeam(name=f'{n}')
    await s.commit()
    ReadUser(lead=await s.get(ReadTeam, 3))
    await s.commit()
    with pytest.raises(rom.RestrictError):
        await s.delete_all(ReadTeam.query, 2)
    assert await s.ids(ReadTeam.query) == [3, 4]


# --- short for the current session's -------------------------------------------------------------


@pytest.mark.one_server
def test_the_methods_of_queries(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    for n in range(5):
        ReadUser(name=f'n{n}', age=n)
    rom.session.commit()
    query = ReadUser.query.filter(age=(1, None))
    assert query.exists()
    assert query.ids() == [2, 3, 4, 5]
    assert ReadUser.query.filter(age=1).get().id == 2
    assert [user.id for user in query.iter_result(timeout=1, pagesize=2)] == [2, 3, 4, 5]
    assert raw.zcard(query.cached_result(30)) == 4
    assert [u.id for u in ReadUser.does_not_startwith('name', ['n1', 'N3'], blocksize=2)] == [
        1,
        3,
        5,
    ]
    assert [u.id for u in ReadUser.does_not_endwith('name', '1')] == [1, 3, 4, 5]
    with pytest.raises(rom.QueryError):
        ReadUser.does_not_startwith('age', 'x')
    assert query.delete(blocksize=3) == 4
    assert ReadUser.query.ids() == [1]
    rom.session.rollback()


@pytest.mark.one_server
def test_inside_an_async_session_they_are_refused(server: Server) -> None:
    world = World('async', server.socket)

    async def story() -> None:
        async with world.session():
            query = ReadUser.query.filter(age=1)
            for call in (
                query.exists, query.get, query.ids, query.delete, query.iter_result,
                lambda: query.cached_result(5), lambda: ReadUser.does_not_startwith('name', 'x'),
            ):  # fmt: skip
                with pytest.raises(rom.InvalidOperation, match='event loop'):
                    call()

    world.run(story())


@pytest.mark.one_server
@pytest.mark.filterwarnings('ignore')  # to sort in the program is what is wanted here
def test_other_tasks_run_while_many_are_sorted_and_made(server: Server, raw: redis.Redis) -> None:
    """Counted, not timed: how often another task has its turn beside what the trips give it."""

    class Many(rom.Model):
        title = rom.Text(index=True, keygen=rom.FULL_TEXT)

    count = 12_000
    with raw.pipeline(transaction=False) as pipe:
        for id in range(1, count + 1):
            pipe.hset(f'Many:{id}', mapping={'id': id, 'title': f't{id * 7919 % count:05} all'})
        pipe.sadd('Many:title:all:idx', *range(1, count + 1))
        pipe.set('Many:id:', count)
        pipe.execute()
    turns = 0

    async def ticking() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def story() -> list[str]:
        client = server.connect_async()
        async with client, rom.AsyncSession(client) as s:
            ticks = asyncio.create_task(ticking())
            found = await s.all(Many.query.filter(title='all').order_by('title'))
            ids = [(await s.get(Many, list(range(1, count + 1))))[0].id, found[0].id]
            ticks.cancel()
            assert ids[0] == 1
            return [many.title for many in found]

    titles = asyncio.run(story())
    assert len(titles) == count and titles == sorted(titles)
    # Its rows are gone through five times: read, placed, told apart, sorted, made entities of.
    assert turns > 5 * count / 1000
