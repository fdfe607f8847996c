"""One program for redis-schematics and for rom.schematics: they differ in the mixin.

What the fields' metadata ask for is an index to rom.schematics, and nothing to redis-schematics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from schematics import models, types

from benchmarks.data import User
from benchmarks.peers.base import Clock, Peer, batches, connect

INDEX = {'index': True}


class Fields(models.Model):  # type: ignore[misc]
    """What every peer declares, in its own way."""

    pk = types.StringType()
    email = types.StringType(metadata={'unique': True, 'prefix': True, 'suffix': True})
    name = types.StringType()
    city = types.StringType(metadata=INDEX)
    age = types.IntType(metadata=INDEX)
    score = types.FloatType(metadata=INDEX)
    created_at = types.FloatType(metadata=INDEX)


class Models(Peer):
    """Persistence for models, as its documents say.

    Attributes:
        person: the model, with the mixin that is measured.
    """

    person: type[Any]

    def write(self, people: Iterable[Any]) -> None:
        """Write objects, in the way that is best for some hundred."""
        raise NotImplementedError

    def make(self, user: User) -> Any:
        """The object of a user."""
        return self.person({'pk': str(user.number + 1), **user.columns()})

    def use(self, socket: str, db: int) -> None:
        self.person.__redis_client__ = connect(socket, db)

    def number(self, entity: Any) -> int:
        return int(entity.pk) - 1

    def values(self, entity: Any) -> list[Any]:
        return [getattr(entity, name) for name in User._fields[1:]]

    def load(self, users: Iterable[User]) -> None:
        for batch in batches(users):
            self.write(self.make(user) for user in batch)

    def create(self, users: Sequence[User], clock: Clock) -> None:
        with clock:
            self.write(self.make(user) for user in users)

    def change(self, users: Sequence[User], clock: Clock) -> None:
        people = [self.person.match_for_pk(str(user.number + 1)) for user in users]
        with clock:
            for user, person in zip(users, people, strict=True):
                person.score = user.score
            self.write(people)

    def save_one(self, user: User, clock: Clock) -> None:
        with clock:
            self.make(user).set()

    def get_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Any]:
        with clock:
            return [self.person.match_for_pk(str(number + 1)) for number in numbers]

    def read_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Any]:
        with clock:
            people = [self.person.match_for_pk(str(number + 1)) for number in numbers]
            for person in people:
                self.values(person)
        return people

    def get_one(self, number: int, clock: Clock) -> Any:
        with clock:
            return self.person.match_for_pk(str(number + 1))

    def get_by(self, email: str, clock: Clock) -> Any:
        with clock:
            return self.person.match_for_values(email=email)

    def filter_models(self, age: int) -> Sequence[Any]:
        found: Sequence[Any] = self.person.filter(age=age)
        return found
