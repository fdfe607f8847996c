"""Counts by one command: which queries, and where the script counts.

That the numbers are right is tested at random: test_queries_random.
"""

from __future__ import annotations

from typing import Any

import pytest
import redis

import rom
from rom._core.ops.requests import Command, Pipeline, Script
from rom._core.ops.search.native_counts import count
from rom.exceptions import CorruptRowError
from rom.query import Query
from tests._core.ops.search.search_support import Store

NATIVE_SHOP = rom.Shards('nativecounts', 2)


class NativeMember(rom.Model):
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    name = rom.Text(index=True, keygen=rom.FULL_TEXT, prefix=True)
    email = rom.Text(prefix=True, suffix=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True)
    score = rom.Integer(index=True)
    compound_index = [('city', 'age')]


class NativePass(rom.Model):
    number = rom.Integer(index=True)
    until = rom.ExpireAt()


class NativeOrder(rom.Model):
    _shards = NATIVE_SHOP
    number = rom.Integer(index=True)


MEMBERS = NativeMember.query
HEAD = b'NativeMember:'


@pytest.mark.parametrize(
    ('query', 'sent'),
    [
        (MEMBERS.filter(city='Oslo'), Command('SCARD', HEAD + b'city:Oslo:idx')),
        (MEMBERS.filter(name='ann'), Command('SCARD', HEAD + b'name:ann:idx')),
        (MEMBERS.filter(age=(3, 5)), Command('ZCOUNT', HEAD + b'age:idx', b'3.0', b'5.0')),
        (MEMBERS.startswith(email='a'), Command('ZLEXCOUNT', HEAD + b'email:pre', b'[a', b'(b')),
        (MEMBERS.endswith(email='a'), Command('ZLEXCOUNT', HEAD + b'email:suf', b'[a', b'(b')),
        (MEMBERS.filter(age=5).order_by('-score').limit(2), None),
    ],
)
def test_one_command(query: Query[Any], sent: Command | None) -> None:
    operation = count(query)
    request = next(operation)
    assert isinstance(request, Command)
    assert sent is None or request == sent
    with pytest.raises(StopIteration) as end:
        operation.send(7)
    assert end.value.value == 7  # a limit counts only where nothing is asked for


@pytest.mark.parametrize(
    'query',
    [
        MEMBERS,
        MEMBERS.filter(city='Oslo', score=5),
        MEMBERS.filter(city=['Oslo', 'Rome']),
        MEMBERS.where(~(NativeMember.city == 'Oslo')),
        MEMBERS.startswith(name='a'),
        MEMBERS.like(email='a*b'),
        MEMBERS.does_not_startwith(email='a'),
        MEMBERS.filter(age=(2**60, 2**61)),
        NativePass.query.filter(number=5),
    ],
    ids=repr,
)
def test_the_script_counts(query: Query[Any]) -> None:
    request = next(count(query))
    assert isinstance(request, Script)
    assert request.name == 'search'


def test_each_partition_counts_by_its_script(client: redis.Redis, on_client: None) -> None:
    for number in range(9):
        NativeOrder(number=number % 2)
    rom.session.commit()
    assert NativeOrder.query.filter(number=1).count() == 4


def test_a_compound_index_is_asked_with_its_fingerprint(
    client: redis.Redis, raw: redis.Redis, on_client: None
) -> None:
    for number in range(9):
        NativeMember(city=f'city {number % 2}', age=number)
    rom.session.commit()
    query = MEMBERS.filter(city='city 1', age=(2, 6))
    raw.config_resetstat()
    assert query.count() == 2
    assert not {'cmdstat_evalsha', 'cmdstat_fcall_ro'} & raw.info('commandstats').keys()
    operation = count(query)
    request = next(operation)
    assert isinstance(request, Pipeline)
    key = HEAD + b'city+age:city 1:cidx'
    assert [one.args[:2] for one in request.requests if isinstance(one, Command)] == [
        ('ZCOUNT', key),
        ('GET', NativeMember._schema.keys.indexes),
    ]
    # Without the name of the index in the fingerprint, older rows may have no entries there.
    asked = operation.send([2, b'{}'])
    assert isinstance(asked, Script)


def test_an_index_of_another_type_is_named(client: redis.Redis, raw: redis.Redis) -> None:
    raw.set('NativeMember:age:idx', 'x')
    with pytest.raises(CorruptRowError, match='NativeMember:age:idx should be an index'):
        Store(client, raw, NativeMember).driver.run(count(MEMBERS.filter(age=5)))


def test_numbers_with_a_name_are_counted(client: redis.Redis, raw: redis.Redis) -> None:
    """The index of such a number has the form of a word's set."""
    raw.zadd('NativeMember:name:ann:idx', {'1': 5, '2': 6})
    assert Store(client, raw, NativeMember).driver.run(count(MEMBERS.filter(name='ann'))) == 2
