"""Deleting with on_delete, in both sessions: decided, then done in one commit; nothing dangling."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

import rom
from tests.support.implied import assert_consistent, rows_of
from tests.support.proxy import Proxy
from tests.support.servers import Server, data, dump
from tests.support.worlds import BOTH, SYNC, World

NOBODY: list[Any] = []


def nobody() -> Any:
    return NOBODY[0] if NOBODY else None


class DelTarget(rom.Model):
    _namespace = 'del:target'
    name = rom.Text(unique=True)
    up = rom.ManyToOne('DelTarget', 'cascade')
    nodes = rom.OneToMany('DelNode', column='cascade')


class DelNode(rom.Model):
    """One relation of each form."""

    name = rom.Text(unique=True, index=True, prefix=True, keygen=rom.IDENTITY)
    nothing = rom.ManyToOne('DelTarget', 'no action')
    restrict = rom.ManyToOne('DelTarget', 'restrict')
    cascade = rom.ManyToOne('del:target', 'cascade')
    null = rom.OneToOne('DelTarget', 'set null', unique=True)
    other = rom.ManyToOne('DelTarget', 'set default', default=nobody)
    parent = rom.ManyToOne('DelNode', 'cascade')
    blocker = rom.OneToOne('DelNode', 'restrict')
    unique_together = [('name', 'null')]


class DelStrict(rom.Model):
    """Its default is required."""

    target = rom.ManyToOne('DelTarget', 'set default', required=True, default=nobody)


MODELS = (DelTarget, DelNode, DelStrict)


@pytest.fixture(autouse=True)
def no_default() -> Iterator[None]:
    NOBODY.clear()
    yield
    NOBODY.clear()


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def rows(raw: redis.Redis, model: type[rom.Model]) -> dict[int, dict[bytes, bytes]]:
    """The rows of a model, after a look at everything in the database."""
    return {id: dict(row) for id, row in rows_of(model, assert_consistent(raw, *MODELS)).items()}


# --- the five forms ------------------------------------------------------------------------------


def test_no_action(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget()
            node = DelNode(nothing=target)
            await s.commit()
            await s.delete(target)
            assert not node._deleted
            assert node.nothing is None
            assert rows(raw, DelNode) == {1: {b'id': b'1', b'nothing': b'1'}}
            assert rows(raw, DelTarget) == {}

    world.run(story())


def test_restrict(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget(name='t')
            node, twin = DelNode(restrict=target), DelNode(restrict=target)
            await s.commit()
            before = dump(raw)
            with pytest.raises(rom.RestrictError) as caught:
                await s.delete(target)
            assert 'DelNode:1 refers to 1' in str(caught.value)
            assert "'restrict'; 2 such references" in str(caught.value)
            assert isinstance(caught.value, rom.InvalidOperation)
            assert dump(raw) == before
            assert not target._deleted
            await s.delete(node, twin, target)  # together they go
            assert (rows(raw, DelNode), rows(raw, DelTarget)) == ({}, {})

    world.run(story())


def test_cascade(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target, stays = DelTarget(name='t'), DelTarget(name='s')
            nodes = [DelNode(name=f'{n}', cascade=target) for n in range(3)]
            other = DelNode(name='other', cascade=stays)
            await s.commit()
            await s.delete(target)
            assert all(node._deleted for node in nodes)
            assert not other._deleted
            assert list(rows(raw, DelNode)) == [other.id]
            assert await s.commit() == 0
            assert await s.get(DelNode, nodes[0].id) is None

    world.run(story())


def test_set_null(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget()
            node = DelNode(name='n', null=target)
            await s.commit()
            await s.delete(target)
            assert (node.null, node._modified, node._deleted) == (None, False, False)
            assert rows(raw, DelNode) == {1: {b'id': b'1', b'name': b'n'}}
            node.null = DelTarget()
            node.name = 'm'
            await s.commit()
            assert rows(raw, DelNode) == {1: {b'id': b'1', b'name': b'm', b'null': b'2'}}

    world.run(story())


def test_set_default(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target, default = DelTarget(), DelTarget(name='default')
            node, strict = DelNode(other=target), DelStrict(target=target)
            await s.commit()
            with pytest.raises(rom.RestrictError, match='DelStrict:1 refers to 1'):
                await s.delete(target)  # a required column, and no default after all
            assert len(rows(raw, DelTarget)) == 2
            NOBODY.append(default)
            await s.delete(target)
            assert node.other is default
            assert strict.target is default
            assert not node._modified
            assert rows(raw, DelNode) == {1: {b'id': b'1', b'other': b'2'}}
            assert rows(raw, DelStrict) == {1: {b'id': b'1', b'target': b'2'}}
            # The default itself goes.
            with pytest.raises(rom.RestrictError, match="'set default'"):
                await s.delete(default)
            assert len(rows(raw, DelTarget)) == 1
            await s.delete(strict)
            await s.delete(default)
            assert node.other is None
            assert rows(raw, DelNode) == {1: {b'id': b'1'}}

    world.run(story())


def test_a_default_that_is_new_is_saved(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget()
            nodes = [DelNode(other=target) for _ in range(3)]
            await s.commit()
            NOBODY.append(DelTarget(name='new'))
            await s.delete(target)
            assert {node.other for node in nodes} == {NOBODY[0]}
            assert list(rows(raw, DelTarget)) == [2]
            assert {row[b'other'] for row in rows(raw, DelNode).values()} == {b'2'}

    world.run(story())


# --- depths --------------------------------------------------------------------------------------


def test_levels_and_cycles(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            top = DelTarget(name='top')
            below = DelTarget(name='below', up=top)
            bottom = DelTarget(name='bottom', up=below)
            top.up = bottom  # a circle
            last = None
            for n in range(20):
                last = DelNode(name=f'{n}', parent=last, cascade=bottom if n == 0 else None)
            looking = DelNode(name='looks', null=below, nothing=top, other=bottom)
            await s.commit()
            s.rollback()
            looking = await s.get(DelNode, looking.id)
            await s.delete(await s.get(DelTarget, 1))
            assert rows(raw, DelTarget) == {}
            assert rows(raw, DelNode) == {21: {b'id': b'21', b'name': b'looks', b'nothing': b'1'}}
            assert (looking.null, looking.other) == (None, None)

    world.run(story())


def test_one_that_refers_to_itself(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            node = DelNode(name='a')
            node.parent = node.blocker = node
            await s.commit()
            await s.delete(node)
            assert rows(raw, DelNode) == {}

    world.run(story())


def test_restrict_is_found_at_any_depth_first(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget()
            chain = [DelNode(name='0', cascade=target)]
            for n in range(1, 12):
                chain.append(DelNode(name=f'{n}', parent=chain[-1]))
            nulled = DelNode(name='nulled', null=target)
            blocking = DelNode(name='blocking', blocker=chain[-1])
            await s.commit()
            before = dump(raw)
            with pytest.raises(rom.RestrictError, match=r'DelNode:14 refers to 12 .*blocker'):
                await s.delete(target)
            assert dump(raw) == before
            assert nulled.null is target
            assert not any(e._deleted for e in [target, *chain, nulled, blocking])
            assert await s.commit() == 0
            blocking.parent = chain[3]  # it goes as well now, and forbids nothing
            await s.commit()
            await s.delete(target)
            assert list(rows(raw, DelNode)) == [nulled.id]

    world.run(story())


def test_it_is_one_commit(world: World, raw: redis.Redis, server: Server) -> None:
    """A constraint that the last of the changes violates: nothing at all happened."""

    class DelPair(rom.Model):
        a = rom.ManyToOne('DelTarget', 'cascade')
        b = rom.OneToOne('DelTarget', 'set default', default=nobody, unique=True)

    async def story() -> None:
        async with world.session() as s:
            target, default = DelTarget(), DelTarget()
            DelPair(a=target)
            DelPair(b=target)
            DelPair(b=default)
            await s.commit()
            NOBODY.append(default)
            before = data(raw)
            with pytest.raises(rom.UniqueKeyViolation):
                await s.delete(target)
            assert data(raw) == before

    world.run(story())


MANY = 1050  # with as many children: more than the thousand rows of a page


@pytest.mark.slow
@pytest.mark.parametrize('form', ['cascade', 'null', 'other', 'restrict', 'nothing'])
def test_several_thousand(server: Server, raw: redis.Redis, form: str) -> None:
    world = World(SYNC, server.socket)
    many = form != 'null'

    async def story() -> None:
        async with world.session() as s:
            targets = [DelTarget(name=f'{n}') for n in range(1 if many else MANY)]
            nodes = [DelNode(name=f'{n}', **{form: targets[n % len(targets)]}) for n in range(MANY)]
            grand = [DelNode(name=f'child {n}', parent=node) for n, node in enumerate(nodes)]
            await s.commit()
            if form == 'restrict':
                with pytest.raises(rom.RestrictError, match=f'{MANY} such references'):
                    await s.delete(targets)
                assert len(rows(raw, DelNode)) == 2 * MANY
                return
            await s.delete(targets)
            assert rows(raw, DelTarget) == {}
            assert len(rows(raw, DelNode)) == (0 if form == 'cascade' else 2 * MANY)
            assert all(child._deleted == (form == 'cascade') for child in grand)
            assert all(getattr(node, form) is None for node in nodes)

    world.run(story())


# --- other writers -------------------------------------------------------------------------------


def elsewhere(server: Server, act: Callable[[Any], Any]) -> Callable[[], None]:
    """Another program, as a function to call."""

    def run() -> None:
        with server.connect() as connection, rom.Session(connection) as session:
            act(session)
            session.commit()

    return run


@pytest.mark.parametrize('form', ['cascade', 'null', 'other', 'restrict'])
def test_a_reference_added_between(
    world: World, raw: redis.Redis, server: Server, before_commit: Any, form: str
) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget()
            DelNode(
                name='old', **{'cascade' if form in ('cascade', 'restrict') else 'other': target}
            )
            await s.commit()
            before_commit.append(
                elsewhere(server, lambda t: DelNode(name='new', **{form: t.get(DelTarget, 1)}))
            )
            if form == 'restrict':
                with pytest.raises(rom.RestrictError):
                    await s.delete(target)
                assert len(rows(raw, DelTarget)) == 1
                assert len(rows(raw, DelNode)) == 2
                return
            await s.delete(target)
            assert not before_commit
            assert rows(raw, DelTarget) == {}
            found = rows(raw, DelNode)
            assert len(found) == (0 if form == 'cascade' else 2)
            assert not any(form.encode() in row for row in found.values())

    world.run(story())


def test_a_reference_added_below_between(
    world: World, raw: redis.Redis, server: Server, before_commit: Any
) -> None:
    """Not to what is deleted, but to what goes with it; several times."""

    async def story() -> None:
        async with world.session() as s:
            target = DelTarget()
            DelNode(name='0', cascade=target)
            await s.commit()
            for n in range(1, 4):
                before_commit.append(
                    elsewhere(server, lambda t, n=n: DelNode(name=f'{n}', parent=t.get(DelNode, n)))
                )
            await s.delete(target)
            assert (rows(raw, DelTarget), rows(raw, DelNode)) == ({}, {})

    world.run(story())


@pytest.mark.parametrize('form', ['cascade', 'null'])
def test_a_reference_moved_away_between(
    world: World, raw: redis.Redis, server: Server, before_commit: Any, form: str
) -> None:
    async def story() -> None:
        async with world.session() as s:
            target, other = DelTarget(), DelTarget()
            DelNode(name='n', **{form: target})
            await s.commit()
            s.rollback()
            target = await s.get(DelTarget, target.id)
            before_commit.append(
                elsewhere(server, lambda t: setattr(t.get(DelNode, 1), form, t.get(DelTarget, 2)))
            )
            await s.delete(target)
            assert list(rows(raw, DelTarget)) == [other.id]
            assert rows(raw, DelNode)[1][form.encode()] == b'2'

    world.run(story())


@pytest.mark.parametrize('form', ['cascade', 'null'])
def test_others_delete_and_change_the_rest_between(
    world: World, raw: redis.Redis, server: Server, before_commit: Any, form: str
) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget(name='t')
            DelNode(name='0', **{form: target})
            await s.commit()
            before_commit.append(elsewhere(server, lambda t: t.delete(t.get(DelNode, 1))))
            before_commit.append(
                elsewhere(server, lambda t: setattr(t.get(DelTarget, 1), 'name', 'new'))
            )
            await s.delete(target)
            assert (rows(raw, DelTarget), rows(raw, DelNode)) == ({}, {})

    world.run(story())


def test_a_writer_that_never_rests(
    world: World, raw: redis.Redis, server: Server, before_commit: Any
) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget()
            await s.commit()
            add = elsewhere(server, lambda t: DelNode(null=None, cascade=t.get(DelTarget, 1)))
            before_commit.extend([add] * 60)
            with pytest.raises(rom.ServerError, match='50 tries to delete 1 entities'):
                await s.delete(target)
            before_commit.clear()
            assert len(rows(raw, DelNode)) == 50

    world.run(story())


def test_index_entries_that_no_row_bears_out(world: World, raw: redis.Redis) -> None:
    """A row that is gone or holds another id does not stand in the way."""

    async def story() -> None:
        async with world.session() as s:
            target, other = DelTarget(), DelTarget()
            node = DelNode(name='n', cascade=other)
            corrupt = DelNode(name='c', cascade=target)
            await s.commit()
            raw.zadd('DelNode:cascade:idx', {'77': target.id})
            raw.zadd('DelNode:cascade:idx', {str(node.id): target.id})
            raw.hset('DelNode:2', 'cascade', 'x')
            await s.delete(target)
            assert list(rows_of(DelTarget, dump(raw))) == [other.id]
            assert list(rows_of(DelNode, dump(raw))) == [node.id, corrupt.id]

    world.run(story())


def test_ids_that_share_a_score(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            raw.set('del:target:id:', 2**53 - 1)
            one, other = DelTarget(), DelTarget()
            mine, theirs = DelNode(cascade=one), DelNode(cascade=other)
            await s.save(one, other, mine, theirs)
            assert (one.id, other.id) == (2**53, 2**53 + 1)
            await s.delete(one)
            assert mine._deleted
            assert not theirs._deleted
            assert list(rows_of(DelNode, dump(raw))) == [theirs.id]

    world.run(story())


# --- broken connections --------------------------------------------------------------------------


@pytest.mark.parametrize('where', ['before', 'after'])
@pytest.mark.parametrize('retries', [0, 3])
@pytest.mark.parametrize('kind', BOTH)
def test_cut_connections(
    server: Server, raw: redis.Redis, kind: str, retries: int, where: str
) -> None:
    with Proxy(server.socket) as proxy:
        world = World(kind, proxy.socket, retries=retries)

        async def story() -> None:
            async with world.session() as s:
                target = DelTarget(name='t')
                DelNode(name='cascaded', cascade=target)
                nulled = DelNode(name='nulled', null=target)
                await s.commit()
                for number in range(1, 30):
                    getattr(proxy, f'cut_{where}_request')(number)
                    try:
                        await s.delete(target)
                        break
                    except rom.ServerUnavailable:
                        assert retries == 0
                    finally:
                        proxy.heal()
                assert target._deleted
                assert rows(raw, DelTarget) == {}
                assert rows(raw, DelNode) == {2: {b'id': b'2', b'name': b'nulled'}}
                assert nulled.null is None
                nulled.name = 'again'
                await s.commit()
                assert rows(raw, DelNode)[2][b'name'] == b'again'

        world.run(story())


# --- what the session knows ----------------------------------------------------------------------


def test_changes_that_were_not_saved_stay(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target, other = DelTarget(), DelTarget()
            moving, renamed = DelNode(name='m', null=target), DelNode(name='r', other=target)
            gone = DelNode(name='g', cascade=target)
            await s.commit()
            moving.null = other
            renamed.name = 'renamed'
            gone.name = 'never'
            await s.delete(target)
            assert (moving.null, renamed.other) == (other, None)
            await s.commit()
            found = rows(raw, DelNode)
            assert found[moving.id][b'null'] == b'%d' % other.id
            assert found[renamed.id] == {b'id': b'%d' % renamed.id, b'name': b'renamed'}
            assert gone.id not in found
            with pytest.raises(rom.EntityDeletedError):
                await s.save(gone)

    world.run(story())


def test_nothing_and_twice(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = DelTarget()
            node = DelNode(cascade=target)
            await s.commit()
            await s.delete()
            await s.delete([])
            await s.delete(target, [target, (node,)])
            await s.delete(target, node)
            new = DelTarget()
            with pytest.raises(rom.InvalidOperation, match='never saved'):
                await s.delete(new)
            s.forget(new)
            with pytest.raises(rom.ORMError):
                await s.delete('del:target:1')
            assert (rows(raw, DelTarget), rows(raw, DelNode)) == ({}, {})

    world.run(story())
