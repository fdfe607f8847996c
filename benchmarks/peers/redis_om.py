"""redis-om's HashModel, on a server without modules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import redis
import redis_om

from benchmarks.data import User
from benchmarks.operations import QUERIES
from benchmarks.peers.base import Clock, Peer, batches, settings


@cache
def _decoding(socket: str, db: int) -> redis.Redis:
    return redis.Redis(decode_responses=True, **settings(socket, db))


class Person(redis_om.HashModel, index=True):  # type: ignore[misc, call-arg]
    """What every peer declares, in its own way. The indexes would be the server module's."""

    email: str
    name: str
    city: str
    age: int
    score: float
    created_at: float


def _person(user: User) -> Person:
    return Person(pk=str(user.number + 1), **user.columns())


class Implementation(Peer):
    """redis-om, as its documents say."""

    cannot = dict.fromkeys(
        ('get_by', *(operation.name for operation in QUERIES)),
        'redis-om asks the module RediSearch, which plain servers do not have',
    )

    def use(self, socket: str, db: int) -> None:
        Person._meta.database = _decoding(socket, db)

    def number(self, entity: Person) -> int:
        return int(entity.pk) - 1

    def values(self, entity: Person) -> list[Any]:
        return [getattr(entity, name) for name in User._fields[1:]]

    def load(self, users: Iterable[User]) -> None:
        for batch in batches(users):
            Person.add([_person(user) for user in batch])

    def create(self, users: Sequence[User], clock: Clock) -> None:
        with clock:
            for batch in batches(users):
                Person.add([_person(user) for user in batch])

    def change(self, users: Sequence[User], clock: Clock) -> None:
        people = [Person.get(str(user.number + 1)) for user in users]
        with clock:
            for user, person in zip(users, people, strict=True):
                person.score = user.score
            for start in range(0, len(people), 1000):
                Person.add(people[start : start + 1000])

    def save_one(self, user: User, clock: Clock) -> None:
        with clock:
            _person(user).save()

    def get_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Person]:
        with clock:
            return [Person.get(str(number + 1)) for number in numbers]

    def read_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Person]:
        with clock:
            people = [Person.get(str(number + 1)) for number in numbers]
            for person in people:
                self.values(person)
        return people

    def get_one(self, number: int, clock: Clock) -> Any:
        with clock:
            return Person.get(str(number + 1))
