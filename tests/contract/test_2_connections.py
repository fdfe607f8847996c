"""Contract, section 2: connections. Each docstring quotes what its test proves."""

import inspect
from pathlib import Path

import pytest
import redis

import rom
from tests.contract.support import model, python
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

EVERY_CLIENT = str(Path(__file__).with_name('every_client.py'))
SHOW = 'import rom; print(rom.util.get_connection().connection_pool.connection_kwargs)'
COUNT = """
import rom
class N(rom.Model): pass
N().save()
print(N.query.count())
"""


def test_settings(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """'`rom.util.set_connection_settings(*args, **kwargs)`: same arguments as `redis.Redis`.'"""
    for name in ('_settings', '_default'):  # to be as it was, afterwards
        monkeypatch.setattr(rom._core.drivers.connections, name, None)
    rom.util.CONNECTION = None
    rom.util.set_connection_settings('example.org', 6380, db=3, password='secret')
    used = rom.util.get_connection().connection_pool.connection_kwargs
    assert (used['host'], used['port'], used['db']) == ('example.org', 6380, 3)
    assert used['password'] == 'secret'
    rom.util.set_connection_settings(unix_socket_path=server.socket)
    assert model()().save() == 1
    kinds = {
        p.kind for p in inspect.signature(rom.util.set_connection_settings).parameters.values()
    }
    assert kinds == {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def test_an_assigned_connection(server: Server) -> None:
    """'`rom.util.CONNECTION` may be assigned'."""
    with server.connect(db=3) as other:
        rom.util.CONNECTION = other
        N = model()
        assert rom.util.get_connection() is N._connection is other
        N().save()
        assert other.exists('N:1')


def test_a_replaced_function(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """'`rom.util.get_connection` may be replaced'."""
    with server.connect(db=3) as other:
        monkeypatch.setattr(rom.util, 'get_connection', lambda: other)
        N = model()
        N().save()
        assert N._connection is other
        assert other.exists('N:1')


@pytest.mark.parametrize('name', ['_conn', 'CONN'])
def test_a_models_own(server: Server, connection: redis.Redis, name: str) -> None:
    """'a model may carry `_conn = redis.Redis(...)` (or `CONN`).'"""
    with server.connect(db=3) as other:
        N, M = model('N', **{name: other}), model('M')
        rom.session.add(N())
        rom.session.add(M())
        rom.session.commit()
        assert N._connection is N.get(1)._connection is other
        assert M._connection is connection
        assert (other.exists('N:1', 'M:1'), connection.exists('N:1', 'M:1')) == (1, 1)


def test_the_one_in_force(connection: redis.Redis) -> None:
    """'`Model._connection` (class and instance) answers with the one in force.'"""
    N = model()
    assert N._connection is N()._connection is connection


def test_the_environment(server: Server) -> None:
    """'Environment `ROM_REDIS_URI`, else `redis://localhost:6379/0`.'"""
    assert python('-c', COUNT, ROM_REDIS_URI=f'unix://{server.socket}?db=3') == '1\n'
    with server.connect(db=3) as other:
        assert other.exists('N:1')
    shown = python('-c', SHOW)
    for part in ("'host': 'localhost'", "'port': 6379", "'db': 0"):
        assert part in shown


def test_embedded(tmp_path: Path) -> None:
    """'Ours adds `embedded:` and `embedded:PATH`': data of its own, and data that stays."""
    for uri, counts in (('embedded:', '11'), (f'embedded:{tmp_path}/data', '12')):
        assert [python('-c', COUNT, ROM_REDIS_URI=uri).strip() for _ in range(2)] == [*counts]


def test_every_client(server: Server) -> None:
    """'`decode_responses=True` clients, RESP2 and RESP3, with and without hiredis: all work.'"""
    lines = python(EVERY_CLIENT, server.socket, 'without-hiredis').splitlines()
    lines += python(EVERY_CLIENT, server.socket).splitlines()
    kinds = {tuple(line.split('; ')[:3]) for line in lines}
    assert len(lines) == len(kinds) == 8
    assert {kind[:2] for kind in kinds} == {
        ('2', 'False'),
        ('2', 'True'),
        ('3', 'False'),
        ('3', 'True'),
    }
    [told] = {line.split('; ', 3)[3] for line in lines}
    assert told.startswith("14; {'name': 'Café', 'size': 1152921504606846976, ")
    assert told.endswith('; 1; 1; 1; True; 0')
