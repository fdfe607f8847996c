"""Addresses of servers in messages."""

from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.sentinel import Sentinel

from rom._core.drivers.client_address import address_of
from rom._core.drivers.cluster_clients import LazyCluster

pytestmark = pytest.mark.one_server


@pytest.mark.parametrize('library', [redis, redis.asyncio])
def test_the_address_of_one_server(library: Any) -> None:
    client = library.Redis(host='far', port=7000, db=3, username='ann', password='secret')
    assert address_of(client) == 'far:7000'
    assert address_of(client, with_database=True) == 'far:7000/3'
    assert address_of(library.Redis.from_url('redis://u:secret@h:1/2')) == 'h:1'
    at_socket = library.Redis(unix_socket_path='/run/x.sock', db=3)
    assert address_of(at_socket) == address_of(at_socket, with_database=True) == 'unix:/run/x.sock'


@pytest.mark.parametrize('kind', [Sentinel, AsyncSentinel])
def test_the_address_that_sentinels_know(kind: Any) -> None:
    client = kind([('127.0.0.1', 1)]).master_for('shop', password='secret')
    assert address_of(client) == "the address that the sentinels have of 'shop'"


def test_a_cluster_has_the_address_of_its_nodes() -> None:
    """In one order, because a program is warned once of each server."""
    client = redis.asyncio.RedisCluster(
        startup_nodes=[
            redis.asyncio.cluster.ClusterNode('b', 7002),
            redis.asyncio.cluster.ClusterNode('a', 7001),
        ],
        password='secret',
    )
    assert address_of(client) == 'the cluster of a:7001, b:7002'
    assert address_of(client, with_database=True) == address_of(client)
    closed = LazyCluster([('b', 7002), ('a', 7001)], password='secret')
    assert address_of(closed) == address_of(client)
    assert not closed.is_open, 'no node was asked'


def test_an_unknown_object_has_the_usual_address() -> None:
    assert address_of(object()) == 'localhost:6379'
