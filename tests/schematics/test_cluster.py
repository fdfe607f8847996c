"""Models of schematics on a cluster: in one slot, by the tag of their prefix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
from rom.schematics import BaseRedisMixin, transaction
from tests.schematics.support import EVERY_LAYER, model
from tests.support.cluster import Cluster, connect
from tests.support.slot_moves import move_by_hand


@pytest.fixture
def client(cluster: Cluster) -> Iterator[redis.RedisCluster]:
    client = connect(cluster)
    yield client
    client.close()


@EVERY_LAYER
def test_every_layer_works_in_one_slot(
    mixin: type[BaseRedisMixin], client: Any, cluster: Cluster
) -> None:
    ice: Any = model(mixin, client, __prefix__='{ice}cream')
    for number in range(5):
        ice({'pk': f'n{number}', 'flavour': 'vanilla', 'amount_kg': number}).set()
    move_by_hand(cluster, '{ice}')
    found = ice.match_for_pk('n3')
    found.amount_kg = 10
    found.set(if_unchanged=True)
    assert sorted(one.amount_kg for one in ice.filter(flavour='vanilla')) == [0, 1, 2, 4, 10]
    found.delete()
    assert sorted(one.pk for one in ice.all()) == ['n0', 'n1', 'n2', 'n4']
    others = [node for node in cluster.masters() if node is not cluster.owner('{ice}')]
    assert [node.client.dbsize() for node in others] == [0, 0]


@EVERY_LAYER
def test_without_a_tag_it_is_refused(
    mixin: type[BaseRedisMixin], client: Any, cluster: Cluster
) -> None:
    ice: Any = model(mixin, client)
    one = ice({'pk': 'x', 'flavour': 'vanilla'})
    for use in (one.set, lambda: ice.match_for_pk('x'), one.delete, lambda: ice.all()):
        with pytest.raises(rom.InvalidOperation, match=r'__prefix__ = '):
            use()
    assert not any(node.client.dbsize() for node in cluster.masters())


@EVERY_LAYER
def test_a_transaction_over_two_tags_is_refused(
    mixin: type[BaseRedisMixin], client: Any, cluster: Cluster
) -> None:
    ice: Any = model(mixin, client, __prefix__='{ice}cream')
    cone: Any = model(mixin, client, __prefix__='{cone}', name='Cone')
    with (
        pytest.raises(rom.InvalidOperation, match='have different hash tags'),
        transaction(),
    ):
        ice({'pk': 'x', 'flavour': 'vanilla'}).set()
        cone({'pk': 'x', 'flavour': 'vanilla'}).set()
    assert not any(node.client.dbsize() for node in cluster.masters())
