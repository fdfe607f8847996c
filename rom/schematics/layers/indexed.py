"""Layer of rom rows: a row with index entries for each object, written by `lua/commit.lua`.

The primary key is a unique value, by which an object is found. rom's query engine searches the
indexes, in one round trip. Conditions without an exact index are tested here on each object. An
object that expires has an `ExpireAt` column, and rom leaves it out after that time, by the server's
clock. To store it again makes a new row; `sweep` removes the old one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rom._core.encoding.text import as_bytes, as_text
from rom._core.ops.commits.commit import commit
from rom._core.ops.commits.raw_commands import Check, Step
from rom._core.ops.expired_rows import due
from rom._core.ops.id_counters import take_ids
from rom._core.ops.load_rows import load_unique
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.query.nodes import All, Node
from rom._core.query.ordering import all_ordered
from rom._core.query.query import Query
from rom._core.query.spec import QuerySpec
from rom._core.schema import Schema
from rom._core.writes.changes import Change
from rom.exceptions import CorruptRowError, DataRaceError, EntityDeletedError, UniqueKeyViolation
from rom.schematics.columns import EXPIRES, columns_of, schema_of, sorts
from rom.schematics.conditions import EQUAL, Condition, node_of
from rom.schematics.fields import Field, ModelFields, fields_of
from rom.schematics.keys import ModelKeys
from rom.schematics.layers.base import Layer, Plan, Primitive, Raw, Task, race_error

Found = list[tuple[str, Raw]]


class Searched:
    """Stand-in for a model in rom's queries, which read only its schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema


def schema_for(keys: ModelKeys) -> Schema:
    """Return the rom schema of a model."""
    return schema_of(fields_of(keys.model), keys.prefix)


class IndexedLayer(Layer):
    """Layer with a row `Class:<id>` for each object, and indexes."""

    has_indexes = True

    # Encoding and decoding.

    def encode(self, fields: ModelFields, primitive: Primitive) -> dict[str, bytes | None]:
        columns = columns_of(fields)
        found: dict[str, bytes | None] = {}
        for field in fields.by_name.values():
            column, value = columns[field.name], primitive.get(field.stored)
            found[field.name] = None if value is None else column.encode(column.check(value))
        return found

    def decode(self, fields: ModelFields, raw: Raw, key: str) -> Primitive:
        columns = columns_of(fields)
        found: Primitive = {}
        for field in fields.by_name.values():
            part = raw.get(field.name)
            value = None if part is None else columns[field.name].read_stored(part, key)
            found[field.stored] = value
        return found

    def value_of(self, fields: ModelFields, field: Field, raw: Raw, key: str) -> Any:
        part = raw.get(field.name)
        return None if part is None else columns_of(fields)[field.name].read_stored(part, key)

    def part_of(self, fields: ModelFields, name: str) -> str:
        return name

    # Writing. `plan` makes changes of rows, so the layer has no commands of its own.

    def write(self, task: Task) -> list[Step]:
        raise NotImplementedError

    def remove(self, keys: ModelKeys, pk: str) -> list[Step]:
        raise NotImplementedError

    def expect(self, keys: ModelKeys, pk: str, raw: Raw) -> list[Check]:
        raise NotImplementedError

    def plan(self, tasks: Sequence[Task]) -> Operation[Plan]:
        plan = Plan()
        for schema, some in _by_schema(_merged(tasks)).items():
            pks = [as_bytes(task.pk) for task in some]
            rows = yield from load_unique(schema, schema.keys.unique(('pk',)), pks)
            by_pk = {row.stored.get('pk'): row for row in rows}
            for task, pk in zip(some, pks, strict=True):
                change = _change(schema, task, by_pk.get(pk))
                if change is not None:
                    plan.changes.append((change, task))
        if len(plan.changes) > 1:
            plan.changes = yield from _with_ids(plan.changes)
        return plan

    def can_retry(self, task: Task | None, error: Exception) -> bool:
        if isinstance(error, UniqueKeyViolation):
            return error.columns == ('pk',)  # another writer has created the object meanwhile
        return isinstance(error, (DataRaceError, EntityDeletedError))

    # Reading.

    def load(self, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        schema = schema_for(keys)
        values = [as_bytes(pk) for pk in pks]
        rows = yield from load_unique(schema, schema.keys.unique(('pk',)), values)
        stored = {row.stored.get('pk'): row.stored for row in rows}
        return [stored.get(value) for value in values]

    def page(self, keys: ModelKeys, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        found = yield from self._search(keys, ())
        return dict(found), 0

    def find(
        self, keys: ModelKeys, conditions: Sequence[Condition]
    ) -> Operation[tuple[Found, Sequence[Condition]] | None]:
        for condition in conditions:
            if condition.field.name == 'pk' and condition.sign == 'in':
                pks = list(dict.fromkeys(str(value) for value in condition.value))
                loaded = yield from self.load(keys, pks)
                return [(pk, raw) for pk, raw in zip(pks, loaded, strict=True) if raw], conditions
            if condition.sign == EQUAL and condition.value is not None:
                found = yield from self._by_unique(keys, condition)
                if found is not None:
                    return found, conditions
        schema = schema_for(keys)
        answers = [node_of(schema, condition) for condition in conditions]
        nodes = [answer.node for answer in answers if answer.node is not None]
        if not nodes:
            return None
        rest = [c for c, a in zip(conditions, answers, strict=True) if not a.is_exact]
        return (yield from self._search(keys, nodes)), rest

    def _by_unique(self, keys: ModelKeys, condition: Condition) -> Operation[Found | None]:
        schema, field = schema_for(keys), condition.field
        column = schema.columns[field.name]
        if not column.unique:
            return None
        value = column.encode(column.check(field.type.to_primitive(condition.value)))
        rows = yield from load_unique(schema, schema.keys.unique((field.name,)), [value])
        return _objects(rows)

    def search_sorted(
        self,
        keys: ModelKeys,
        conditions: Sequence[Condition],
        orders: Sequence[str],
        offset: int,
        limit: int | None,
    ) -> Operation[Found | None]:
        """Return the matches, sorted and limited by the server, or None if it cannot do that."""
        schema = schema_for(keys)
        answers = [node_of(schema, condition) for condition in conditions]
        names = [name.removeprefix('-') for name in orders]
        if not all(answer.is_exact for answer in answers):
            return None
        if not all(sorts(schema.columns[name]) for name in names):
            return None
        nodes = [answer.node for answer in answers if answer.node is not None]
        spec = QuerySpec(orders=all_ordered(schema, tuple(orders)), offset=offset, count=limit)
        return (yield from self._search(keys, nodes, spec))

    def _search(
        self, keys: ModelKeys, nodes: Sequence[Node], spec: QuerySpec | None = None
    ) -> Operation[Found]:
        schema = schema_for(keys)
        query: Query[Any] = Query(
            Searched(schema),  # type: ignore[arg-type]
            (spec or QuerySpec())._replace(where=All(tuple(nodes))),
        )
        rows = yield from queries.search(query)
        return _objects(rows)

    def sweep(self, keys: ModelKeys, limit: int | None, batch: int) -> Operation[int]:
        """Remove expired objects, and return their number.

        Raises:
            CorruptRowError: the key of an expired object holds another Redis type. The others are
                removed.
        """
        schema, done, position = schema_for(keys), 0, None
        broken: list[CorruptRowError] = []
        while limit is None or done < limit:
            count = batch if limit is None else min(batch, limit - done)
            found = yield from due(schema, count, position)
            broken += found.broken
            done += yield from _remove_expired(schema, found.rows)
            position = found.position
            if position is None:
                break
        if broken:
            raise broken[0]
        return done


def _objects(rows: Sequence[Row]) -> Found:
    found = ((row.stored.get('pk'), row) for row in rows)
    return [(as_text(pk), row.stored) for pk, row in found if pk is not None]


def _remove_expired(schema: Schema, rows: Sequence[Row]) -> Operation[int]:
    """Remove rows that still have the time of expiry that was read; a writer may have moved it."""
    while rows:
        changes = [_removal(schema, row, (EXPIRES,)) for row in rows]
        try:
            committed = yield from commit(changes, tell_gone=True)
        except DataRaceError as error:
            rows = [row for row in rows if row.id != error.id]
        else:
            return len(rows) - len(committed.gone)
    return 0


def _removal(schema: Schema, row: Row, depends_on: tuple[str, ...] = ()) -> Change:
    return Change(schema, 'delete', row.id, row.stored, {}, {}, depends_on=depends_on)


def _by_schema(tasks: Sequence[Task]) -> dict[Schema, list[Task]]:
    found: dict[Schema, list[Task]] = {}
    for task in tasks:
        found.setdefault(schema_for(task.keys), []).append(task)
    return found


def _merged(tasks: Sequence[Task]) -> list[Task]:
    """Merge the tasks of each object into one, because a commit takes one change for each row.

    The merged task writes the last values, and expects the parts that the first task expects.
    """
    found: dict[tuple[Any, str, str], Task] = {}
    for task in tasks:
        row = (task.keys.model, task.keys.prefix, task.pk)
        before = found.get(row)
        if before is not None:
            task = _both(before, task)
        found[row] = task
    return list(found.values())


def _both(first: Task, second: Task) -> Task:
    raw = second.raw
    if second.is_partial and raw is not None:
        if first.raw is None:
            raise race_error(second)
        raw = {**first.raw, **raw}
    return Task(
        second.layer,
        second.keys,
        second.pk,
        raw,
        first.is_partial and second.is_partial,
        first.is_careful or second.is_careful,
        first.seen if first.is_careful else second.seen,
        second.expire,
    )


def _change(schema: Schema, task: Task, row: Row | None) -> Change | None:
    """Return the change of the row for a task, or None if stored is nothing to remove."""
    if task.raw is None:
        return None if row is None else _removal(schema, row)
    if task.is_partial and row is None:
        raise race_error(task)
    if task.is_careful and _has_changed(task, row):
        raise race_error(task)
    wanted: dict[str, bytes | None] = dict(task.raw)
    wanted[EXPIRES] = None
    if task.expire is not None:
        column = schema.columns[EXPIRES]
        wanted[EXPIRES] = column.encode(column.check(time.time() + task.expire / 1000))
    if row is None:
        present = {name: value for name, value in wanted.items() if value is not None}
        return Change(schema, 'insert', None, {}, present, {})
    differing = {name: value for name, value in wanted.items() if row.stored.get(name) != value}
    # A whole write also rests on the fields that it leaves unchanged. Otherwise another writer
    # might change one of them meanwhile, and the row would be a mixture of two objects.
    depends_on = () if task.is_partial and not task.is_careful else tuple(task.raw)
    return Change(schema, 'update', row.id, row.stored, differing, {}, depends_on=depends_on)


def _has_changed(task: Task, row: Row | None) -> bool:
    if task.seen is None or row is None:
        return (task.seen is None) != (row is None)
    assert task.raw is not None
    return any(row.stored.get(name) != task.seen.get(name) for name in task.raw)


def _with_ids(changes: list[tuple[Change, Task]]) -> Operation[list[tuple[Change, Task]]]:
    """Take ids for new rows, because only a commit of one change can leave that to the script."""
    counts: dict[Schema, int] = {}
    for change, _ in changes:
        if change.kind == 'insert':
            counts[change.schema] = counts.get(change.schema, 0) + 1
    if not counts:
        return changes
    taken = yield from take_ids(counts)
    ids = {schema: iter(numbers) for schema, numbers in taken.items()}
    return [
        (change._replace(id=next(ids[change.schema])) if change.kind == 'insert' else change, task)
        for change, task in changes
    ]
