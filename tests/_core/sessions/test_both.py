"""The two sessions: the same names and signatures, and the same behaviour, told once for both."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from tests.support.implied import assert_consistent, decode_row, rows_of
from tests.support.proxy import Proxy
from tests.support.servers import Server, data, dump, without_notes
from tests.support.stories import both
from tests.support.worlds import BOTH, SYNC, WAITING, World

# --- name by name, signature by signature --------------------------------------------------------

NAMES = sorted(
    name
    for name in {*dir(rom.Session), *dir(rom.AsyncSession)}
    if not name.startswith('_') and name != 'is_async'
)


def test_the_names_are_the_same() -> None:
    def public(session: type) -> set[str]:
        return {name for name in dir(session) if not name.startswith('_')}

    assert public(rom.Session) == public(rom.AsyncSession)
    for name in ('enter', 'exit'):
        assert hasattr(rom.Session, f'__{name}__')
        assert hasattr(rom.AsyncSession, f'__a{name}__')
        assert not hasattr(rom.AsyncSession, f'__{name}__')


@pytest.mark.parametrize('name', [*NAMES, '__init__'])
def test_the_signatures_are_the_same(name: str) -> None:
    sync, other = getattr(rom.Session, name), getattr(rom.AsyncSession, name)
    if isinstance(sync, property) or not callable(sync):
        assert sync is other
        return
    for one, two in zip(parameters(sync), parameters(other), strict=True):
        assert (one.name, one.kind, one.default) == (two.name, two.kind, two.default)
        if one.name != 'connection':
            assert one.annotation == two.annotation
    returns = [str(inspect.signature(method).return_annotation) for method in (sync, other)]
    assert returns[0].replace('Iterator', 'AsyncIterator') in (
        returns[1],
        f'Async{returns[1]}',
    ) or (returns[0] == returns[1])


def parameters(method: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(method).parameters.values())


@pytest.mark.parametrize('name', NAMES)
def test_what_waits_is_awaited(name: str) -> None:
    sync, other = getattr(rom.Session, name), getattr(rom.AsyncSession, name)
    waits = name in WAITING
    assert inspect.iscoroutinefunction(other) == waits
    assert inspect.isasyncgenfunction(other) == (name == 'stream')
    assert not inspect.iscoroutinefunction(sync)
    if not waits and name != 'stream':
        assert sync is other  # needs no server: one and the same


# Only without asyncio does reading an id take one.
@pytest.mark.parametrize('name', [name for name in NAMES if name != 'take_ids'])
def test_both_are_described(name: str) -> None:
    sync, other = inspect.getdoc(getattr(rom.Session, name)), getattr(rom.AsyncSession, name)
    described = inspect.getdoc(other)
    assert sync
    assert described
    assert sync.partition('Example')[0] == described.partition('Example')[0]


# --- one suite for both --------------------------------------------------------------------------


class BothUser(rom.Model):
    _namespace = '{both}user'
    name = rom.Text(required=True, unique=True, index=True, keygen=rom.IDENTITY_CI)
    age = rom.Integer(index=True)
    city = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
    tags = rom.Json()
    unique_together = [('age', 'city')]


class BothTeam(rom.Model):
    _namespace = '{both}team'
    label = rom.String(unique=True)
    size = rom.Integer()


def depending(name: str, values: Any) -> list[str]:
    """Whether the size matters is for the flag to say."""
    return [f'{values[name]} {values["size"]}' if values['flag'] else f'{values[name]}']


class BothBox(rom.Model):
    _namespace = '{both}box'
    label = rom.Text(index=True, keygen2=depending)
    flag = rom.Boolean()
    size = rom.Integer()
    note = rom.Text()


MODELS = (BothUser, BothTeam, BothBox)


told = both(*MODELS)


def stored(raw: redis.Redis, model: type[rom.Model]) -> dict[int, dict[str, Any]]:
    return {
        id: decode_row(model, row)
        for id, row in rows_of(model, assert_consistent(raw, *MODELS)).items()
    }


async def another_writer(world: World, id: int, **values: Any) -> None:
    """Changes a user behind the session's back."""
    async with world.session() as theirs:
        user = await theirs.get(BothUser, id)
        user.update(**values)
        await theirs.commit()


async def another_deletes(world: World, id: int) -> None:
    async with world.session() as theirs:
        await theirs.delete(await theirs.get(BothUser, id))


# --- get, get_by ---------------------------------------------------------------------------------


@told
async def test_get(s: Any) -> None:
    assert await s.get(BothUser, 1) is None
    made = [BothUser(name=name, tags={'n': name}) for name in 'abc']
    await s.commit()
    s.rollback()
    first = await s.get(BothUser, 1)
    assert (first.id, first.name, first.age, first.tags) == (1, 'a', None, {'n': 'a'})
    assert first is not made[0]
    assert await s.get(BothUser, '1') is first
    assert [user.name for user in await s.get(BothUser, [3, 99, 1, 3])] == ['c', 'a', 'c']
    assert [user.name for user in await s.get(BothUser, range(1, 9))] == ['a', 'b', 'c']
    assert [user.id for user in await s.get(BothUser, (str(n) for n in (2, 1)))] == [2, 1]
    assert await s.get(BothUser, []) == []
    assert await s.get('{both}user:1') is first
    assert await s.get('{both}user:99') is None


@pytest.mark.one_server
@told
async def test_get_of_what_is_no_id(s: Any) -> None:
    for id in (None, 'x', -1, True, 1.5j, {}, '{both}user:1'):
        with pytest.raises(rom.InvalidOperation):
            await s.get(BothUser, id)


@told
async def test_get_of_more_than_a_page(s: Any) -> None:
    for number in range(1100):  # a page has a thousand
        BothTeam(size=number)
    await s.commit()
    s.rollback()
    ids = [*range(1100, 0, -1), 9999, 1]
    assert [team.size for team in await s.get(BothTeam, ids)] == [*range(1099, -1, -1), 0]


@told
async def test_get_by_a_unique_column(s: Any) -> None:
    for name in ('Ä', 'b\0', 'c'):
        BothUser(name=name)
    BothTeam(label=b'\xff\0')
    await s.commit()
    s.rollback()
    found = await s.get_by(BothUser, name='Ä')
    assert (found.id, found.name) == (1, 'Ä')
    assert await s.get_by(BothUser, name='Ä') is found
    assert await s.get_by(BothUser, name='no one') is None
    several = await s.get_by(BothUser, name=['c', 'no one', 'b\0', 'c'])
    assert [user.name for user in several] == ['c', 'b\0', 'c']
    assert await s.get_by(BothUser, name=[]) == []
    assert (await s.get_by(BothTeam, label=b'\xff\0')).id == 1


@pytest.mark.one_server
@told
async def test_get_by_errors(s: Any) -> None:
    for wrong in ({}, {'name': 'a', 'age': 1}, {'none': 1}, {'size': 1}, {'name': 5}):
        with pytest.raises(rom.QueryError):
            await s.get_by(BothUser, **wrong)
    with pytest.raises(rom.QueryError):
        await s.get_by(BothTeam, size=1)


@told
async def test_a_unique_value_whose_holder_is_gone(s: Any, raw: redis.Redis) -> None:
    raw.hset('{both}user:name:uidx', 'ghost', '17')
    assert await s.get_by(BothUser, name='ghost') is None
    assert await s.get_by(BothUser, name=['ghost']) == []
    BothUser(name='ghost')
    await s.commit()
    assert (await s.get_by(BothUser, name='ghost')).id == 1


@told
async def test_what_is_no_row(s: Any, raw: redis.Redis) -> None:
    BothUser(name='a')
    await s.commit()
    s.rollback()
    raw.set('{both}user:5', 'x')
    with pytest.raises(rom.CorruptRowError) as raised:
        await s.get(BothUser, 5)
    assert raised.value.key == '{both}user:5'
    with pytest.raises(rom.CorruptRowError) as raised:
        await s.get(BothUser, [1, 5])
    assert [user.name for user in raised.value.entities] == ['a']
    raw.delete('{both}user:5')


# --- save, flush, commit -------------------------------------------------------------------------


@pytest.mark.one_server
@told
async def test_save_counts_columns(s: Any, raw: redis.Redis) -> None:
    user = BothUser(name='a')
    assert await s.save(user) == 5  # all of them, the primary key too
    assert await s.save(user) == 0
    user.age = 1
    user.city = 'x y'
    assert await s.save(user) == 2
    user.age = 1
    assert await s.save(user) == 0
    assert not user._modified
    user.city = None
    del user.age
    assert await s.save(user) == 2
    user.age, user.city = 5, None
    assert await s.save(user) == 1
    assert not user._modified  # the city was set, too, to what it was
    assert await s.save(user, full=True) == 5
    assert await s.save(user, force=True) == 5
    user.name = 'b'
    assert await s.save(user, full=True, force=True) == 5
    assert stored(raw, BothUser) == {
        1: {'id': 1, 'name': 'b', 'age': 5, 'city': None, 'tags': None}
    }


@told
async def test_save_of_several(s: Any, raw: redis.Redis) -> None:
    users = [BothUser(name=name) for name in 'abc']
    team = BothTeam(size=1)
    assert await s.save(users[2], [users[0], (team,)]) == 5 + 5 + 3
    assert list(stored(raw, BothUser)) == [1, 3]
    assert await s.save() == 0
    assert await s.save([]) == 0
    users[0].age, team.size = 1, 2
    assert await s.save([users[0], team]) == 2
    assert await s.save(users, full=True) == 15


@told
async def test_flush_and_commit(s: Any, raw: redis.Redis) -> None:
    users = [BothUser(name=name) for name in 'ab']
    assert await s.flush() == 10
    assert set(s.known) == {'{both}user:1', '{both}user:2'}
    users[0].age = 1
    assert await s.commit() == 1
    assert dict(s.known) == {}
    assert await s.commit() == 0
    assert await s.flush(all=True) == 0
    assert await s.flush(all=True, full=True) == 10
    assert await s.commit(full=True) == 0
    users[1].age = 1
    assert await s.commit(full=True) == 5
    assert await s.commit(all=True, force=True) == 10
    assert stored(raw, BothUser)[2]['age'] == 1


@told
async def test_a_row_of_every_kind_of_value(s: Any, raw: redis.Redis) -> None:
    for age in (0, -1, 2**53 + 1, 10**400, None):
        BothUser(name=f'{age}', age=age, city='\0é \U0001f600', tags=[1, {'a': None}])
    BothTeam(label=bytes(range(256)), size=-(2**70))
    await s.commit()
    s.rollback()
    ages = [user.age for user in await s.get(BothUser, range(1, 6))]
    assert ages == [0, -1, 2**53 + 1, 10**400, None]
    team = await s.get(BothTeam, 1)
    assert (team.label, team.size) == (bytes(range(256)), -(2**70))


@told
async def test_full_mends_the_indexes(s: Any, raw: redis.Redis) -> None:
    user = BothUser(name='a', age=1, city='x y')
    await s.commit()
    before = without_notes(dump(raw))
    raw.delete(
        '{both}user:city:x:idx', '{both}user:age:idx', '{both}user:city:pre', '{both}user:name:uidx'
    )
    assert await s.save(user) == 0
    assert await s.save(user, full=True) == 5
    assert without_notes(dump(raw)) == before


@told
async def test_only_what_changed_is_touched(s: Any, raw: redis.Redis) -> None:
    user = BothUser(name='a', age=1, city='x')
    await s.commit()
    raw.srem('{both}user:city:x:idx', 1)
    raw.hset('{both}user:1', 'tags', '[7]')
    user.age = 2
    assert await s.commit() == 1
    assert raw.scard('{both}user:city:x:idx') == 0
    assert raw.hget('{both}user:1', 'tags') == b'[7]'
    raw.sadd('{both}user:city:x:idx', 1)


# --- delete, refresh -----------------------------------------------------------------------------


@told
async def test_delete(s: Any, raw: redis.Redis) -> None:
    users = [BothUser(name=name, age=1, city=name) for name in 'abc']
    team = BothTeam(label=b'x')
    await s.commit()
    await s.delete(users[0], [team])
    assert list(stored(raw, BothUser)) == [2, 3]
    assert stored(raw, BothTeam) == {}
    assert await s.get(BothUser, 1) is None
    assert await s.get_by(BothUser, name='a') is None
    await s.delete(users)
    assert data(raw).keys() == {
        b'{both}%s:id:%s' % (name, kind)
        for name in (b'user', b'team')
        for kind in (b'', b'live', b'indexes')
    }
    await s.delete(users)  # gone already
    assert await s.commit() == 0


@pytest.mark.one_server
@told
async def test_delete_of_what_is_new(s: Any, raw: redis.Redis) -> None:
    user = BothUser(name='a')
    await s.save(user)
    with pytest.raises(rom.InvalidOperation):
        await s.delete(user, BothUser(name='b'))
    assert list(stored(raw, BothUser)) == [1]


@told
async def test_delete_of_what_another_writer_changed(
    s: Any, world: World, raw: redis.Redis
) -> None:
    user, other = BothUser(name='a', age=1, city='x'), BothUser(name='b')
    await s.commit()
    await another_writer(world, 1, name='c', age=2, city='y z')
    await another_deletes(world, 2)
    user.age = 7
    await s.delete(user, other)
    assert stored(raw, BothUser) == {}


@told
async def test_refresh(s: Any, world: World) -> None:
    user, other = BothUser(name='a', age=1), BothUser(name='b', age=1)
    with pytest.raises(rom.InvalidOperation):
        await s.refresh(user)
    with pytest.raises(rom.InvalidOperation):
        await s.refresh(user, force=True)
    await s.commit()
    for id in (1, 2):
        await another_writer(world, id, age=id + 1)
    assert user.age == 1
    await s.refresh(user, [other])
    assert (user.age, other.age) == (2, 3)
    user.age = 9
    with pytest.raises(rom.InvalidOperation):
        await s.refresh(user)
    assert user.age == 9
    await s.refresh(user, force=True)
    assert user.age == 2
    assert not user._modified
    assert await s.commit() == 0
    await another_deletes(world, 1)
    with pytest.raises(rom.EntityDeletedError) as raised:
        await s.refresh(user)
    assert raised.value.args[1:] == ('{both}user', 1)


@told
async def test_refresh_all(s: Any, world: World) -> None:
    users = [BothUser(name=name, age=1) for name in 'ab']
    await s.commit()
    BothUser(name='new')
    await another_writer(world, 1, age=5)
    await s.refresh_all()
    assert [user.age for user in users] == [5, 1]
    users[1].age = 9
    with pytest.raises(rom.InvalidOperation):
        await s.refresh_all()
    await s.refresh_all(force=True)
    assert [user.age for user in users] == [5, 1]
    assert await s.commit() == 5


@pytest.mark.one_server
@told
async def test_forget_and_rollback(s: Any, raw: redis.Redis) -> None:
    user = BothUser(name='a')
    await s.commit()
    user.age = 5
    s.forget(user)
    assert await s.commit() == 0
    again = await s.get(BothUser, 1)
    assert again is not user
    again.age = 6
    BothUser(name='b')
    s.rollback()
    assert await s.commit() == 0
    assert stored(raw, BothUser) == {
        1: {'id': 1, 'name': 'a', 'age': None, 'city': None, 'tags': None}
    }


# --- races ---------------------------------------------------------------------------------------


@told
async def test_data_race(s: Any, world: World, raw: redis.Redis) -> None:
    user = BothUser(name='a', age=1, city='x')
    await s.commit()
    await another_writer(world, 1, age=2, city='y', tags=[1])
    user.age, user.city, user.name = 3, 'z', 'b'
    before = data(raw)
    for write in (s.commit, s.flush, lambda: s.save(user), lambda: s.save(user, full=True)):
        with pytest.raises(rom.DataRaceError) as raised:
            await write()
        error = raised.value
        assert error.args[1:] == (error.namespace, error.id) == ('{both}user', 1)
        assert isinstance(error.args[0], str)
        assert str(error) == error.args[0]
        assert {'age', 'city'} <= set(error.columns) <= {'age', 'city', 'tags'}
        assert not isinstance(error, rom.EntityDeletedError)
        assert data(raw) == before
    assert user.age == 3
    assert await s.save(user, force=True) == 5
    assert stored(raw, BothUser)[1] == {
        'id': 1, 'name': 'b', 'age': 3, 'city': 'z', 'tags': None
    }  # fmt: skip
    assert await s.commit() == 0


@told
async def test_refresh_after_a_race(s: Any, world: World, raw: redis.Redis) -> None:
    user = BothUser(name='a', age=1)
    await s.commit()
    await another_writer(world, 1, age=2)
    user.age = 3
    with pytest.raises(rom.DataRaceError):
        await s.commit()
    await s.refresh(user, force=True)
    user.age += 1
    assert await s.commit() == 1
    assert stored(raw, BothUser)[1]['age'] == 3


@told
async def test_no_race_in_other_columns(s: Any, world: World, raw: redis.Redis) -> None:
    user = BothUser(name='a', age=1, city='x')
    await s.commit()
    await another_writer(world, 1, name='b', city='y')
    user.age = 2  # the constraint on age and city is worked out with the new city
    assert await s.commit() == 1
    row = stored(raw, BothUser)[1]
    assert (row['name'], row['age'], row['city']) == ('b', 2, 'y')
    assert user.city == 'y'


@told
async def test_what_a_keygen_reads_depends_on_values(
    s: Any, world: World, raw: redis.Redis
) -> None:
    """The session believes that the size is in no entry, and by now it is."""
    box = BothBox(label='a', size=1)
    await s.commit()
    async with world.session() as theirs:
        other = await theirs.get(BothBox, 1)
        other.flag = True
        await theirs.commit()
    box.size = 2
    assert await s.commit() == 1
    assert raw.smembers('{both}box:label:a 2:idx') == {b'1'}
    assert not raw.exists('{both}box:label:a:idx', '{both}box:label:a 1:idx')


@pytest.mark.one_server
@told
async def test_what_was_set_to_what_it_was(s: Any, world: World, raw: redis.Redis) -> None:
    """That is no change: another writer's value, which came meanwhile, is not overwritten later."""
    user = BothUser(name='a', age=1, city='x')
    await s.commit()
    await another_writer(world, 1, city='y')
    user.city, user.age = 'x', 2  # the constraint of both is worked out with the new city
    assert await s.commit() == 1
    assert not user._modified
    assert user.city == 'y'
    assert await s.commit() == 0
    assert stored(raw, BothUser)[1]['city'] == 'y'


@told
async def test_a_race_where_both_wrote_the_same(s: Any, world: World, raw: redis.Redis) -> None:
    """Both added 1 to 1: were the second taken for done, one of them would be lost."""
    user = BothUser(name='a', age=1)
    await s.commit()
    await another_writer(world, 1, age=2)
    user.age += 1
    with pytest.raises(rom.DataRaceError):
        await s.commit()
    await s.refresh(user, force=True)
    user.age += 1
    assert await s.commit() == 1
    assert stored(raw, BothUser)[1]['age'] == 3


@told
async def test_entity_deleted(s: Any, world: World, raw: redis.Redis) -> None:
    user = BothUser(name='a', age=1)
    await s.commit()
    await another_deletes(world, 1)
    user.age = 2
    before = data(raw)
    for write in (s.commit, lambda: s.save(user), lambda: s.save(user, full=True)):
        with pytest.raises(rom.EntityDeletedError) as raised:
            await write()
        error = raised.value
        assert error.args[1:] == (error.namespace, error.id) == ('{both}user', 1)
        assert not isinstance(error, rom.DataRaceError)
        assert isinstance(error, rom.InvalidOperation)
        assert data(raw) == before
    assert await s.save(user, force=True) == 5
    assert stored(raw, BothUser) == {
        1: {'id': 1, 'name': 'a', 'age': 2, 'city': None, 'tags': None}
    }


@pytest.mark.one_server
@told
async def test_save_after_ones_own_delete(s: Any, raw: redis.Redis) -> None:
    user = BothUser(name='a', age=1, city='x')
    await s.commit()
    await s.delete(user)
    with pytest.raises(rom.EntityDeletedError) as raised:
        await s.save(user)
    assert raised.value.args[1:] == ('{both}user', 1)
    assert stored(raw, BothUser) == {}
    assert await s.save(user, force=True) == 5
    assert stored(raw, BothUser)[1]['city'] == 'x'
    assert await s.get(BothUser, 1) is user
    await s.delete(user)
    assert stored(raw, BothUser) == {}


# --- unique values -------------------------------------------------------------------------------


@told
async def test_unique_key_violation(s: Any, raw: redis.Redis) -> None:
    holder = BothUser(name='a')
    await s.commit()
    before = data(raw)
    new = BothUser(name='a')
    for write in (lambda: s.save(new), lambda: s.save(new, force=True)):
        with pytest.raises(rom.UniqueKeyViolation) as raised:
            await write()
        error = raised.value
        assert error.args[1:] == (error.namespace, error.id) == ('{both}user', None)
        assert (error.columns, error.value, error.holder) == (('name',), 'a', holder.id)
        assert str(error) == error.args[0]
        assert 'name' in str(error)
        assert data(raw) == before
    new.name = 'b'
    assert await s.save(new) == 5
    new.name = 'a'
    with pytest.raises(rom.UniqueKeyViolation) as raised:
        await s.commit()
    assert raised.value.args[1:] == ('{both}user', 2)
    assert raised.value.holder == 1
    holder.name = 'c'
    assert await s.commit() == 2
    assert {row['name'] for row in stored(raw, BothUser).values()} == {'a', 'c'}


@told
async def test_unique_together(s: Any, raw: redis.Redis) -> None:
    BothUser(name='a', age=1, city='x')
    BothUser(name='b', age=1, city=None)
    BothUser(name='c', age=1, city=None)  # silent where one is None
    await s.commit()
    user = BothUser(name='d', age=1, city='x')
    with pytest.raises(rom.UniqueKeyViolation) as raised:
        await s.commit()
    assert raised.value.columns == ('age', 'city')
    assert raised.value.holder == 1
    user.age = 2
    await s.commit()
    user.age = 1
    with pytest.raises(rom.UniqueKeyViolation):
        await s.commit()
    user.city = None
    assert await s.commit() == 2


@pytest.mark.one_server
@told
async def test_unique_values_within_a_commit(s: Any, raw: redis.Redis) -> None:
    BothUser(name='a')
    second = BothUser(name='a')
    with pytest.raises(rom.UniqueKeyViolation):
        await s.commit()
    assert stored(raw, BothUser) == {}
    second.name = 'b'
    assert await s.commit() == 10


@told
async def test_swapping_unique_values(s: Any, raw: redis.Redis) -> None:
    one, other = BothUser(name='a', age=1, city='x'), BothUser(name='b', age=2, city='x')
    await s.commit()
    one.name, other.name = other.name, one.name
    one.age, other.age = other.age, one.age
    assert await s.commit() == 4
    assert (await s.get_by(BothUser, name='a')) is other
    assert (await s.get_by(BothUser, name='b')) is one


@told
async def test_a_unique_value_is_free_after_a_delete(s: Any) -> None:
    first = BothUser(name='a')
    await s.commit()
    await s.delete(first)
    BothUser(name='a')
    assert await s.commit() == 5
    with pytest.raises(rom.UniqueKeyViolation):
        await s.save(first, force=True)


# --- all or nothing ------------------------------------------------------------------------------


@told
async def test_several_models_all_or_nothing(s: Any, world: World, raw: redis.Redis) -> None:
    old, team = BothUser(name='old', age=1), BothTeam(label=b'x', size=1)
    await s.commit()
    await another_writer(world, 1, age=2)
    before = stored(raw, BothUser), stored(raw, BothTeam)
    BothUser(name='new')
    more = BothTeam(label=b'x')
    team.size = 2
    old.age = 3
    for error in (rom.DataRaceError, rom.DataRaceError):
        with pytest.raises(error):
            await s.commit()
        assert (stored(raw, BothUser), stored(raw, BothTeam)) == before
    await s.refresh(old, force=True)
    with pytest.raises(rom.UniqueKeyViolation) as raised:
        await s.commit()
    assert raised.value.args[1:] == ('{both}team', more.id)
    assert raised.value.value == b'x'
    assert (stored(raw, BothUser), stored(raw, BothTeam)) == before
    more.label = b'y'
    assert await s.commit() == 5 + 3 + 1
    assert len(stored(raw, BothUser)) == len(stored(raw, BothTeam)) == 2


@pytest.mark.one_server
@told
async def test_a_wrong_value_stops_the_whole_commit(s: Any, raw: redis.Redis) -> None:
    BothTeam(size=1)
    user = BothUser(name='a')
    user.tags = {'a': 1}
    user.tags['b'] = object()  # not JSON
    with pytest.raises(rom.InvalidColumnValue):
        await s.commit()
    assert {key for key in data(raw) if not key.endswith((b':id:', b':live', b':indexes'))} == set()
    del user.tags['b']
    assert await s.commit() == 3 + 5


@told
async def test_a_key_of_a_wrong_type(s: Any, raw: redis.Redis) -> None:
    user = BothUser(name='a')
    team = BothTeam(size=1)
    await s.commit()
    raw.set('{both}user:city:x:idx', 'no set')
    before = data(raw)
    user.city, team.size = 'x', 2
    with pytest.raises(rom.CorruptRowError) as raised:
        await s.commit()
    assert raised.value.key == '{both}user:city:x:idx'
    assert data(raw) == before
    raw.delete('{both}user:city:x:idx')
    assert await s.commit() == 2


@told
async def test_a_counter_behind_the_data(s: Any, raw: redis.Redis) -> None:
    BothUser(name='a')
    await s.commit()
    raw.delete('{both}user:id:')
    before = stored_keys(raw)
    for new in ([BothUser(name='b')], [BothUser(name='c'), BothUser(name='d')]):
        raw.delete('{both}user:id:')
        with pytest.raises(rom.DataRaceError):
            await s.save(new)
        s.rollback()
        raw.delete('{both}user:id:')
        assert stored_keys(raw) == before
    raw.set('{both}user:id:', 1)
    assert await s.save(BothUser(name='e')) == 5


def stored_keys(raw: redis.Redis) -> dict[bytes, Any]:
    return {key: value for key, value in dump(raw).items() if b':done:' not in key}


# --- round trips ---------------------------------------------------------------------------------


@told
async def test_round_trips(s: Any, trips: list[Any]) -> None:
    async def cost(of: Any) -> int:
        trips.clear()
        await of
        return len(trips)

    user = BothUser(name='a')
    assert await cost(s.save(user)) == 1
    assert await cost(s.save(user)) == 0
    user.age = 1
    assert await cost(s.save(user)) == 1
    assert await cost(s.get(BothUser, 1)) == 0
    assert await cost(s.get(BothUser, [1])) == 0
    assert await cost(s.get_by(BothUser, name='a')) == 1
    s.rollback()
    assert await cost(s.get(BothUser, 1)) == 1
    s.rollback()
    assert await cost(s.get(BothUser, [1, 2, 3])) == 1
    s.rollback()
    assert await cost(s.get_by(BothUser, name='a')) == 1
    s.rollback()
    assert await cost(s.get_by(BothUser, name=['a', 'b'])) == 1
    user = await s.get(BothUser, 1)
    assert await cost(s.refresh(user)) == 1
    assert await cost(s.delete(user)) == 1
    assert await cost(s.delete(user)) == 0
    assert await cost(s.save([BothTeam(), BothUser(name='x')])) == 2
    assert await cost(s.commit()) == 0
    made = [BothUser(name=f'n{number}') for number in range(1000)]
    assert await cost(s.commit()) == 2
    made[0].age = made[1].age = 7
    made[0].city, made[1].city = 'x', 'y'
    assert await cost(s.commit()) == 1
    assert await cost(s.delete(made)) == 1
    made = [BothUser(name='again'), BothTeam()]
    for entity in made:
        await s.take_ids(entity)
    assert await cost(s.commit()) == 1
    assert await cost(s.get(BothUser, range(5000, 9001))) == 1


@pytest.mark.one_server
@pytest.mark.parametrize('kind', BOTH)
def test_what_goes_over_the_wire(kind: str, server: Server, raw: redis.Redis) -> None:
    """The same, counted by someone else."""
    with Proxy(server.socket) as proxy:
        world = World(kind, proxy.socket)

        async def story() -> None:
            async with world.session() as s:
                await s.save(BothUser(name='warm'), BothTeam())
                assert await s.get_by(BothUser, name='nobody') is None
                proxy.requests.clear()
                await s.save(BothUser(name='a'))
                assert proxy.requests == {'EVALSHA': 1}
                await s.get_by(BothUser, name='b')
                assert proxy.requests == {'EVALSHA': 1, 'FCALL_RO': 1}
                s.rollback()
                await s.get(BothUser, 1)
                assert proxy.requests == {'EVALSHA': 1, 'FCALL_RO': 1, 'HMGET': 1}
                for number in range(1000):
                    BothUser(name=f'n{number}')
                await s.commit()
                assert proxy.requests == {'EVALSHA': 3, 'FCALL_RO': 1, 'HMGET': 1}

        world.run(story())
    assert_consistent(raw, *MODELS)


@told
async def test_a_server_that_has_forgotten_the_scripts(
    s: Any, raw: redis.Redis, world: World
) -> None:
    for number in range(3):
        raw.script_flush()
        await s.save(BothUser(name=f'{number}'), BothTeam())
        raw.script_flush()
        await s.save(BothUser(name=f'single {number}'))
        raw.script_flush()
        assert await s.get_by(BothUser, name=f'{number}')
        raw.script_flush()
        assert len(await s.get(BothUser, range(1, 3000))) == 2 * number + 2
        s.rollback()


# --- no server -----------------------------------------------------------------------------------


@pytest.mark.parametrize('kind', BOTH)
def test_no_server(kind: str) -> None:
    world = World(kind, '/nowhere/socket')

    async def story() -> None:
        async with world.session() as s:
            user = BothUser(name='a')
            for call in (
                s.commit,
                lambda: s.get(BothUser, 1),
                lambda: s.get_by(BothUser, name='a'),
                lambda: s.take_ids(user),
            ):
                with pytest.raises(rom.ServerUnavailable) as raised:
                    await call()
                assert isinstance(raised.value, ConnectionError)
                assert raised.value.__cause__ is None
                assert raised.value.__suppress_context__

    world.run(story())


@told
async def test_a_server_that_is_full(s: Any, raw: redis.Redis, world: World) -> None:
    user = BothUser(name='a')
    await s.commit()
    before = dump(raw)
    raw.config_set('maxmemory-policy', 'noeviction')
    raw.config_set('maxmemory', 1)
    try:
        user.age = 5
        for new in ([], [BothTeam()], [BothTeam(), BothUser(name='b')]):
            with pytest.raises(rom.ServerError):
                await s.save(user, new)
            with pytest.raises(rom.ServerError):
                await s.commit()
        assert (await s.get(BothUser, 1)) is user
    finally:
        raw.config_set('maxmemory', 0)
    assert dump(raw) == before
    assert await s.commit() == 1 + 2 * 3 + 5


def test_the_facade_covers_what_waits() -> None:
    assert set(WAITING) == {
        name for name in NAMES if inspect.iscoroutinefunction(getattr(rom.AsyncSession, name))
    }
    assert SYNC in BOTH
