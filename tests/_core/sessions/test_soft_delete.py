"""Soft deletes under both sessions: what stays, what is found, and what is free again."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import redis

import rom
from tests.support.servers import dump
from tests.support.worlds import World


class SoftTeam(rom.Model):
    _namespace = '{soft}team'
    _soft_delete = 'deleted_at'
    name = rom.Text(unique=True)
    deleted_at = rom.DateTime(index=True)
    users = rom.OneToMany('SoftUser')


class SoftUser(rom.Model):
    _namespace = '{soft}user'
    _soft_delete = 'left'
    name = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    email = rom.Text(unique=True)
    city = rom.Text()
    age = rom.Integer(index=True)
    left = rom.DateTime(index=True, tz=True)
    team = rom.ManyToOne('SoftTeam', on_delete='cascade')
    boss = rom.ManyToOne('SoftUser', on_delete='restrict')
    unique_together = [('city', 'name')]


class SoftNote(rom.Model):
    _namespace = '{soft}note'
    user = rom.ManyToOne('SoftUser', on_delete='cascade')


class SoftLogin(rom.Model):
    _soft_delete = 'deleted_at'
    deleted_at = rom.DateTime(index=True)
    n = rom.Integer(index=True)
    until = rom.ExpireAt()


Q = SoftUser.query
BESIDE = (b'{soft}user:id:', b'{soft}user::')


def entries(raw: redis.Redis) -> dict[Any, Any]:
    """All rows, index entries and unique values."""
    return {key: value for key, value in dump(raw).items() if not key.startswith(BESIDE)}


async def fill(s: Any) -> list[SoftUser]:
    users = [SoftUser(name=f'n{n}', email=f'{n}@a', city='x', age=n) for n in range(1, 7)]
    await s.save(users)
    return users


def test_a_deleted_entity_is_not_found(world: World, trips: list[Any]) -> None:
    async def story() -> None:
        async with world.session() as s:
            users = await fill(s)
            trips.clear()
            await s.delete(users[0], users[3])
            searches = 3  # for references by two relations, of two models
            assert len(trips) <= searches + 1
            assert await s.all(Q.filter(id=users[0].id)) == []
            assert await s.get(SoftUser, users[0].id) is None
            assert await s.get(SoftUser, [user.id for user in users]) == [
                users[1], users[2], users[4], users[5],
            ]  # fmt: skip
            assert await s.get_by(SoftUser, email='1@a') is None
            assert await s.get_by(SoftUser, name='n4') == []
            for query in (Q, Q.filter(age=(1, 9)), Q.order_by('-age'), Q.startswith(name='n')):
                assert (await s.count(query), len(await s.all(query))) == (4, 4)
            assert await s.facets(Q, 'name') == dict.fromkeys(('n2', 'n3', 'n5', 'n6'), 1)
            assert await s.histogram(Q, 'age', [0, 3, None]) == [1, 3]
            assert await s.sum(Q, 'age') == 16
            assert (await s.min(Q, 'age'), await s.exists(Q.filter(age=4))) == (2, False)
            assert [user.age async for user in s.stream(Q.order_by('age'))] == [2, 3, 5, 6]
            page = await s.page(Q.order_by('age'), 3)
            assert [user.age for user in page] == [2, 3, 5]
            assert await s.update_all(Q.filter(age=(1, None)), city='y') == 4
            gone = Q.only_deleted().order_by('age')
            assert [user.age for user in await s.all(gone)] == [1, 4]
            assert [user.city for user in await s.all(gone)] == ['x', 'x']
            assert await s.count(gone) == 2
            assert (
                await s.count(Q.with_deleted())
                == await s.count(Q.with_deleted().filter(age=(1, 9)))
                == 6
            )
            assert await s.delete_all(Q.filter(age=2)) == 1
            assert await s.count(Q) == 3

    world.run(story())


def test_times_and_entities(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            users = await fill(s)
            before = dt.datetime.now(dt.UTC)
            await s.delete(users[0], users[1])
            assert users[0].left == users[1].left and users[0].left is not None
            assert before <= users[0].left <= dt.datetime.now(dt.UTC)
            with pytest.raises(rom.EntityDeletedError):
                users[0].age = 50
                await s.save(users[0])
            s.rollback()
            [again] = await s.all(Q.with_deleted().filter(age=1))
            assert again.left == users[0].left
            await s.delete(again)  # once more changes nothing
            await s.refresh(again)
            assert again.left == users[0].left
            assert await s.get(SoftUser, again.id) is None

    world.run(story())


def test_unique_values_are_free(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            users = await fill(s)
            await s.delete(users[0])
            await s.restore(users[0])
            assert await s.get_by(SoftUser, email='1@a') is users[0]
            assert users[0].left is None
            users[0].age = 11
            await s.save(users[0])
            await s.delete(users[0])
            other = SoftUser(email='1@a', name='n1', city='x')
            await s.save(other)
            with pytest.raises(rom.UniqueKeyViolation, match='1@a'):
                await s.restore(users[0])
            assert users[0].left is not None
            assert await s.count(Q.only_deleted()) == 1
            assert await s.get_by(SoftUser, email='1@a') is other
            s.rollback()
            [gone] = await s.all(Q.only_deleted())
            with pytest.raises(rom.UniqueKeyViolation):
                await s.restore(gone)
            # A change of the deleted row takes nothing from the new holder.
            gone.city = 'z'
            await s.save(gone)
            assert (await s.get_by(SoftUser, email='1@a')).id == other.id
            await s.delete(await s.get(SoftUser, other.id))
            await s.restore(gone)
            assert await s.get_by(SoftUser, email='1@a') is gone
            with pytest.raises(rom.InvalidOperation, match='not soft-deleted'):
                await s.restore(gone)

    world.run(story())


def test_relations(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            team = SoftTeam(name='t')
            users = [SoftUser(name=f'n{n}', age=n, team=team) for n in range(3)]
            notes = [SoftNote(user=user) for user in users]
            await s.save(team, *users, *notes)
            await s.delete(users[2])
            await s.load(team, 'users')
            assert {user.age for user in team.users} == {0, 1}
            first = users[2].left
            await s.delete(team)
            # The users are soft-deleted, too; their notes have no such column.
            assert await s.count(Q) == 0
            assert await s.count(SoftNote.query) == 0
            s.rollback()
            gone = await s.all(Q.only_deleted().order_by('age'))
            assert [user.left == first for user in gone] == [False, False, True]
            await s.load(gone, 'team')
            assert [user.team for user in gone] == [None] * 3
            [team] = await s.all(SoftTeam.query.only_deleted())
            assert team.deleted_at.replace(tzinfo=dt.UTC) == gone[0].left
            await s.restore(team, gone[:2])
            s.rollback()
            team = await s.get_by(SoftTeam, name='t')
            await s.load(team, 'users')
            assert {user.age for user in team.users} == {0, 1}

    world.run(story())


def test_restrict(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            boss = SoftUser(name='boss')
            user = SoftUser(name='user', boss=boss)
            await s.save(boss, user)
            with pytest.raises(rom.RestrictError):
                await s.delete(boss)
            assert (boss.left, await s.count(Q)) == (None, 2)
            await s.delete(user)
            await s.delete(boss)  # a deleted entity forbids no soft delete
            assert await s.count(Q.only_deleted()) == 2
            with pytest.raises(rom.RestrictError):
                await s.delete_all(Q.only_deleted().filter(name='boss'), hard=True)

    world.run(story())


def test_hard_deletes(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            users = await fill(s)
            await s.delete(users[0], hard=True)
            await s.delete(users[1])
            assert await s.count(Q.with_deleted()) == 5
            await s.delete(users[1], hard=True)
            assert await s.count(Q.with_deleted()) == 4
            with pytest.raises(rom.InvalidOperation, match='not soft-deleted'):
                await s.restore(users[1])
            assert await s.delete_all(Q.filter(age=3)) == 1
            assert await s.delete_all(Q.only_deleted(), hard=True) == 1
            assert await s.delete_all(Q, hard=True) == 3

    world.run(story())
    rows_and_entries = {k for k in raw.keys('{soft}user:*') if not k.startswith(BESIDE)}
    assert not rows_and_entries


@pytest.mark.one_server
def test_expiry_beside_soft_deletes(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            past = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
            logins = [SoftLogin(n=n, until=past if n == 2 else None) for n in range(4)]
            await s.save(logins)
            await s.delete(logins[0])
            query = SoftLogin.query
            for found in (query, query.filter(n=(0, 9))):
                assert sorted([login.n for login in await s.all(found)]) == [1, 3]
                assert await s.count(found) == 2
            assert await s.count(query.with_deleted()) == 3
            assert await s.count(query.with_expired()) == 3
            assert await s.count(query.with_deleted().with_expired()) == 4
            assert await s.expire(SoftLogin) == 1
            assert await s.count(query.with_deleted().with_expired()) == 3

    world.run(story())


@pytest.mark.one_server
def test_entities_have_the_methods(client: redis.Redis) -> None:
    rom.util.CONNECTION = client
    user = SoftUser(name='a', email='e')
    user.save()
    user.delete()
    assert Q.count() == 0 and SoftUser.get(user.id) is None
    assert repr(Q.only_deleted()) == ('SoftUser.query.with_deleted().filter(left=(None, None))')
    user.restore()
    assert Q.get() is user
    user.delete()
    assert Q.only_deleted().delete(hard=True) == 1
    assert Q.with_deleted().count() == 0
    for query in (Q.filter(email='e'), Q.where(~(SoftUser.email == 'e'))):
        with pytest.raises(rom.QueryError, match='email has no index, and the unique values'):
            query.with_deleted()
    with pytest.raises(rom.QueryError, match='email has no index'):
        Q.only_deleted().filter(email='e')
    with pytest.raises(rom.QueryError, match='has no _soft_delete'):
        SoftNote.query.only_deleted()


@pytest.mark.one_server
def test_maintenance_knows_deleted_rows(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    users = [SoftUser(name=f'n{n}', email=f'{n}@a', city='x') for n in range(5)]
    rom.session.commit()
    rom.session.delete(users[:2])
    SoftUser(name='n0', email='0@a', city='x').save()
    before = entries(raw)
    assert list(rom.maintenance.check(SoftUser)) == []
    for _ in rom.util.refresh_indices(SoftUser):
        pass
    assert entries(raw) == before
    rom.session.rollback()
    text = b''.join(block.text for block in rom.jsonl.dump(SoftUser))
    raw.flushdb()
    rom.session.rollback()
    list(rom.jsonl.load(text.splitlines(keepends=True), SoftUser))
    assert entries(raw) == before
    rom.session.rollback()
    # A row that was deleted before the model had _soft_delete holds its unique values.
    raw.hset('{soft}user:email:uidx', mapping={'1@a': 2})
    assert [found.kind for found in rom.maintenance.check(SoftUser)] == ['unique']
    for _ in rom.maintenance.reindex(SoftUser):
        pass
    assert entries(raw) == before
    raw.delete('{soft}user:email:uidx')
    for _ in rom.util.refresh_indices(SoftUser):
        pass
    assert entries(raw) == before


def test_errors_name_the_way_back(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            team, gone = SoftTeam(name='a'), SoftTeam(name='b')
            user, note = SoftUser(name='u', team=team), SoftNote()
            await s.commit()
            await s.delete([team, gone])
            assert user._is_soft_deleted  # by the cascade
            for change in (
                lambda: setattr(note, 'user', user),
                lambda: SoftUser(name='v', team=gone),
            ):
                with pytest.raises(rom.InvalidColumnValue, match=r'deleted; restore\(\) brings'):
                    change()
            s.rollback()
            gone.name = 'c'
            with pytest.raises(rom.EntityDeletedError, match=r'deleted; restore\(\) brings'):
                await s.save(gone)
            await s.restore(gone)
            assert await s.get_by(SoftTeam, name='c') is gone
            await s.delete(gone, hard=True)
            with pytest.raises(rom.EntityDeletedError, match=r'deleted; save\(force=True\)'):
                await s.save(gone, full=True)

    world.run(story())
