"""The nodes with the ids of related rows, searched with small and large bounds."""

from __future__ import annotations

import random
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.query.nodes import All, AnyOf, InRange, InSet, Node, Not
from rom._core.query.related_ids import node_of_ids, node_of_relation
from rom._core.query.relation_nodes import Linked, Referring, Related
from rom._core.query.spec import QuerySpec


class RiOwner(rom.Model):
    n = rom.Integer(index=True)


class RiThing(rom.Model):
    n = rom.Integer(index=True)
    owner = rom.ManyToOne('RiOwner', on_delete='cascade')
    others = rom.ManyToMany('RiOwner')


# As few ids as a call may gather, and as few as it looks at: each filter is searched in parts.
SMALL = BOUNDS._replace(page=5, small=8, budget=30)
MIDDLE = BOUNDS._replace(small=60, budget=200)


def node(name: str, ids: list[int]) -> Node:
    return node_of_relation(RiThing._schema, Related(name, RiOwner, All()), ids)


def test_one_id_is_the_filter_that_every_query_has() -> None:
    assert isinstance(node('owner', [5]), InRange) and isinstance(node('others', [5]), InSet)
    assert isinstance(node('owner', [5, 6]), Referring)
    assert isinstance(node('others', [5, 6]), Linked)
    assert node('owner', []) == AnyOf() == node_of_ids(Related('x', RiOwner, All()), [])


@pytest.mark.one_server
def test_ids_that_share_a_double_are_told_apart_by_the_row(
    on_client: None, client: redis.Redis
) -> None:
    far = 2**53
    with rom.Session() as session:
        for id in (far, far + 1, 7):
            client.set('RiOwner:id:', id - 1)
            RiThing(n=0, owner=RiOwner(n=0))
            session.commit()
    asked = [(far, far + 1), (7, far + 1), (far + 1,), (far - 1, far + 2)]
    found = [run(client, node('owner', [*ids]), BOUNDS) for ids in asked]
    assert found == [{1, 2}, {3, 2}, {2}, set()]


def run(client: redis.Redis, where: Node, bounds: Bounds, *orders: str) -> Any:
    query = rom.Query(RiThing, QuerySpec(where=All((where,))))
    rows = SyncDriver(client).run(
        queries.search(query.order_by(*orders) if orders else query, bounds)
    )
    ids = [row.id for row in rows]
    assert len(set(ids)) == len(ids)
    return ids if orders else set(ids)


@pytest.mark.one_server
def test_every_way_to_search(on_client: None, client: redis.Redis) -> None:
    """Few and many ids, alone, beside others, negated and sorted: as Python finds them."""
    drawn = random.Random(20)
    with rom.Session() as session:
        for n in range(40):
            RiOwner(n=n)
        session.commit()
        rows: dict[int, tuple[int, int | None, list[int]]] = {}
        for id in range(1, 301):
            owner = drawn.choice([None, *range(1, 41)])
            others = drawn.sample(range(1, 41), drawn.choice([0, 0, 1, 3]))
            rows[id] = id % 10, owner, others
            RiThing(n=id % 10, owner=owner, others=others)
        session.commit()
    for several in (2, 5, 30):
        ids = sorted(drawn.sample(range(1, 60), several))
        referring = {id for id, (_, owner, _) in rows.items() if owner in ids}
        linked = {id for id, (_, _, others) in rows.items() if {*others} & {*ids}}
        sevens = {id for id, (n, _, _) in rows.items() if n == 7}
        owner, others = node('owner', ids), node('others', ids)
        is_seven = InRange(RiThing._schema.keys.scores('n'), b'7', b'7')
        for bounds in (SMALL, MIDDLE, BOUNDS):
            for asked, expected in (
                (owner, referring),
                (others, linked),
                (All((owner, others)), referring & linked),
                (AnyOf((owner, others, is_seven)), referring | linked | sevens),
                (All((Not(owner), is_seven)), sevens - referring),
                (All((Not(others), is_seven)), sevens - linked),
                (All((owner, is_seven)), referring & sevens),
                (All((others, is_seven)), linked & sevens),
                (All((AnyOf((owner, is_seven)), others)), (referring | sevens) & linked),
            ):
                assert run(client, asked, bounds) == expected, (several, bounds, asked)
                by_n = sorted(expected, key=lambda id: (rows[id][0], id))
                assert run(client, asked, bounds, 'n') == by_n, (several, bounds, asked)
