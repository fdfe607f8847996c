"""One program for two versions of rom: what ran with rom 1.1.2 runs with this project.

Which of them `import rom` finds is up to the environment; `ours` and `rom1` make sure of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import rom
from benchmarks.data import User
from benchmarks.peers.base import Clock, Peer, batches, connect


class Person(rom.Model):
    """What every peer declares, in its own way."""

    _namespace = 'user'

    email = rom.Text(required=True, unique=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    name = rom.Text(index=True, keygen=rom.FULL_TEXT)
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True)
    score = rom.Float(index=True)
    created_at = rom.Float(index=True)


class Program(Peer):
    """rom, as its documents say."""

    person: type[Person] = Person

    def use(self, socket: str, db: int) -> None:
        self.forget()
        rom.util.CONNECTION = connect(socket, db)

    def forget(self) -> None:
        rom.session.rollback()

    def number(self, entity: Person) -> int:
        id: Any = entity.id
        return int(id) - 1

    def values(self, entity: Person) -> list[Any]:
        return [getattr(entity, name) for name in User._fields[1:]]

    def load(self, users: Iterable[User]) -> None:
        for batch in batches(users):
            for user in batch:
                self.person(**user.columns())
            rom.session.commit()

    def create(self, users: Sequence[User], clock: Clock) -> None:
        columns = [user.columns() for user in users]
        with clock:
            for values in columns:
                self.person(**values)
            self.commit_new()

    def change(self, users: Sequence[User], clock: Clock) -> None:
        people = self.person.get([user.number + 1 for user in users])
        with clock:
            for person, user in zip(people, users, strict=True):
                person.score = user.score
            rom.session.commit()

    def commit_new(self) -> None:
        rom.session.commit()

    def save_one(self, user: User, clock: Clock) -> None:
        columns = user.columns()
        with clock:
            self.person(**columns).save()

    def get_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Person]:
        ids = [number + 1 for number in numbers]
        with clock:
            return self.person.get(ids)

    def read_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Person]:
        ids = [number + 1 for number in numbers]
        with clock:
            people = self.person.get(ids)
            for person in people:
                person.email, person.name, person.city, person.age  # noqa: B018
                person.score, person.created_at  # noqa: B018
        return people

    def get_one(self, number: int, clock: Clock) -> Any:
        with clock:
            return self.person.get(number + 1)

    def get_by(self, email: str, clock: Clock) -> Any:
        with clock:
            return self.person.get_by(email=email)

    def city_and_age(self, city: str, low: int, high: int) -> Sequence[Person]:
        found = self.person.query.filter(city=city, age=(low, high)).order_by('score')
        return found.limit(0, 20).all()

    def created_range(self, low: float, high: float) -> Sequence[Person]:
        return self.person.query.filter(created_at=(low, high)).all()

    def prefix(self, prefix: str) -> Sequence[Person]:
        return self.person.query.startswith(email=prefix).all()

    def suffix(self, suffix: str) -> Sequence[Person]:
        return self.person.query.endswith(email=suffix).limit(0, 20).all()

    def words(self, first: str, second: str) -> Sequence[Person]:
        return self.person.query.filter(name=first).filter(name=second).all()

    def wide(self, low: int, high: int) -> Sequence[Person]:
        return self.person.query.filter(age=(low, high)).order_by('-score').limit(0, 20).all()

    def latest(self) -> Sequence[Person]:
        return self.person.query.order_by('-created_at').limit(0, 20).all()

    def either(self, cities: Sequence[str], low: int) -> Sequence[Person]:
        found = self.person.query.filter(city=list(cities), age=(low, None)).order_by('score')
        return found.limit(0, 20).all()

    def count(self, city: str, low: int, high: int) -> int:
        return self.person.query.filter(city=city, age=(low, high)).count()
