"""What the tests of the frameworks share."""

from collections.abc import Callable, Iterator

import pytest
import redis

import rom
from tests.contrib import views
from tests.support.implied import assert_consistent
from tests.support.servers import Server


@pytest.fixture
def things(
    request: pytest.FixtureRequest, server: Server, raw: redis.Redis
) -> Iterator[Callable[[], list[str]]]:
    """The models of views.py on an empty server; call it for the names of the things there are.

    Afterwards everything in the database is what the rows imply. A parameter is the group of their
    partitions.
    """
    with server.connect() as client:
        rom.util.CONNECTION = client
        models = views.declare(getattr(request, 'param', None))
        yield names
        views.MET.clear()
        views.ENDED.clear()
        assert_consistent(raw, *models)


def names() -> list[str]:
    """What is there, seen by somebody else."""
    with rom.Session() as s:
        return sorted(found.name for found in s.all(views.thing().query))
