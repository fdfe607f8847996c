"""What a peer looks like to the worker."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import redis

from benchmarks.data import User


class Clock:
    """Runs while a ``with`` block does; adds up.

    >>> clock = Clock()
    >>> with clock:
    ...     pass
    >>> clock.ns > 0
    True
    """

    def __init__(self) -> None:
        self.ns = 0
        self._began = 0

    def __enter__(self) -> None:
        self._began = time.perf_counter_ns()

    def __exit__(self, *error: object) -> None:
        self.ns += time.perf_counter_ns() - self._began


class Peer:
    """One object mapper, and how it does each operation.

    A method that is None says that it cannot, and `cannot` why. What a method gets ready goes
    before its ``with clock:``, and what only serves the check of its answer behind it.
    """

    #: Operations that are missing, and why.
    cannot: dict[str, str] = {}

    def use(self, socket: str, db: int) -> None:
        """Work on this database of the server at a unix socket, from now on."""
        raise NotImplementedError

    def forget(self) -> None:
        """Know nothing of what was read or written before."""

    def number(self, entity: Any) -> int:
        """Which user an entity stands for."""
        raise NotImplementedError

    def values(self, entity: Any) -> list[Any]:
        """What an entity holds: the columns, in the order that `User` has them."""
        raise NotImplementedError

    # Writes. None of them returns anything: what was written is read back to be checked.

    def load(self, users: Iterable[User]) -> None:
        """Write many users, in the way that is best for many."""
        raise NotImplementedError

    def create(self, users: Sequence[User], clock: Clock) -> None:
        """Make entities of users, and write them all."""
        raise NotImplementedError

    def change(self, users: Sequence[User], clock: Clock) -> None:
        """Read entities; then, by the clock, give each the score that is here, and write all."""
        raise NotImplementedError

    def save_one(self, user: User, clock: Clock) -> None:
        """Make and write one entity."""
        raise NotImplementedError

    # Reads. All of them return entities.

    def get_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Any]:
        """Entities by id."""
        raise NotImplementedError

    def read_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Any]:
        """Entities by id, of which every column is read by the clock as well."""
        raise NotImplementedError

    def get_one(self, number: int, clock: Clock) -> Any:
        """One entity by id."""
        raise NotImplementedError

    def get_by(self, email: str, clock: Clock) -> Any:
        """One entity by its address."""
        raise NotImplementedError

    # Queries. The worker runs the clock.

    def city_and_age(self, city: str, low: int, high: int) -> Sequence[Any]:
        """Those of a city and of an age, by score, the first 20."""
        raise NotImplementedError

    def created_range(self, low: float, high: float) -> Sequence[Any]:
        """Those who were created in between, both ends included, in any order."""
        raise NotImplementedError

    def prefix(self, prefix: str) -> Sequence[Any]:
        """Those whose address begins so."""
        raise NotImplementedError

    def suffix(self, suffix: str) -> Sequence[Any]:
        """Any 20 of those whose address ends so."""
        raise NotImplementedError

    def words(self, first: str, second: str) -> Sequence[Any]:
        """Those whose name has both words."""
        raise NotImplementedError

    def wide(self, low: int, high: int) -> Sequence[Any]:
        """Those of an age, by score, the highest 20 first."""
        raise NotImplementedError

    def latest(self) -> Sequence[Any]:
        """The 20 who were created last, the last one first."""
        raise NotImplementedError

    def either(self, cities: Sequence[str], low: int) -> Sequence[Any]:
        """Those of any of these cities and at least so old, by score, the first 20."""
        raise NotImplementedError

    def count(self, city: str, low: int, high: int) -> int:
        """How many are of a city and of an age."""
        raise NotImplementedError

    def total(self, city: str) -> float:
        """The sum of the scores in a city."""
        raise NotImplementedError

    def facets(self, low: int, high: int) -> Mapping[str, int]:
        """How many of an age each city has, of those that have any."""
        raise NotImplementedError

    def filter_models(self, age: int) -> Sequence[Any]:
        """All those of an age, in any order. Of those who store models of schematics."""
        raise NotImplementedError


def settings(socket: str, db: int) -> dict[str, Any]:
    """What every client is given: no time-out, so that what is slow is not repeated.

    All else is as the client library has it. Without retries, rom would keep no connections.
    """
    return {'unix_socket_path': socket, 'db': db, 'socket_timeout': None}


@cache
def connect(socket: str, db: int) -> redis.Redis:
    """A plain client, the same for the same place: it is connected already when it is timed."""
    return redis.Redis(**settings(socket, db))


def batches(users: Iterable[User], size: int = 1000) -> Iterable[list[User]]:
    """Users, so many at a time."""
    batch: list[User] = []
    for user in users:
        batch.append(user)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
