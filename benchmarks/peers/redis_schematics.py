"""redis-schematics: its SimpleRedisMixin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import redis_schematics
from redis_schematics.patches import patch_json
from schematics import models, types

from benchmarks.data import User
from benchmarks.operations import QUERIES
from benchmarks.peers.base import Clock, Peer, connect

patch_json()


class Person(models.Model, redis_schematics.SimpleRedisMixin):  # type: ignore[misc]
    """What every peer declares, in its own way. There are no indexes."""

    pk = types.StringType()
    email = types.StringType()
    name = types.StringType()
    city = types.StringType()
    age = types.IntType()
    score = types.FloatType()
    created_at = types.FloatType()


def _person(user: User) -> Person:
    return Person({'pk': str(user.number + 1), **user.columns()})


class Implementation(Peer):
    """redis-schematics, as its documents say."""

    cannot = {
        operation.name: 'redis-schematics reads and compares everything, and sorts nothing'
        for operation in QUERIES
    }

    def use(self, socket: str, db: int) -> None:
        Person.__redis_client__ = connect(socket, db)

    def number(self, entity: Person) -> int:
        return int(entity.pk) - 1

    def values(self, entity: Person) -> list[Any]:
        return [getattr(entity, name) for name in User._fields[1:]]

    def load(self, users: Iterable[User]) -> None:
        for user in users:
            _person(user).set()

    def create(self, users: Sequence[User], clock: Clock) -> None:
        with clock:
            for user in users:
                _person(user).set()

    def change(self, users: Sequence[User], clock: Clock) -> None:
        people = [Person.match_for_pk(str(user.number + 1)) for user in users]
        with clock:
            for user, person in zip(users, people, strict=True):
                person.score = user.score
                person.set()

    def save_one(self, user: User, clock: Clock) -> None:
        with clock:
            _person(user).set()

    def get_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Person]:
        with clock:
            return [Person.match_for_pk(str(number + 1)) for number in numbers]

    def read_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Person]:
        with clock:
            people = [Person.match_for_pk(str(number + 1)) for number in numbers]
            for person in people:
                self.values(person)
        return people

    def get_one(self, number: int, clock: Clock) -> Any:
        with clock:
            return Person.match_for_pk(str(number + 1))

    def get_by(self, email: str, clock: Clock) -> Any:
        with clock:
            return Person.match_for_values(email=email)
