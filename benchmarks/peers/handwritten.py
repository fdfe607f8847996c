"""No object mapper: redis-py, and what one would write with it, on the keys that rom uses.

Writing is a pipeline with a command for each key of each entity, a thousand entities at a time.
Nothing is checked: not whether an address is taken, nor whether somebody else changed a row.
"""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import redis

from benchmarks.data import User
from benchmarks.peers.base import Clock, Peer, batches, connect

Row: TypeAlias = dict[bytes, bytes]

_BYTES = 7
_BASE = 258


def prefix_score(text: str) -> float:
    """The number by which rom sorts strings: their first seven bytes, spread over the doubles."""
    head = text.encode()[:_BYTES]
    number = 0
    for byte in head:
        number = number * _BASE + byte + 1
    number *= _BASE ** (_BYTES - len(head))
    exponent, mantissa = divmod(number, 2**52)
    return float((2**52 + mantissa) * 2.0 ** (exponent - 1074))


def write(pipe: Any, user: User) -> None:
    """Put the commands for a new user into a pipeline."""
    id = user.number + 1
    email, backwards = user.email, user.email[::-1]
    pipe.hset(
        f'user:{id}',
        mapping={
            'email': email,
            'name': user.name,
            'city': user.city,
            'age': user.age,
            'score': repr(user.score),
            'created_at': repr(user.created_at),
            'id': id,
        },
    )
    pipe.hset('user:email:uidx', email, id)
    pipe.zadd('user:email:pre', {f'{email}\0{id}': prefix_score(email)})
    pipe.zadd('user:email:suf', {f'{backwards}\0{id}': prefix_score(backwards)})
    for word in {word.strip(string.punctuation) for word in user.name.lower().split()}:
        pipe.sadd(f'user:name:{word}:idx', id)
    pipe.sadd(f'user:city:{user.city}:idx', id)
    pipe.zadd('user:age:idx', {id: user.age})
    pipe.zadd('user:score:idx', {id: user.score})
    pipe.zadd('user:created_at:idx', {id: user.created_at})
    pipe.setbit('user:id:live', id, 1)


class Implementation(Peer):
    """Pipelines of redis-py."""

    client: redis.Redis

    def use(self, socket: str, db: int) -> None:
        self.client = connect(socket, db)

    def number(self, entity: Row) -> int:
        return int(entity[b'id']) - 1

    def values(self, entity: Row) -> list[Any]:
        texts = [entity[name.encode()].decode() for name in ('email', 'name', 'city')]
        numbers = [float(entity[name]) for name in (b'score', b'created_at')]
        return [*texts, int(entity[b'age']), *numbers]

    def load(self, users: Iterable[User]) -> None:
        for batch in batches(users):
            self._write(batch)

    def create(self, users: Sequence[User], clock: Clock) -> None:
        with clock:
            for batch in batches(users):
                self._write(batch)

    def _write(self, users: Sequence[User]) -> None:
        # The counter is moved first, so that nobody else takes these ids. Bit 0 of the bitmap makes
        # it there before the first id is, as rom has it.
        self.client.incrby('user:id:', len(users))
        with self.client.pipeline(transaction=False) as pipe:
            pipe.setbit('user:id:live', 0, 0)
            for user in users:
                write(pipe, user)
            pipe.execute()

    def change(self, users: Sequence[User], clock: Clock) -> None:
        with clock:
            for batch in batches(users):
                with self.client.pipeline(transaction=False) as pipe:
                    for user in batch:
                        pipe.hset(f'user:{user.number + 1}', 'score', repr(user.score))
                        pipe.zadd('user:score:idx', {str(user.number + 1): user.score})
                    pipe.execute()

    def save_one(self, user: User, clock: Clock) -> None:
        with clock:
            self._write([user])

    def _rows(self, ids: Iterable[Any]) -> list[Row]:
        with self.client.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hgetall(f'user:{int(id)}')
            found: list[Row] = pipe.execute()
        return found

    def get_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Row]:
        with clock:
            return self._rows(number + 1 for number in numbers)

    def read_many(self, numbers: Sequence[int], clock: Clock) -> Sequence[Row]:
        with clock:
            found = self._rows(number + 1 for number in numbers)
            for row in found:
                self.values(row)
        return found

    def get_one(self, number: int, clock: Clock) -> Any:
        with clock:
            return self.client.hgetall(f'user:{number + 1}')

    def get_by(self, email: str, clock: Clock) -> Any:
        with clock:
            id: Any = self.client.hget('user:email:uidx', email)
            return self.client.hgetall(f'user:{int(id)}')

    def city_and_age(self, city: str, low: int, high: int) -> Sequence[Row]:
        return self._first_by_score(self.client.smembers(f'user:city:{city}:idx'), low, high)

    def either(self, cities: Sequence[str], low: int) -> Sequence[Row]:
        keys = [f'user:city:{city}:idx' for city in cities]
        return self._first_by_score(self.client.sunion(keys), low, math.inf)

    def _first_by_score(self, found: Any, low: int, high: float) -> Sequence[Row]:
        ids = list(found)
        with self.client.pipeline(transaction=False) as pipe:
            pipe.zmscore('user:age:idx', ids)
            pipe.zmscore('user:score:idx', ids)
            ages, scores = pipe.execute()
        fitting = [
            (score, id)
            for id, age, score in zip(ids, ages, scores, strict=True)
            if age is not None and low <= age <= high
        ]
        return self._rows(id for _, id in sorted(fitting)[:20])

    def _of_city(self, key: str, city: str) -> list[float]:
        """The scores in an index of those of a city."""
        ids: Any = self.client.smembers(f'user:city:{city}:idx')
        scores: Any = self.client.zmscore(key, list(ids))
        return [score for score in scores if score is not None]

    def count(self, city: str, low: int, high: int) -> int:
        return sum(low <= age <= high for age in self._of_city('user:age:idx', city))

    def total(self, city: str) -> float:
        return math.fsum(self._of_city('user:score:idx', city))

    def facets(self, low: int, high: int) -> Mapping[str, int]:
        ids: Any = self.client.zrangebyscore('user:age:idx', low, high)
        with self.client.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hget(f'user:{int(id)}', 'city')
            cities: Any = pipe.execute()
        return Counter(city.decode() for city in cities)

    def created_range(self, low: float, high: float) -> Sequence[Row]:
        ids: Any = self.client.zrangebyscore('user:created_at:idx', low, high)
        return self._rows(ids)

    def prefix(self, prefix: str) -> Sequence[Row]:
        return self._beginning('user:email:pre', prefix)

    def suffix(self, suffix: str) -> Sequence[Row]:
        return self._beginning('user:email:suf', suffix[::-1], 20)

    def _beginning(self, key: str, head: str, count: int = -1) -> Sequence[Row]:
        ends = f'[{head}', b'[' + head.encode() + b'\xff'
        members: Any = self.client.zrangebylex(key, *ends, start=0, num=count)
        return self._rows(member.rpartition(b'\0')[2] for member in members)

    def words(self, first: str, second: str) -> Sequence[Row]:
        ids: Any = self.client.sinter([f'user:name:{first}:idx', f'user:name:{second}:idx'])
        return self._rows(ids)

    def wide(self, low: int, high: int) -> Sequence[Row]:
        found: list[bytes] = []
        start, step = 0, 64
        while len(found) < 20:
            ids: Any = self.client.zrevrange('user:score:idx', start, start + step - 1)
            if not ids:
                break
            ages: Any = self.client.zmscore('user:age:idx', ids)
            found += [id for id, age in zip(ids, ages, strict=True) if low <= age <= high]
            start, step = start + step, step * 2
        return self._rows(found[:20])

    def latest(self) -> Sequence[Row]:
        ids: Any = self.client.zrevrange('user:created_at:idx', 0, 19)
        return self._rows(ids)
