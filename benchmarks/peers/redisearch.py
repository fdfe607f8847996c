"""RediSearch: redis-py, and FT commands written by hand.

The rows are hashes, written by pipelines of a thousand; the module indexes them as they come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import redis

from benchmarks.data import User
from benchmarks.peers.base import Clock, batches, settings
from benchmarks.peers.handwritten import Implementation as HandWritten
from benchmarks.peers.handwritten import Row

INDEX = 'users'
# What can be sorted, summed or grouped is also kept in the index, which is quickest.
SCHEMA = (
    *('email', 'TAG', 'CASESENSITIVE', 'WITHSUFFIXTRIE'),
    *('name', 'TEXT', 'NOSTEM'),
    *('city', 'TAG', 'SORTABLE', 'UNF'),
    *('age', 'NUMERIC', 'SORTABLE'),
    *('score', 'NUMERIC', 'SORTABLE'),
    *('created_at', 'NUMERIC', 'SORTABLE'),
)
MOST = 10_000  # hits of a query without a limit


@cache
def _connect(socket: str, db: int) -> Any:
    """A client whose replies of the module are flat lists, which take the least to read."""
    return redis.Redis(protocol=2, **settings(socket, db))


def _tag(text: str) -> str:
    """A text as a tag of a query."""
    return re.sub(r'(\W)', r'\\\1', text)


def _of_city_and_age(city: str, low: int, high: int) -> str:
    return f'@city:{{{_tag(city)}}} @age:[{low} {high}]'


class Implementation(HandWritten):
    """FT commands."""

    client: Any

    def use(self, socket: str, db: int) -> None:
        self.client = _connect(socket, db)
        if INDEX.encode() not in self.client.execute_command('FT._LIST'):
            self.client.execute_command(
                *('FT.CREATE', INDEX, 'ON', 'HASH', 'PREFIX', 1, 'user:', 'SCHEMA'), *SCHEMA
            )

    def _write(self, users: Sequence[User]) -> None:
        with self.client.pipeline(transaction=False) as pipe:
            for user in users:
                columns = {**user.columns(), 'id': user.number + 1}
                pipe.hset(f'user:{user.number + 1}', mapping=columns)
            pipe.execute()

    def change(self, users: Sequence[User], clock: Clock) -> None:
        with clock:
            for batch in batches(users):
                with self.client.pipeline(transaction=False) as pipe:
                    for user in batch:
                        pipe.hset(f'user:{user.number + 1}', 'score', repr(user.score))
                    pipe.execute()

    def _search(self, query: str, *more: Any, most: int = MOST) -> list[Row]:
        reply = self.client.execute_command(
            'FT.SEARCH', INDEX, query, *more, 'LIMIT', 0, most, 'DIALECT', 2
        )
        # How many there are, then a key and its fields for each.
        return [_row(fields) for fields in reply[2::2]]

    def get_by(self, email: str, clock: Clock) -> Any:
        with clock:
            return self._search(f'@email:{{{_tag(email)}}}', most=1)[0]

    def city_and_age(self, city: str, low: int, high: int) -> Sequence[Row]:
        return self._search(_of_city_and_age(city, low, high), 'SORTBY', 'score', 'ASC', most=20)

    def created_range(self, low: float, high: float) -> Sequence[Row]:
        return self._search(f'@created_at:[{low!r} {high!r}]')

    def prefix(self, prefix: str) -> Sequence[Row]:
        return self._search(f'@email:{{{_tag(prefix)}*}}')

    def suffix(self, suffix: str) -> Sequence[Row]:
        return self._search(f'@email:{{*{_tag(suffix)}}}', most=20)

    def words(self, first: str, second: str) -> Sequence[Row]:
        return self._search(f'@name:({first} {second})')

    def wide(self, low: int, high: int) -> Sequence[Row]:
        return self._search(f'@age:[{low} {high}]', 'SORTBY', 'score', 'DESC', most=20)

    def latest(self) -> Sequence[Row]:
        return self._search('*', 'SORTBY', 'created_at', 'DESC', most=20)

    def either(self, cities: Sequence[str], low: int) -> Sequence[Row]:
        either = '|'.join(_tag(city) for city in cities)
        query = f'@city:{{{either}}} @age:[{low} +inf]'
        return self._search(query, 'SORTBY', 'score', 'ASC', most=20)

    def count(self, city: str, low: int, high: int) -> int:
        query = _of_city_and_age(city, low, high)
        reply = self.client.execute_command('FT.SEARCH', INDEX, query, 'LIMIT', 0, 0, 'DIALECT', 2)
        return int(reply[0])

    def _aggregate(self, query: str, *steps: Any) -> Iterable[Row]:
        reply = self.client.execute_command(
            'FT.AGGREGATE', INDEX, query, *steps, 'LIMIT', 0, MOST, 'DIALECT', 2
        )
        return map(_row, reply[1:])

    def total(self, city: str) -> float:
        reduce = ('GROUPBY', 0, 'REDUCE', 'SUM', 1, '@score', 'AS', 'total')
        (row,) = self._aggregate(f'@city:{{{_tag(city)}}}', *reduce)
        return float(row[b'total'])

    def facets(self, low: int, high: int) -> Mapping[str, int]:
        reduce = ('GROUPBY', 1, '@city', 'REDUCE', 'COUNT', 0, 'AS', 'count')
        rows = self._aggregate(f'@age:[{low} {high}]', *reduce)
        return {row[b'city'].decode(): int(row[b'count']) for row in rows}


def _row(flat: Sequence[bytes]) -> Row:
    return dict(zip(flat[::2], flat[1::2], strict=True))
