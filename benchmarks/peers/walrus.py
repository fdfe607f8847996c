"""walrus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from typing import Any

import walrus

from benchmarks.data import User
from benchmarks.peers.base import Clock, Peer, settings

DATABASE = walrus.Database()


@cache
def _database(socket: str, db: int) -> Any:
    return walrus.Database(**settings(socket, db))


class Person(walrus.Model):  # type: ignore[misc]
    """What every peer declares, in its own way."""

    __database__ = DATABASE
    __namespace__ = 'bench'

    email = walrus.TextField(index=True)
    name = walrus.TextField(fts=True, stemmer=False)
    city = walrus.TextField(index=True)
    age = walrus.IntegerField(index=True)
    score = walrus.FloatField(index=True)
    created_at = walrus.FloatField(index=True)


class Implementation(Peer):
    """walrus, as its documents say."""

    cannot = {
        'prefix': 'walrus has no index of prefixes',
        'suffix': 'walrus has no index of suffixes',
        **dict.fromkeys(('count', 'total', 'facets'), 'walrus has no aggregates'),
    }

    def use(self, socket: str, db: int) -> None:
        # A model has its database for good: so that one gets another connection.
        DATABASE.connection_pool = _database(socket, db).connection_pool

    def number(self, entity: Person) -> int:
        return int(entity._id) - 1

    def values(self, entity: Person) -> list[Any]:
        return [getattr(entity, name) for name in User._fields[1:]]

    def load(self, users: Iterable[User]) -> None:
        for user in users:
            Person.create(**user.columns())

    def create(self, users: Sequence[User], clock: Clock) -> None:
        columns = [user.columns() for user in users]
        with clock:
            for values in columns:
                Person.create(**values)

    def change(self, users: Sequence[User], clock: Clock) -> None:
        people = [Person.load(user.number + 1) for user in users]
        with clock:
            for user, person in zip(users, people, strict=True):
                person.score = user.score
                person.save()

    def save_one(self, user: User, clock: Clock) -> None:
        with clock:
            Person.create(**user.columns())

    def get_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Person]:
        with clock:
            return [Person.load(number + 1) for number in numbers]

    def read_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Person]:
        with clock:
            people = [Person.load(number + 1) for number in numbers]
            for person in people:
                self.values(person)
        return people

    def get_one(self, number: int, clock: Clock) -> Any:
        with clock:
            return Person.load(number + 1)

    def get_by(self, email: str, clock: Clock) -> Any:
        with clock:
            return Person.get(Person.email == email)

    def city_and_age(self, city: str, low: int, high: int) -> Sequence[Person]:
        fitting = (Person.city == city) & Person.age.between(low, high)
        return list(islice(Person.query(fitting, order_by=Person.score), 20))

    def either(self, cities: Sequence[str], low: int) -> Sequence[Person]:
        first, second = cities
        fitting = ((Person.city == first) | (Person.city == second)) & (Person.age >= low)
        return list(islice(Person.query(fitting, order_by=Person.score), 20))

    def created_range(self, low: float, high: float) -> Sequence[Person]:
        return list(Person.query(Person.created_at.between(low, high)))

    def words(self, first: str, second: str) -> Sequence[Person]:
        return list(Person.query(Person.name.match(f'{first} {second}')))

    def wide(self, low: int, high: int) -> Sequence[Person]:
        found = Person.query(Person.age.between(low, high), order_by=Person.score.desc())
        return list(islice(found, 20))

    def latest(self) -> Sequence[Person]:
        return list(islice(Person.query(order_by=Person.created_at.desc()), 20))
