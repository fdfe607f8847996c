"""redis-om's HashModel, and its `find`, which needs a server with a search engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import redis
import redis_om
from redis_om import Field, Migrator

from benchmarks.data import User
from benchmarks.peers.base import Clock, Peer, batches, settings


@cache
def _decoding(socket: str, db: int) -> redis.Redis:
    return redis.Redis(decode_responses=True, **settings(socket, db))


class Person(redis_om.HashModel, index=True):  # type: ignore[misc, call-arg]
    """What every peer declares, in its own way. The indexes are the search engine's."""

    email: str = Field(index=True)
    name: str = Field(index=True, full_text_search=True)
    city: str = Field(index=True)
    age: int = Field(index=True, sortable=True)
    score: float = Field(index=True, sortable=True)
    created_at: float = Field(index=True, sortable=True)


# The same, whose attributes are expressions.
QUERIED: Any = Person


def _person(user: User) -> Person:
    return Person(pk=str(user.number + 1), **user.columns())


class Implementation(Peer):
    """redis-om, as its documents say."""

    cannot = dict.fromkeys(('total', 'facets'), 'redis-om has no aggregates')

    def use(self, socket: str, db: int) -> None:
        client = _decoding(socket, db)
        Person._meta.database = client
        if any(module['name'] == 'search' for module in client.module_list()):
            Migrator().run()

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

    def get_by(self, email: str, clock: Clock) -> Any:
        with clock:
            return Person.find(QUERIED.email == email).first()

    def city_and_age(self, city: str, low: int, high: int) -> Sequence[Any]:
        return _first_by_score(_of_city_and_age(city, low, high))

    def created_range(self, low: float, high: float) -> Sequence[Any]:
        return _all((QUERIED.created_at >= low) & (QUERIED.created_at <= high))

    def prefix(self, prefix: str) -> Sequence[Any]:
        return _all(QUERIED.email.startswith(prefix))

    def suffix(self, suffix: str) -> Sequence[Any]:
        return list(Person.find(QUERIED.email.endswith(suffix)).page(0, 20))

    def words(self, first: str, second: str) -> Sequence[Any]:
        return _all((QUERIED.name % first) & (QUERIED.name % second))

    def wide(self, low: int, high: int) -> Sequence[Any]:
        return _first_by_score((QUERIED.age >= low) & (QUERIED.age <= high), '-score')

    def latest(self) -> Sequence[Any]:
        return list(Person.find().sort_by('-created_at').page(0, 20))

    def either(self, cities: Sequence[str], low: int) -> Sequence[Any]:
        return _first_by_score((QUERIED.city << list(cities)) & (QUERIED.age >= low))

    def count(self, city: str, low: int, high: int) -> int:
        return int(Person.find(_of_city_and_age(city, low, high)).count())


def _of_city_and_age(city: str, low: int, high: int) -> Any:
    return (QUERIED.city == city) & (QUERIED.age >= low) & (QUERIED.age <= high)


def _all(expression: Any) -> list[Any]:
    return list(Person.find(expression).all())


def _first_by_score(expression: Any, order: str = 'score') -> list[Any]:
    return list(Person.find(expression).sort_by(order).page(0, 20))
