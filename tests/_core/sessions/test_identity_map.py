"""The identity map: one row, one object; held strongly, then weakly, then not at all."""

import gc
import weakref
from collections.abc import Iterator

import pytest
import redis

import rom
from tests.support.implied import assert_consistent, rows_of
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


class KnownUser(rom.Model):
    _namespace = 'known'
    name = rom.Text(unique=True)
    age = rom.Integer(index=True)
    tags = rom.Json()


class KnownPet(rom.Model):
    name = rom.Text()


@pytest.fixture
def s(server: Server) -> Iterator[rom.Session]:
    """A session, the current one; at the end everything in the database is as it should be."""
    client, raw = server.connect(), server.connect()
    with client, raw, rom.Session(client) as session:
        yield session
        assert_consistent(raw, KnownUser, KnownPet)


@pytest.fixture
def ann(s: rom.Session) -> KnownUser:
    user = KnownUser(name='Ann', age=1, tags={})
    s.commit()
    return user


def ids_stored(raw: redis.Redis, model: type[rom.Model]) -> list[int]:
    return sorted(rows_of(model, assert_consistent(raw, KnownUser, KnownPet)))


# --- one row, one object -------------------------------------------------------------------------


def test_every_way_to_an_entity_leads_to_the_same_object(s: rom.Session, ann: KnownUser) -> None:
    assert s.get(KnownUser, ann.id) is ann
    assert s.get(KnownUser, str(ann.id)) is ann
    assert s.get(KnownUser, [ann.id, ann.id]) == [ann, ann]
    assert s.get_by(KnownUser, name='Ann') is ann
    assert s.get_by(KnownUser, name=['Ann', 'no one']) == [ann]
    assert KnownUser.get(ann.id) is ann
    assert KnownUser.get_by(name='Ann') is ann
    assert s.get(ann._pk) is ann
    assert s.get('known:17') is None


def test_what_was_set_survives_a_second_load(s: rom.Session, ann: KnownUser) -> None:
    ann.age = 7
    assert s.get_by(KnownUser, name='Ann').age == 7


def test_entities_of_two_models_with_one_id(s: rom.Session, ann: KnownUser) -> None:
    pet = KnownPet(name='Rex')
    s.commit()
    assert pet.id == ann.id
    assert s.get(KnownPet, pet.id) is pet
    assert s.get(KnownUser, ann.id) is ann


def test_another_session_has_other_objects(s: rom.Session, ann: KnownUser, server: Server) -> None:
    with server.connect() as client, rom.Session(client) as other:
        theirs = other.get(KnownUser, ann.id)
        assert theirs is not None
        assert theirs is not ann
        assert other.get(KnownUser, ann.id) is theirs
    assert s.get(KnownUser, ann.id) is ann


# --- strong and weak -----------------------------------------------------------------------------


def test_a_new_entity_is_held(s: rom.Session, raw: redis.Redis) -> None:
    KnownUser(name='Bob')
    gc.collect()
    assert s.commit() == 4
    assert ids_stored(raw, KnownUser) == [1]


def test_known_and_wknown(s: rom.Session) -> None:
    user = KnownUser(name='Bob')
    assert (dict(s.known), dict(s.wknown)) == ({}, {})  # it has no key yet
    s.flush()
    assert dict(s.known) == dict(s.wknown) == {'known:1': user}
    s.commit()
    assert dict(s.known) == {}
    assert dict(s.wknown) == {'known:1': user}


def test_another_one_of_the_same_row(s: rom.Session, ann: KnownUser) -> None:
    with rom.Session(s._connection) as other:
        twin = other.get(KnownUser, ann.id)
        assert twin is not None
        s.add(twin)
    assert s.get(KnownUser, ann.id) is s.wknown[twin._pk] is twin
    s.forget(twin)
    assert s.get('known:1') is None
    assert (dict(s.known), dict(s.wknown)) == ({}, {})


def test_one_that_counts_as_false(
    s: rom.Session, ann: KnownUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KnownUser, '__bool__', lambda user: False, raising=False)
    assert s.get(KnownUser, ann.id) is ann
    ann.age = 2
    s.flush()
    assert s.get(KnownUser, ann.id) is ann


def test_what_was_loaded_is_held_until_the_commit(s: rom.Session, ann: KnownUser) -> None:
    s.rollback()
    seen = weakref.ref(s.get(KnownUser, ann.id))
    gc.collect()
    assert s.get(KnownUser, ann.id) is seen()
    s.commit()
    gc.collect()
    assert seen() is None
    assert list(s.wknown) == []
    again = s.get(KnownUser, ann.id)
    assert again is not None
    assert again.name == 'Ann'


def test_a_flush_lets_nothing_go(s: rom.Session) -> None:
    seen = weakref.ref(KnownUser(name='Bob'))
    s.flush()
    gc.collect()
    assert seen() is not None
    s.commit()
    gc.collect()
    assert seen() is None


def test_a_change_is_held_again(s: rom.Session, raw: redis.Redis) -> None:
    user = KnownUser(name='Bob', age=1)
    s.commit()
    user.age = 2
    assert dict(s.known) == {'known:1': user}
    del user
    gc.collect()
    s.commit()
    assert raw.hget('known:1', 'age') == b'2'


@pytest.mark.parametrize('leave', ['commit', 'flush', 'rollback', 'forget', 'other', 'stream'])
def test_what_is_set_again_is_written_again(
    s: rom.Session, ann: KnownUser, server: Server, raw: redis.Redis, leave: str
) -> None:
    """However an entity was let go of since it was set, the next assignment is for the session."""

    def elsewhere() -> None:
        with server.connect() as client, rom.Session(client) as other:
            ann.name = 'elsewhere'
            other.commit()

    ways = {
        'forget': lambda: s.forget(ann),
        'other': elsewhere,
        'stream': lambda: [user.age for user in KnownUser.query.iter_result(pagesize=1)],
    }
    for n in range(3):
        ann.age = 10 + n
        ann.name = f'name {n}'
        if leave == 'stream':
            s.commit()
        ways.get(leave, lambda: getattr(s, leave)())()
        ann.age = 20 + n
        ann.name = f'last {n}'
        assert s.commit() > 0
        assert raw.hmget(ann._pk, 'age', 'name') == [b'%d' % (20 + n), b'last %d' % n]


def test_a_change_in_place_is_found_while_the_program_has_the_entity(
    s: rom.Session, ann: KnownUser, raw: redis.Redis
) -> None:
    assert dict(s.known) == {}
    ann.tags['a'] = 1
    assert s.commit() == 1
    assert raw.hget('known:1', 'tags') == b'{"a": 1}'


def test_a_commit_that_fails_lets_nothing_go(s: rom.Session, ann: KnownUser) -> None:
    KnownUser(name='Ann', age=5)
    ann.age = 6
    for _ in range(2):
        with pytest.raises(rom.UniqueKeyViolation):
            s.commit()
        gc.collect()
    assert dict(s.known) == {'known:1': ann, 'known:2': s.get('known:2')}
    other = s.get('known:2')
    assert isinstance(other, KnownUser)
    other.name = 'Bob'
    assert s.commit() == 5


# --- forget, rollback, delete -------------------------------------------------------------------


def test_forget(s: rom.Session, ann: KnownUser, raw: redis.Redis) -> None:
    ann.age = 9
    new = KnownUser(name='Bob')
    s.forget(ann)
    s.forget(new)
    assert s.commit() == 0
    assert raw.hget('known:1', 'age') == b'1'
    assert ids_stored(raw, KnownUser) == [1]
    again = s.get(KnownUser, 1)
    assert again is not None
    assert again is not ann
    assert again.age == 1
    s.forget(ann)  # again, and of no effect on the one that is known now
    assert s.get(KnownUser, 1) is again


def test_what_was_forgotten_can_be_saved_all_the_same(
    s: rom.Session, ann: KnownUser, raw: redis.Redis
) -> None:
    s.forget(ann)
    ann.age = 9
    assert ann.save() == 1
    assert raw.hget('known:1', 'age') == b'9'
    assert s.get(KnownUser, 1) is ann


def test_add(s: rom.Session, ann: KnownUser) -> None:
    ann.age = 9
    s.forget(ann)
    s.add(ann)
    assert s.get(KnownUser, 1) is ann
    assert s.commit() == 1


def test_rollback(s: rom.Session, ann: KnownUser, raw: redis.Redis) -> None:
    ann.age = 9
    KnownUser(name='Bob')
    with_id = KnownUser(name='Cy')
    assert with_id.id == 3
    s.rollback()
    assert (dict(s.known), dict(s.wknown)) == ({}, {})
    assert s.commit(all=True, full=True) == 0
    assert raw.hgetall('known:1') == {b'id': b'1', b'name': b'Ann', b'age': b'1', b'tags': b'{}'}
    assert ids_stored(raw, KnownUser) == [1]
    again = s.get(KnownUser, 1)
    assert again is not None
    assert again.age == 1


def test_leaving_a_session_forgets(server: Server, raw: redis.Redis) -> None:
    with server.connect() as client:
        with rom.Session(client) as inner:
            KnownUser(name='Bob')
        assert inner.commit() == 0
        assert ids_stored(raw, KnownUser) == []


def test_delete(s: rom.Session, ann: KnownUser) -> None:
    ann.age = 9
    ann.delete()
    assert ann._deleted
    assert s.get('known:1') is None
    assert s.get(KnownUser, 1) is None
    assert s.commit() == 0
    ann.delete()  # once more is no error
    with pytest.raises(rom.EntityDeletedError):
        ann.save()
    ann.age = 10
    with pytest.raises(rom.EntityDeletedError):
        s.commit()
    assert ann.save(force=True) == 4
    assert s.get(KnownUser, 1) is ann
    assert s.commit() == 0


def test_refresh_is_of_the_same_object(s: rom.Session, ann: KnownUser, server: Server) -> None:
    with server.connect() as client, rom.Session(client) as other:
        theirs = other.get(KnownUser, 1)
        assert theirs is not None
        theirs.age = 30
        other.commit()
    assert ann.age == 1
    ann.refresh()
    assert ann.age == 30
    assert s.get(KnownUser, 1) is ann


@pytest.mark.parametrize('thing', [None, 1, 'known:1', KnownUser, object()])
def test_what_is_no_entity(s: rom.Session, thing: object) -> None:
    for method in (s.add, s.forget, s.save, s.delete, s.refresh):
        with pytest.raises(rom.ORMError):
            method(thing)  # type: ignore[operator]


# --- ids -----------------------------------------------------------------------------------------


def test_ids_are_in_the_order_of_creation(s: rom.Session) -> None:
    users = [KnownUser(name=str(number)) for number in range(5)]
    s.save(users[3], users[1])
    s.save(users[4])
    s.commit()
    assert [user.id for user in users] == [1, 2, 3, 4, 5]


def test_reading_an_id_takes_those_of_the_older_ones(s: rom.Session, raw: redis.Redis) -> None:
    users = [KnownUser(name=str(number)) for number in range(4)]
    pet = KnownPet(name='Rex')
    assert users[2].id == 3
    assert [user._id for user in users] == [1, 2, 3, None]
    assert pet._id is None
    assert ids_stored(raw, KnownUser) == []
    assert users[2]._pk == 'known:3'
    assert s.commit() == 4 * 4 + 2
    assert ids_stored(raw, KnownUser) == [1, 2, 3, 4]


def test_what_is_saved_alone_goes_without_its_elders(s: rom.Session, raw: redis.Redis) -> None:
    older, newer = KnownUser(name='a'), KnownUser(name='b')
    newer.save()
    assert ids_stored(raw, KnownUser) == [2]
    assert older._new
    older.save()
    assert ids_stored(raw, KnownUser) == [1, 2]


def test_the_order_over_several_models(s: rom.Session) -> None:
    made = [model(name=f'{number}') for number in range(3) for model in (KnownUser, KnownPet)]
    s.commit()
    assert [entity.id for entity in made] == [1, 1, 2, 2, 3, 3]


def test_each_is_written_once(s: rom.Session, raw: redis.Redis) -> None:
    user = KnownUser(name='a')
    assert s.save(user, user, [user, (user,)], {user}) == 4
    assert ids_stored(raw, KnownUser) == [1]
    s.delete(user, [user])
    assert ids_stored(raw, KnownUser) == []


# --- from one session to another ----------------------------------------------------------------


def test_an_entity_belongs_to_the_session_that_saves_it(
    s: rom.Session, server: Server, raw: redis.Redis
) -> None:
    user, older = KnownUser(name='a'), KnownUser(name='b')
    with server.connect() as client, rom.Session(client) as other:
        other.save(user)
        assert other.get(KnownUser, user.id) is user
        assert s.commit() == 4  # the other one
        user.age = 5
        assert s.commit() == 0
        assert other.commit() == 1
    assert ids_stored(raw, KnownUser) == sorted([user.id, older.id])
    seen = weakref.ref(user)
    del user, older
    gc.collect()
    assert seen() is None


def test_add_takes_it_from_the_other_session(s: rom.Session, server: Server) -> None:
    user = KnownUser(name='a')
    with server.connect() as client, rom.Session(client) as other:
        other.add(user)
        assert s.commit() == 0
        assert other.commit() == 4
