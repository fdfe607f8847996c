"""Every example in a docstring is run, on a real server where it needs one."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest
import redis

import rom
from tests.support.servers import Server

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules() -> Iterator[str]:
    yield 'rom'
    for found in pkgutil.walk_packages(rom.__path__, 'rom.'):
        if not found.name.endswith('.__main__'):
            yield found.name


@pytest.mark.one_server
@pytest.mark.parametrize('name', list(modules()))
def test_examples(name: str, server: Server) -> None:
    with server.connect() as connection:
        rom.util.CONNECTION = connection
        module = importlib.import_module(name)
        given = {'connection': connection, 'redis': redis, 'rom': rom}
        failed, _ = doctest.testmod(module, extraglobs=given, optionflags=OPTIONS)
    assert failed == 0
