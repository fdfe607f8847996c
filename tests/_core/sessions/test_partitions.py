"""Sessions over partitions: ids, trips, what a commit can hold, and what follows a delete."""

import copy
import datetime as dt
import pickle
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.requests import Pipeline
from tests.support.implied import assert_consistent
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.stories import both
from tests.support.worlds import BOTH, World

pytestmark = pytest.mark.one_server
SHARDS = rom.Shards('parts', 7)


class PartUser(rom.Model):
    _shards, _shard_by = SHARDS, 'tenant'
    tenant = rom.Integer(index=True)
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    code = rom.Text()
    expire_at = rom.ExpireAt()
    orders = rom.OneToMany('PartOrder')
    unique_together = [('tenant', 'code')]


class PartOrder(rom.Model):
    _shards, _shard_with = SHARDS, 'user'
    user = rom.ManyToOne('PartUser', on_delete='cascade')
    price = rom.Integer(index=True)


class PartNote(rom.Model):
    _shards, _soft_delete = SHARDS, 'gone'
    text = rom.Text(index=True, keygen=rom.IDENTITY)
    about = rom.ManyToOne('PartUser', on_delete='no action')
    gone = rom.DateTime(index=True)


class PartReview(rom.Model):
    _shards = SHARDS
    user = rom.ManyToOne('PartUser', on_delete='restrict')


class PartOwner(rom.Model):
    _shards = SHARDS
    pets = rom.OneToMany('PartPet')


class PartPet(rom.Model):
    owner = rom.ManyToOne('PartOwner', on_delete='cascade', required=True)


class PartOutside(rom.Model):
    user = rom.ManyToOne('PartUser', on_delete='set null')


class PartStray(rom.Model):
    _shards, _shard_with = SHARDS, 'outside'
    outside = rom.ManyToOne('PartOutside', on_delete='no action')


ALL = (PartUser, PartOrder, PartNote, PartReview)


async def warm(s: Any, trips: list[Any]) -> None:
    """Let the session compare the declaration, which takes a trip of its own once."""
    await s.commit()
    for model in ALL:
        await s.count(model.query)  # also reads the fingerprints
    await s.save(PartNote())
    trips.clear()


@both(*ALL)
async def test_a_user_and_its_orders_are_one_commit(s: Any, trips: list[Any]) -> None:
    await warm(s, trips)
    ann = PartUser(tenant=3, name='Ann')
    orders = [PartOrder(user=ann, price=price) for price in (5, 6)]
    await s.commit()
    assert [type(one).__name__ for one in trips] == ['Pipeline', 'Script']
    places = {SHARDS.partition_of(entity.id) for entity in (ann, *orders)}
    assert places == {SHARDS.partition_of(ann.id)} and ann.id >= 1
    trips.clear()
    ann.name, orders[0].price = 'Anna', 7
    await s.commit()
    assert len(trips) == 1
    s.rollback()
    trips.clear()
    ann = await s.get(PartUser, ann.id)
    assert ann.name == 'Anna' and ann.id in {one.id for one in [ann]}
    found = await s.all(PartOrder.query.filter(user=ann))
    assert sorted(order.price for order in found) == [6, 7]
    assert {order.user for order in found} == {ann}
    found = await s.all(PartOrder.query.filter(user=ann.id, price=7))
    assert len(trips) == 3
    assert all(not isinstance(trip, Pipeline) for trip in trips)  # each asked one partition
    await s.load([ann], 'orders')


@both(*ALL)
async def test_new_rows_without_a_place_share_one(s: Any, trips: list[Any]) -> None:
    await warm(s, trips)
    met = set()
    for _ in range(7):
        notes = [PartNote(text=f'{number}') for number in range(3)]
        await s.commit()
        [place] = {SHARDS.partition_of(note.id) for note in notes}
        met.add(place)
    assert met == set(range(7))
    trips.clear()
    await s.save(PartNote(text='alone'))
    assert len(trips) == 1
    ann = PartUser(tenant=1)
    note = PartNote(text='with Ann', about=ann)
    await s.commit()
    assert SHARDS.partition_of(note.id) == SHARDS.partition_of(ann.id)


@both(*ALL)
async def test_equal_values_decide_equally(s: Any) -> None:
    users = [PartUser(tenant=tenant) for tenant in (1, 2, 1, 2)]
    for user in users:
        await s.save(user)
    places = [SHARDS.partition_of(user.id) for user in users]
    assert places[:2] == places[2:]
    assert len({user.id for user in users}) == 4


@both(*ALL)
async def test_many_ids_in_one_trip_and_in_order(s: Any, trips: list[Any]) -> None:
    await warm(s, trips)
    ids = []
    for tenant in range(9):
        user = PartUser(tenant=tenant, name=f'{tenant}')
        await s.save(user)
        ids.append(user.id)
    s.rollback()
    trips.clear()
    wanted = [*ids[::-1], 999_999, ids[0], 0]
    found = await s.get(PartUser, wanted)
    assert [user.id for user in found] == [*ids[::-1], ids[0]]
    assert len(trips) == 1
    assert await s.get(PartUser, 0) is None
    assert await s.get(PartUser, 10**18) is None
    assert await s.get(PartUser, ids[3]) is found[5]


@both(*ALL)
async def test_the_place_of_a_row_is_for_life(s: Any) -> None:
    ann = PartUser(tenant=1, name='Ann')
    await s.commit()
    ann.tenant = 2
    with pytest.raises(rom.InvalidColumnValue, match=r'cannot change from .1. to .2.'):
        await s.commit()
    ann.tenant = 1
    ann.name = 'Anna'
    assert await s.commit() == 1
    assert await s.save(ann, full=True)
    with pytest.raises(rom.QueryError, match='tenant decides the partition'):
        await s.update_all(PartUser.query, tenant=2)
    with pytest.raises(rom.InvalidColumnValue, match=r'PartUser\.tenant: a new PartUser needs'):
        await s.save(PartUser(name='nowhere'))
    with pytest.raises(rom.InvalidColumnValue, match=r'PartOrder\.user: a new PartOrder needs'):
        await s.save(PartOrder(price=1))
    s.rollback()
    order = PartOrder(user=ann, price=1)
    bob = PartUser(tenant=next(t for t in range(2, 99) if place_by(t) != place_by(1)))
    await s.save(order)
    await s.save(bob)
    order.user = bob
    with pytest.raises(rom.InvalidColumnValue, match='it decides the partition'):
        await s.save(order)
    s.rollback()


def place_by(tenant: int) -> int:
    placement = PartUser._schema.placement
    assert placement is not None
    return placement.number_by(PartUser._columns['tenant'], b'%d' % tenant)


@both(*ALL)
async def test_commits_over_partitions(s: Any) -> None:
    users = [PartUser(tenant=tenant) for tenant in range(1, 9)]
    await s.commit()
    numbers = {PartUser._shards.partition_of(user.id) for user in users}
    assert len(numbers) > 1 and await s.count(PartUser.query) == 8
    notes = [PartNote(text='one') for _ in range(3)]
    for note in notes:
        await s.save(note)
    await s.delete(notes, hard=True)
    assert await s.count(PartNote.query) == 0


@both(*ALL)
async def test_deletes_cascade_in_the_partition(s: Any) -> None:
    for tenant in range(5):
        user = PartUser(tenant=tenant)
        PartOrder(user=user, price=tenant)
        PartOrder(user=user, price=tenant)
        await s.commit()
    with pytest.raises(rom.InvalidOperation, match=r"PartReview\.user has on_delete='restrict'"):
        await s.delete(user)
    column: Any = PartReview._columns['user']
    column.on_delete = 'no action'
    try:
        await s.delete(user)
        assert await s.count(PartOrder.query) == 8
        assert await s.delete_all(PartUser.query.filter(tenant=(1, None)), blocksize=2) == 3
        assert [order.price for order in await s.all(PartOrder.query)] == [0, 0]
    finally:
        column.on_delete = 'restrict'


@both(PartOwner, PartPet)
async def test_a_required_relation_from_another_group_forbids_the_delete(s: Any) -> None:
    owner = PartOwner()
    await s.save(owner)
    await s.save(PartPet(owner=owner))
    remedy = (
        r"PartPet\.owner has required=True.* same rom\.Shards and declare _shard_with = 'owner'"
    )
    with pytest.raises(rom.InvalidOperation, match=remedy):
        await s.delete(owner)
    with pytest.raises(rom.InvalidOperation, match=remedy):
        await s.delete_all(PartOwner.query, blocksize=2)
    assert await s.count(PartOwner.query) == await s.count(PartPet.query) == 1


@both(*ALL)
async def test_values_that_are_unique_in_a_partition(s: Any) -> None:
    ann, created = await s.get_or_create(PartUser, {'name': 'Ann'}, tenant=1, code='a')
    assert created
    again, created = await s.upsert(PartUser, {'name': 'Anna'}, tenant=1, code='a')
    assert again is ann and not created and ann.name == 'Anna'
    await s.save(PartUser(tenant=2, code='a'))
    with pytest.raises(rom.UniqueKeyViolation) as caught:
        await s.save(PartUser(tenant=1, code='a'))
    assert caught.value.holder == ann.id and caught.value.namespace == PartUser._namespace
    assert f'belongs to {PartUser._namespace}:{ann.id} already' in str(caught.value)
    s.rollback()


@both(*ALL)
async def test_conflicts_name_the_row_as_programs_know_it(s: Any, world: Any) -> None:
    ann = PartUser(tenant=4, name='Ann')
    await s.commit()
    async with world.session() as other:
        same = await other.get(PartUser, ann.id)
        same.name = 'Anna'
        await other.commit()
    ann.name = 'Anne'
    with pytest.raises(rom.DataRaceError, match=f'PartUser {ann.id}:') as caught:
        await s.commit()
    assert caught.value.id == ann.id and caught.value.namespace == PartUser._namespace
    await s.refresh(ann, force=True)
    assert ann.name == 'Anna'
    async with world.session() as other:
        await other.delete_all(PartUser.query.with_expired().filter(name='none'))
        PartReview._columns['user'].on_delete = 'no action'  # type: ignore[attr-defined]
        await other.delete(await other.get(PartUser, ann.id))
        PartReview._columns['user'].on_delete = 'restrict'  # type: ignore[attr-defined]
    ann.name = 'late'
    with pytest.raises(rom.EntityDeletedError) as gone:
        await s.save(ann)
    assert gone.value.id == ann.id
    s.rollback()


@both(*ALL)
async def test_updates_of_each_partition(s: Any) -> None:
    users = []
    for tenant in range(12):
        users.append(PartUser(tenant=tenant, name='old'))
        await s.save(users[-1])
    assert await s.update_all(PartUser.query.filter(tenant=(3, None)), name='new') == 9
    assert [user.name for user in users[:5]] == ['old', 'old', 'old', 'new', 'new']
    assert await s.count(PartUser.query.filter(name='new')) == 9
    last = PartUser.query.order_by('-tenant').limit(2)
    assert await s.update_all(last, _blocksize=1, name='last') == 2
    assert {user.tenant for user in users if user.name == 'last'} == {10, 11}


@both(*ALL)
async def test_expiry_and_soft_deletes(s: Any) -> None:
    past = dt.datetime(2020, 1, 1)
    for tenant in range(6):
        await s.save(PartUser(tenant=tenant, expire_at=past if tenant % 2 else None))
        await s.save(PartNote(text='note'))
    assert await s.count(PartUser.query) == 3
    assert await s.count(PartUser.query.with_expired()) == 6
    assert await s.expire(PartUser, on_delete=False) == 3
    assert await s.count(PartUser.query.with_expired()) == 3
    first = await s.first(PartNote.query)
    await s.delete(first)
    assert await s.count(PartNote.query) == 5
    assert await s.count(PartNote.query.only_deleted()) == 1
    await s.restore(first)
    assert await s.count(PartNote.query) == 6


@both(*ALL)
async def test_entities_outside_a_session(s: Any) -> None:
    ann = PartUser(tenant=1, name='Ann')
    await s.commit()
    other = pickle.loads(pickle.dumps(ann))
    assert other.id == ann.id and other._stored == ann._stored
    s.rollback()
    s.add(other)
    other.name = 'Anna'
    await s.commit()
    same = copy.copy(other)
    assert same.id == ann.id and (await s.get(PartUser, ann.id)).name == 'Anna'


@both(*ALL, whole=False)
async def test_a_cached_result_is_one_key_of_any_partition(s: Any, raw: redis.Redis) -> None:
    for tenant in range(9):
        await s.save(PartUser(tenant=tenant, name='Ann'))
    query = PartUser.query.filter(name='Ann').order_by('-tenant')
    keys = [await s.cached_result(query.limit(2, 2), 20) for _ in range(8)]
    assert len({key.partition('}')[0] for key in keys}) > 1
    wanted = await s.ids(query)
    for key in keys:
        assert list(map(int, raw.zrange(key, 0, -1))) == wanted
        assert raw.zscore(key, wanted[-1]) == 8 and 0 < raw.ttl(key) <= 20
    s.rollback()
    page = await s.get(PartUser, raw.zrange(keys[0], 0, 1))
    assert [user.tenant for user in page] == [8, 7]
    none = await s.cached_result(query.filter(name='none'), 20)
    assert not raw.exists(none)


@both(*ALL)
async def test_transfers_in_a_partition_and_between_two(s: Any) -> None:
    ann = PartUser(tenant=1, name='Ann')
    one, two, note = (PartOrder(user=ann, price=price) for price in (5, 6, 0))
    await s.commit()
    await s.transfer(one, two, 'price', 4, note, 'price')
    assert (one.price, two.price, note.price) == (1, 10, 1)
    assert two._stored['id'] == b'%d' % two.id
    s.rollback()
    assert [order.price for order in await s.get(PartOrder, [one.id, two.id])] == [1, 10]
    with pytest.raises(rom.TransferError, match='already sent'):
        await s.transfer(two, one, 'price', 1, await s.get(PartOrder, note.id), 'price')
    bob = PartUser(tenant=next(t for t in range(2, 99) if place_by(t) != place_by(1)))
    far = PartOrder(user=bob, price=1)
    await s.commit()
    fresh = PartOrder(user=ann, price=0)
    await s.commit()
    await s.transfer(two, far, 'price', 3, fresh, 'price')
    assert (two.price, far.price, fresh.price) == (7, 4, 1)
    other = PartOrder(user=ann, price=0)
    await s.commit()
    with pytest.raises(rom.TransferError, match='not enough credit'):
        await s.transfer(far, two, 'price', 30, other, 'price')
    two.price = 9
    assert await s.commit() == 1


def test_the_same_on_a_null_session(raw: redis.Redis, on_client: None) -> None:
    rom.session.null_session = True
    try:
        ann = PartUser(tenant=1, name='Ann')
        ann.save()
        again = PartUser.get(ann.id)
        assert again is not ann and again is not None and again.id == ann.id
        again.name = 'Anna'
        again.save()
        assert [user.name for user in PartUser.query.order_by('id')] == ['Anna']
    finally:
        del rom.session.null_session


@pytest.mark.parametrize('kind', BOTH)
@pytest.mark.parametrize('how', ['cut_before_request', 'cut_after_request'])
def test_a_commit_without_an_answer_is_settled(
    kind: str, how: str, server: Server, raw: redis.Redis
) -> None:
    """The attempt is one of the partition: the next save asks there, and takes over global ids."""
    with Proxy(server.socket) as proxy:
        world = World(kind, proxy.socket)

        async def story() -> None:
            async with world.session() as s:
                await s.save(PartNote(text='warm'))
                ann = PartUser(tenant=3, name='Ann')
                getattr(proxy, how)(Proxy.named('EVALSHA', 'EVAL'))
                with pytest.raises(rom.ServerUnavailable):
                    await s.commit()
                proxy.heal()
                ann.name = 'Anna'
                await s.commit()
                assert ann.id is not None and SHARDS.partition_of(ann.id) == place_by(3)
                ann.name = 'Anne'
                getattr(proxy, how)(Proxy.named('EVALSHA', 'EVAL'))
                with pytest.raises(rom.ServerUnavailable):
                    await s.commit()
                proxy.heal()
                await s.commit()
                s.rollback()
                [same] = await s.all(PartUser.query)
                assert same.id == ann.id and same.name == 'Anne'

        world.run(story())
    assert_consistent(raw, *ALL)


@both(*ALL)
@pytest.mark.parametrize('limit', [None, 30])
async def test_pages_have_what_the_session_wrote_meanwhile(s: Any, limit: int | None) -> None:
    for tenant in range(30):
        await s.save(PartUser(tenant=tenant, name='old', code=f'{tenant}'))
    s.rollback()
    query = PartUser.query.order_by('tenant')
    met = []
    async for user in s.stream(query if limit is None else query.limit(limit), 2):
        met.append((user.tenant, user.name))
        if user.tenant == 1:
            await s.update_all(PartUser.query.filter(tenant=(5, 20)), name='new')
            for other in await s.all(PartUser.query.filter(tenant=(21, 25))):
                other.name = 'own'
            await s.commit()
        user.code += '!'  # its row is known as it is: no DataRaceError
        await s.commit()
        s.rollback()
    names = ['old'] * 5 + ['new'] * 16 + ['own'] * 5 + ['old'] * 4
    assert met == list(enumerate(names))


@both(*ALL, PartOutside, PartStray)
async def test_models_outside_the_group(s: Any) -> None:
    ann = PartUser(tenant=1, name='Ann')
    await s.commit()
    outside = PartOutside(user=ann)
    await s.commit()
    ann.name, outside.user = 'Anna', None
    with pytest.raises(rom.InvalidOperation, match=r'PartOutside is in no group.*one after the'):
        await s.commit()
    s.rollback()
    column: Any = PartReview._columns['user']
    column.on_delete = 'no action'
    try:
        ann = await s.get(PartUser, ann.id)
        with pytest.raises(rom.InvalidOperation, match='A delete also changes the rows that refer'):
            await s.delete(ann)
    finally:
        column.on_delete = 'restrict'
    with pytest.raises(rom.ColumnError, match=r'PartStray\._shard_with: .* PartOutside, which is'):
        await s.save(PartStray(outside=outside.id))
    s.rollback()
    assert (await s.get(PartUser, ann.id)).name == 'Ann' and await s.count(PartStray.query) == 0
