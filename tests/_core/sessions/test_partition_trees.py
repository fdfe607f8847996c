"""Trees over partitions: rows stored beside their parents, against a twin without _shards."""

import random
from typing import Any

import pytest
import redis

import rom
from rom import jsonl
from tests.support.implied import assert_consistent
from tests.support.stories import both

pytestmark = pytest.mark.one_server
SHARDS = rom.Shards('trees', 5)


class WholeNode(rom.Model):
    mark = rom.Integer(index=True)
    owner = rom.Integer(index=True)
    parent = rom.ManyToOne('WholeNode', on_delete='cascade')
    children = rom.OneToMany('WholeNode', column='parent')
    unique_together = [('parent', 'mark')]


class SpreadNode(rom.Model):
    _shards, _shard_with = SHARDS, 'parent'
    mark = rom.Integer(index=True)
    owner = rom.Integer(index=True)
    parent = rom.ManyToOne('SpreadNode', on_delete='cascade')
    children = rom.OneToMany('SpreadNode', column='parent')
    unique_together = [('parent', 'mark')]


class OwnedNode(rom.Model):
    _shards, _shard_by, _shard_with = SHARDS, 'owner', 'parent'
    mark = rom.Integer(index=True)
    owner = rom.Integer(index=True)
    parent = rom.ManyToOne('OwnedNode', on_delete='cascade')
    children = rom.OneToMany('OwnedNode', column='parent')
    unique_together = [('parent', 'mark')]


class StrictNode(rom.Model):
    _shards, _shard_with = SHARDS, 'parent'
    parent = rom.ManyToOne('StrictNode', on_delete='restrict')


MODELS: tuple[Any, ...] = (WholeNode, SpreadNode, OwnedNode)


def place_of(entity: Any) -> int:
    return SHARDS.partition_of(entity.id)


async def step(s: Any, model: Any, luck: random.Random, mark: int) -> Any:
    """Do something that `luck` decides, and return what came of it."""
    what, owner = luck.randrange(8), luck.randrange(3)
    found = await s.all(model.query.filter(mark=luck.randrange(mark + 1)))
    if what < 3 or not found:
        root = model(mark=mark, owner=owner)
        for number in range(luck.randrange(3)):
            child = model(mark=mark + 100 * (number + 1), owner=owner, parent=root)
            model(mark=mark + 1000 * (number + 1), parent=child)
    elif what < 6:
        model(mark=mark, owner=found[0].owner, parent=found[0])
    elif what == 6:
        found[0].parent = None
    else:
        await s.delete(found)
    await s.commit()
    return what, len(found)


async def seen(s: Any, model: Any) -> Any:
    """What a model answers, by marks."""
    s.rollback()
    nodes = sorted(await s.all(model.query), key=lambda node: node.mark)
    await s.load(nodes, 'parent', 'children')
    return [
        [(n.mark, n.parent and n.parent.mark, sorted(c.mark for c in n.children)) for n in nodes],
        [n.mark for n in await s.all(model.query.filter(owner=1).order_by('-mark'))],
        sorted([n.mark for n in await s.all(model.query.filter(parent=nodes[:4]))]),
        sorted([n.mark for n in await s.all(model.query.filter(parent__owner=2))]),
        sorted([n.mark for n in await s.all(model.query.filter(children__mark=(None, 50)))]),
    ]


@both(*MODELS)
async def test_twins(s: Any) -> None:
    met = set()
    for mark in range(30):
        outcomes = [await step(s, model, random.Random(mark), mark) for model in MODELS]
        assert outcomes[0] == outcomes[1] == outcomes[2]
        met.add(outcomes[0][0])
    answers = [await seen(s, model) for model in MODELS]
    assert answers[0] == answers[1] == answers[2]
    assert met == set(range(8))
    for model in MODELS[1:]:
        nodes = await s.all(model.query)
        await s.load(nodes, 'parent')
        assert all(place_of(n) == place_of(n.parent) for n in nodes if n.parent is not None)
        assert len({place_of(n) for n in nodes}) > 1


@both(SpreadNode, OwnedNode)
async def test_trips_and_errors(s: Any, trips: list[Any]) -> None:
    roots = [SpreadNode(mark=mark) for mark in range(2)]
    for root in roots:
        await s.save(root)
    one, other = roots
    assert place_of(one) != place_of(other)
    trips.clear()
    child = SpreadNode(mark=2, parent=one)
    await s.save(child)
    assert len(trips) == 1 and place_of(child) == place_of(one)
    trips.clear()
    assert await s.all(SpreadNode.query.filter(parent=one)) == [child]
    assert [type(trip).__name__ for trip in trips] == ['Script']  # one partition
    child.parent = other
    with pytest.raises(rom.InvalidColumnValue, match=r'SpreadNode.parent: it decides the partiti'):
        await s.commit()
    child.parent = child
    await s.commit()
    selfish = SpreadNode(mark=3)
    selfish.parent = selfish
    await s.commit()
    pair = [SpreadNode(mark=mark) for mark in (4, 5)]
    pair[0].parent, pair[1].parent = pair[1], pair[0]
    await s.commit()
    assert place_of(pair[0]) == place_of(pair[1])
    with pytest.raises(rom.QueryError, match='parent decides the partition of a row'):
        await s.update_all(SpreadNode.query, parent=one)
    with pytest.raises(rom.UniqueKeyViolation, match='mark=2'):
        await s.commit() if SpreadNode(mark=2, parent=child) else None
    s.rollback()


@both(OwnedNode)
async def test_an_owner_decides_for_a_tree(s: Any, trips: list[Any], raw: redis.Redis) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=r'OwnedNode.owner: a new Own'):
        await s.save(OwnedNode(mark=0))
    s.rollback()
    root = OwnedNode(mark=1, owner=1)
    await s.save(root)
    child = OwnedNode(mark=2, parent=root)
    await s.save(child)
    assert place_of(child) == place_of(root) and child.owner is None
    refused = set()
    for owner in range(9):
        for more in ([], [OwnedNode(mark=50 + owner, owner=owner)]):  # alone, and with ids before
            try:
                await s.save(OwnedNode(mark=10 * owner + len(more), owner=owner, parent=root), more)
            except rom.InvalidColumnValue as error:
                assert 'this value decides for another partition than that of parent' in str(error)
                refused.add(owner)
            s.rollback()
    assert refused and 1 not in refused
    root, child = await s.get(OwnedNode, [root.id, child.id])
    child.owner = min(refused)
    with pytest.raises(rom.InvalidColumnValue, match='owner: it decides the partition of OwnedN'):
        await s.commit()
    child.owner = 1
    await s.commit()
    child.owner = None
    with pytest.raises(rom.InvalidColumnValue, match="cannot change from '1' to None"):
        await s.commit()
    s.rollback()
    trips.clear()
    assert len(await s.all(OwnedNode.query.filter(owner=1))) >= 2
    assert [type(trip).__name__ for trip in trips] == ['Script']
    assert raw.hget('{trees}:shards', 'model OwnedNode') == b'by owner with parent'


@both(StrictNode)
async def test_a_child_forbids_the_delete_of_its_parent(s: Any) -> None:
    root = StrictNode()
    child = StrictNode(parent=root)
    await s.commit()
    with pytest.raises(rom.RestrictError):
        await s.delete(root)
    await s.delete([root, child])
    assert await s.count(StrictNode.query) == 0


def test_dump_and_load(on_client: None, raw: redis.Redis) -> None:
    root = OwnedNode(mark=1, owner=1)
    OwnedNode(mark=2, parent=root)
    SpreadNode(mark=3, parent=SpreadNode(mark=4))
    rom.session.commit()
    text = b''.join(block.text for block in jsonl.dump(OwnedNode, SpreadNode))
    rom.session.rollback()
    raw.flushdb()
    assert list(jsonl.load(text.splitlines(), OwnedNode, SpreadNode))
    assert [node.parent.mark for node in OwnedNode.query.filter(mark=2)] == [1]
    assert [node.parent.mark for node in SpreadNode.query.filter(mark=3)] == [4]
    assert_consistent(raw, OwnedNode, SpreadNode)
