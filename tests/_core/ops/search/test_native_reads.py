"""Queries of one range by native commands: the same results as by the script, or the script."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

import rom
from rom._core.ops.requests import Command, RowReads, Script
from rom._core.ops.search.native_reads import MOST, native_find, range_of
from rom.exceptions import CorruptRowError, ServerError
from rom.query import Query
from tests._core.ops.search.oracle import CLAUSES, MODEL, NOTHING, ROWS, Clause, Values
from tests._core.ops.search.search_support import Store
from tests.support.servers import Server

EXAMPLES = int(os.environ.get('ROM_TEST_EXAMPLES', '100'))
RANGES = {
    ('filter', 'age'), ('filter', 'big'), ('filter', 'price'), ('startswith', 'label'),
    ('endswith', 'label'), ('startswith', 'name'), ('endswith', 'name'), ('startswith', 'tag'),
    ('startswith', 'blob'), ('endswith', 'blob'), ('startswith', 'raw'),
}  # fmt: skip
RANGE = CLAUSES.filter(lambda clause: (clause.method, clause.name) in RANGES)


class NativeVisitor(rom.Model):
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    name = rom.Text(index=True, keygen=rom.FULL_TEXT, prefix=True)
    email = rom.Text(prefix=True, suffix=True, keygen=rom.IDENTITY)
    nick = rom.Text(prefix=True, keygen=rom.IDENTITY_CI)
    age = rom.Integer(index=True)
    born = rom.DateTime(index=True)
    marks = rom.List(rom.Integer(), index=True)


class NativeTicket(rom.Model):
    number = rom.Integer(index=True)
    until = rom.ExpireAt()


NATIVE_SHARDS = rom.Shards('native', 2)


class NativeVisit(rom.Model):
    _shards = NATIVE_SHARDS
    number = rom.Integer(index=True)


class NativeNote(rom.Model):
    _soft_delete = 'deleted_at'
    number = rom.Integer(index=True)
    deleted_at = rom.DateTime(index=True)


def of(clause: Clause) -> Query[Any]:
    return getattr(Query(MODEL), clause.method)(**{clause.name: clause.value})


def natively(store: Store, query: Query[Any]) -> Any:
    operation = native_find(query, {})
    assert operation is not None
    return store.driver.run(operation)


@pytest.mark.one_server
@settings(max_examples=EXAMPLES // 8)
@given(rows=ROWS, clause=RANGE, limit=st.none() | st.integers(1, 9))
def test_results_are_those_of_the_script(
    server: Server,
    client: redis.Redis,
    raw: redis.Redis,
    rows: dict[int, Values],
    clause: Clause,
    limit: int | None,
) -> None:
    server.flush()
    store = Store(client, raw, MODEL)
    store.write(rows)
    query = of(clause)
    if range_of(query) is None:
        return  # a number that is not exact, or a text with a NUL
    every = store.rows(query)
    assert natively(store, query) == (every, True)
    assert sorted(row.id for row in every) == [id for id in sorted(rows) if clause.holds(rows[id])]
    if limit is not None:
        found, is_all = natively(store, query.limit(limit))
        assert found == store.rows(query.limit(limit)) == every[:limit]
        assert is_all == (len(every) < limit)


# Which queries are asked so.

VISITORS = NativeVisitor.query
SUITABLE: dict[str, tuple[Callable[[], Query[Any]], str | None]] = {
    'range': (lambda: VISITORS.filter(age=(1, 5)), 'ZRANGEBYSCORE'),
    'half open': (lambda: VISITORS.filter(age=(None, 5)), 'ZRANGEBYSCORE'),
    'number': (lambda: VISITORS.filter(age=5), 'ZRANGEBYSCORE'),
    'expression': (lambda: VISITORS.where(NativeVisitor.age > 5), 'ZRANGEBYSCORE'),
    'limit': (lambda: VISITORS.filter(age=5).limit(MOST), 'ZRANGEBYSCORE'),
    'prefix': (lambda: VISITORS.startswith(email='ann'), 'ZRANGEBYLEX'),
    'suffix': (lambda: VISITORS.endswith(email='.org'), 'ZRANGEBYLEX'),
    'any case': (lambda: VISITORS.startswith(nick='ANN'), 'ZRANGEBYLEX'),
    'long limit': (lambda: VISITORS.filter(age=5).limit(MOST + 1), None),
    'no results': (lambda: VISITORS.filter(age=5).limit(0), None),
    'offset': (lambda: VISITORS.filter(age=5).limit(3, 5), None),
    'order': (lambda: VISITORS.filter(age=(1, 5)).order_by('age'), None),
    'two filters': (lambda: VISITORS.filter(age=(1, 5), city='Oslo'), None),
    'word': (lambda: VISITORS.filter(city='Oslo'), None),
    'everything': (lambda: VISITORS, None),
    'prefix of words': (lambda: VISITORS.startswith(name='ann'), None),
    'pattern': (lambda: VISITORS.like(email='a*b'), None),
    'other prefix': (lambda: VISITORS.does_not_startwith(email='a'), None),
    'not exact': (lambda: VISITORS.filter(age=(2**60, 2**61)), None),
    'elements': (lambda: VISITORS.filter(marks=5), None),
    'ids': (lambda: VISITORS.filter(id=(1, 5)), None),
    'columns': (lambda: VISITORS.filter(age=5).select('age'), None),
    'may expire': (lambda: NativeTicket.query.filter(number=5), None),
    'partitions': (lambda: NativeVisit.query.filter(number=5), None),
    'may be deleted': (lambda: NativeNote.query.filter(number=5), None),
}


@pytest.mark.parametrize('name', list(SUITABLE))
def test_only_a_query_of_one_range(name: str) -> None:
    make, command = SUITABLE[name]
    found = range_of(make())
    assert (None if found is None else found.name) == command
    assert (native_find(make(), {}) is None) == (command is None)


# What happens between the two trips, and what is unusual.


def begun(query: Query[Any], ids: list[bytes]) -> Any:
    """The operation, which has got the ids."""
    operation = native_find(query, {})
    assert isinstance(next(operation), Command)
    return operation, operation.send(ids)


def row(**values: bytes) -> list[bytes | None]:
    return [values.get(name) for name in NativeVisitor._schema.names]


def is_script(request: Any) -> bool:
    return isinstance(request, Script) and request.name == 'search'


def test_two_requests() -> None:
    operation, request = begun(VISITORS.filter(age=(1, 5)), [b'7', b'9'])
    assert request == RowReads(b'NativeVisitor:', [b'7', b'9'], NativeVisitor._schema.fields)
    with pytest.raises(StopIteration) as end:
        operation.send([row(age=b'5'), row(age=b'1', city=b'Oslo')])
    assert end.value.value == ([(7, {'age': b'5'}), (9, {'age': b'1', 'city': b'Oslo'})], True)


@pytest.mark.parametrize(
    'values', [row(age=b'6'), row(city=b'Oslo'), row(), row(age=b'x'), ServerError('WRONGTYPE')]
)
def test_a_row_that_does_not_match_leaves_it_to_the_script(values: Any) -> None:
    operation, _ = begun(VISITORS.filter(age=(1, 5)), [b'7', b'9'])
    assert is_script(operation.send([row(age=b'5'), values]))


@pytest.mark.parametrize(
    ('query', 'raw', 'holds'),
    [
        (VISITORS.startswith(email='Äb'), 'Äbc', True),
        (VISITORS.startswith(email='Äb'), 'äbc', False),
        (VISITORS.endswith(email='bÄ'), 'abÄ', True),
        (VISITORS.startswith(nick='ÄB'), 'äbc', True),
        (VISITORS.startswith(nick='AB'), 'aBc', True),
    ],
)
def test_texts_are_compared_as_the_index_has_them(query: Query[Any], raw: str, holds: bool) -> None:
    found = range_of(query)
    assert found is not None
    assert found.matches(raw.encode()) == holds


def test_many_ids_are_left_to_the_script() -> None:
    ids = [b'%d' % id for id in range(1, MOST + 2)]
    assert is_script(begun(VISITORS.filter(age=(1, 5)), ids)[1])


def test_an_id_that_comes_twice_is_left_to_the_script() -> None:
    _, request = begun(VISITORS.startswith(email='a'), [b'a\x007', b'ab\x007'])
    assert is_script(request)


def test_an_index_of_another_type_is_named(client: redis.Redis, raw: redis.Redis) -> None:
    raw.set('NativeVisitor:age:idx', 'x')
    store = Store(client, raw, NativeVisitor)
    with pytest.raises(CorruptRowError, match=r'NativeVisitor:age:idx should be an index'):
        natively(store, VISITORS.filter(age=5))


def test_a_malformed_member_is_named(client: redis.Redis, raw: redis.Redis) -> None:
    raw.zadd('NativeVisitor:age:idx', {'x': 5})
    raw.hset('NativeVisitor:x', 'age', '5')
    store = Store(client, raw, NativeVisitor)
    with pytest.raises(CorruptRowError, match="names b'x'"):
        natively(store, VISITORS.filter(age=5))


def test_a_key_without_a_row_is_named(client: redis.Redis, raw: redis.Redis) -> None:
    store = Store(client, raw, NativeVisitor)
    store.write({1: {'age': 5}, 2: {'age': 5}})
    raw.delete('NativeVisitor:2')
    raw.set('NativeVisitor:2', 'x')
    with pytest.raises(CorruptRowError, match='NativeVisitor:2 should hold a hash') as caught:
        natively(store, VISITORS.filter(age=5))
    assert [found.id for found in caught.value.entities] == [1]


# By the sessions.


def called(raw: redis.Redis) -> set[str]:
    return {name.removeprefix('cmdstat_') for name in raw.info('commandstats')}


def visitors(count: int) -> None:
    for number in range(count):
        NativeVisitor(age=number, email=f'a{number}@b.c')
    rom.session.commit()
    rom.session.rollback()


def test_a_session_asks_so(
    each_way: str, client: redis.Redis, raw: redis.Redis, on_client: None
) -> None:
    visitors(20)
    raw.config_resetstat()
    found = VISITORS.filter(age=(3, 6)).all()
    assert [visitor.age for visitor in found] == [3, 4, 5, 6]
    assert VISITORS.filter(age=(3, 6)).all() == found
    assert VISITORS.filter(age=(30, 60)).all() == []
    assert VISITORS.startswith(email='a19').limit(5).all()[0].email == 'a19@b.c'
    found[0].age = 100
    found[0].save()
    assert [visitor.age for visitor in VISITORS.filter(age=(3, 6)).all()] == [4, 5, 6]
    assert 'hmget' in called(raw)
    reading = {'zrangebyscore', 'zrangebylex'} & called(raw)
    assert (len(reading) == 2) == (each_way == 'native')


@pytest.mark.one_server
def test_tasks_ask_so(each_way: str, server: Server, raw: redis.Redis, on_client: None) -> None:
    visitors(20)
    raw.config_resetstat()

    async def main() -> None:
        client = server.connect_async()

        async def one(low: int) -> None:
            async with rom.AsyncSession(client) as session:
                for _ in range(2):
                    found = await session.all(VISITORS.filter(age=(low, low + 2)))
                    assert [visitor.age for visitor in found] == [low, low + 1, low + 2]
                    session.rollback()

        await asyncio.gather(*map(one, range(15)))
        await client.aclose()

    asyncio.run(main())
    assert ('zrangebyscore' in called(raw)) == (each_way == 'native')


@pytest.mark.one_server
def test_explain_names_the_commands(on_client: None) -> None:
    visitors(3)
    explained = VISITORS.filter(age=(1, 2)).explain()
    assert explained.plan.native == 'ZRANGEBYSCORE'
    assert 'if the server is near: ZRANGEBYSCORE, then HMGET for each row' in str(explained)
    assert VISITORS.filter(age=(1, 2)).explain(of='count').plan.native is None
    ordered = VISITORS.filter(age=(1, 2)).order_by('age').explain()
    assert ordered.plan.native is None
    assert 'near' not in str(ordered)


assert NOTHING.keys() >= {name for _, name in RANGES}
