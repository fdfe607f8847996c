"""Which server records are on."""

import redis

import rom
from rom.repocket import configure
from rom.repocket.connection import Configure
from tests.support.servers import Server


def test_a_pool_of_its_own() -> None:
    own = Configure()
    assert own.connection_pool(hostname='example.org', port=1234, db=5) is own
    client = own.get_connection()
    assert isinstance(client, redis.Redis)
    options = client.connection_pool.connection_kwargs
    assert (options['host'], options['port'], options['db']) == ('example.org', 1234, 5)
    own.connection_pool()
    options = own.get_connection().connection_pool.connection_kwargs
    assert (options['host'], options['port'], options['db']) == ('localhost', 6379, 0)


def test_the_default_is_that_of_rom(store: redis.Redis, server: Server) -> None:
    assert configure.get_connection() is store
    with server.connect() as other:
        rom.util.CONNECTION = other
        assert configure.get_connection() is other
