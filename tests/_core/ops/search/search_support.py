"""For the tests of searches: rows and their entries written by hand, and a driver on a client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis

from rom._core.drivers.server_functions import use_server_functions
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.rows import Row
from rom._core.ops.search import pagination, queries
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.schema import Schema
from rom._core.schema_builder import build
from rom._core.writes.entry_changes import entries_of
from rom.columns import Column, PrimaryKey
from rom.query import Query
from tests.support.snapshots import once

MANY = 500  # rows


def model_of(compound_index: Any = None, **columns: Column[Any]) -> type[Any]:
    """Something that a query takes for a model."""
    if not any(isinstance(column, PrimaryKey) for column in columns.values()):
        columns['id'] = PrimaryKey()
    for column_name, column in columns.items():
        column.name = column_name
    schema = build('Thing', columns, None, None, False, compound_index=compound_index)
    return type('Thing', (), {'_schema': schema})


@contextmanager
def scripts_only() -> Iterator[None]:
    """No server functions are called."""
    use_server_functions(False)
    try:
        yield
    finally:
        use_server_functions(True)


class Store:
    """A model's data on a server, written without the code that commits."""

    def __init__(self, client: redis.Redis, raw: redis.Redis, model: type[Any]) -> None:
        self.driver = SyncDriver(client)
        self.raw = raw
        self.model = model
        self.schema: Schema = model._schema

    @property
    def query(self) -> Query[Any]:
        return Query(self.model)

    def write(self, rows: Mapping[int, Mapping[str, Any]], live: bool = True) -> None:
        """Write rows, their entries and their bits; many into an empty database only once."""
        if len(rows) < MANY or self.raw.dbsize():
            return self._write(rows, live)
        once(self.raw, (self.model, repr(rows), live), lambda: self._write(rows, live))

    def _write(self, rows: Mapping[int, Mapping[str, Any]], live: bool) -> None:
        keys, columns = self.schema.keys, self.schema.columns
        with self.raw.pipeline(transaction=False) as pipe:
            if live:
                pipe.setbit(keys.live, 0, 0)
            for id, values in rows.items():
                stored = {
                    name: columns[name].encode(columns[name].check(value))
                    for name, value in values.items()
                    if value is not None
                }
                stored[self.schema.primary] = b'%d' % id
                pipe.hset(keys.row(id), mapping=stored)
                for (key, stem), score in entries_of(self.schema, stored).items():
                    if score is None:
                        pipe.sadd(key, stem + b'%d' % id)
                    else:
                        pipe.execute_command('ZADD', key, score, stem + b'%d' % id)
                for unique in self.schema.uniques:
                    for value in unique.claims(stored):
                        pipe.hset(unique.key, value, id)
                if live and id < 2**32:
                    pipe.setbit(keys.live, id, 1)
            pipe.set(keys.counter, max(rows, default=0))
            pipe.execute()

    def remove(self, id: int) -> None:
        """Take a row and its entries away."""
        keys = self.schema.keys
        stored = {name.decode(): raw for name, raw in self.raw.hgetall(keys.row(id)).items()}
        if stored:
            for (key, stem), score in entries_of(self.schema, stored).items():
                self.raw.execute_command(
                    'SREM' if score is None else 'ZREM', key, stem + b'%d' % id
                )
            for unique in self.schema.uniques:
                self.raw.hdel(unique.key, *unique.claims(stored), '')
            self.raw.delete(keys.row(id))
            self.raw.setbit(keys.live, id, 0)

    def rows(self, query: Query[Any], bounds: Bounds = BOUNDS) -> list[Row]:
        return self.driver.run(queries.search(query, bounds))

    def ids(self, query: Query[Any], bounds: Bounds = BOUNDS) -> list[int]:
        return [row.id for row in self.rows(query, bounds)]

    def count(self, query: Query[Any], bounds: Bounds = BOUNDS) -> int:
        return self.driver.run(queries.count(query, bounds))

    def blocks(self, query: Query[Any], size: int, bounds: Bounds = BOUNDS) -> list[list[int]]:
        found, cursor = [], None
        while True:
            rows, cursor = self.driver.run(queries.block(query, cursor, size, bounds))
            found.append([row.id for row in rows])
            if cursor is None:
                return found

    def pages(self, query: Query[Any], size: int, bounds: Bounds = BOUNDS) -> list[list[int]]:
        found, cursor = [], None
        while True:
            operation = pagination.page(query, size, cursor, bounds=bounds)
            rows, cursor, _ = self.driver.run(operation)
            found.append([row.id for row in rows])
            if cursor is None:
                return found

    def pages_back(self, query: Query[Any], size: int, bounds: Bounds = BOUNDS) -> list[list[int]]:
        """The pages from the last one to the first."""
        found: list[list[int]] = []
        cursor: str | None = pagination.write_open_cursor(query)
        while True:
            operation = pagination.page(query, size, before=cursor, bounds=bounds)
            rows, _, cursor = self.driver.run(operation)
            found.append([row.id for row in rows])
            if cursor is None:
                return found
