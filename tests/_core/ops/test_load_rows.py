"""A row by a unique value, by native commands where many tasks share a connection."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
import redis
import redis.asyncio

import rom
from rom._core.ops.load_rows import load_by_value
from rom._core.ops.requests import Command, Script
from rom.exceptions import ServerError
from tests.support.servers import Server


class CrowdUser(rom.Model):
    _namespace = 'crowd'
    email = rom.Text(unique=True)
    number = rom.Integer(unique=True)
    n = rom.Integer(default=0)


class CrowdSession(rom.Model):
    _namespace = 'crowdsession'
    token = rom.Text(unique=True)
    until = rom.ExpireAt()


def lookup(model: type[rom.Model], name: str, value: bytes) -> Any:
    key = next(one.key for one in model._schema.uniques if one.columns == (name,))
    return load_by_value(model._schema, name, key, value)


def ends_with_the_script(operation: Any, reply: Any) -> bool:
    """The next request is the script of `load_unique`."""
    send = operation.throw if isinstance(reply, Exception) else operation.send
    request = send(reply)
    return isinstance(request, Script) and request.name == 'load'


def test_two_native_commands() -> None:
    operation = lookup(CrowdUser, 'email', b'ann')
    assert next(operation) == Command('HGET', b'crowd:email:uidx', b'ann')
    request = operation.send(b'7')
    assert request.args[:2] == ('HMGET', b'crowd:7')
    values = {'email': b'ann', 'n': b'3'}
    with pytest.raises(StopIteration) as end:
        operation.send([values.get(name) for name in CrowdUser._schema.names])
    assert end.value.value == [(7, values)]


def test_no_such_value() -> None:
    operation = lookup(CrowdUser, 'email', b'ann')
    next(operation)
    with pytest.raises(StopIteration) as end:
        operation.send(None)
    assert end.value.value == []


@pytest.mark.parametrize('email', [b'bob', None])
def test_a_commit_in_between(email: bytes | None) -> None:
    operation = lookup(CrowdUser, 'email', b'ann')
    next(operation)
    operation.send(b'7')
    row = [email if name == 'email' else b'1' for name in CrowdUser._schema.names]
    assert ends_with_the_script(operation, row)


@pytest.mark.parametrize('reply', [b'not an id', ServerError('WRONGTYPE')])
def test_errors_are_those_of_the_script(reply: object) -> None:
    operation = lookup(CrowdUser, 'email', b'ann')
    next(operation)
    assert ends_with_the_script(operation, reply)


def test_a_row_that_is_no_hash() -> None:
    operation = lookup(CrowdUser, 'email', b'ann')
    next(operation)
    operation.send(b'7')
    assert ends_with_the_script(operation, ServerError('WRONGTYPE'))


def test_rows_that_may_have_expired() -> None:
    operation = lookup(CrowdSession, 'token', b'x')
    assert isinstance(next(operation), Script)


def calls(raw: redis.Redis, name: str) -> int:
    return int(raw.info('commandstats').get(f'cmdstat_{name}', {'calls': 0})['calls'])


@pytest.mark.one_server
def test_a_task_alone_takes_one_trip_and_many_take_native_ones(
    server: Server, raw: redis.Redis
) -> None:
    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            async with rom.AsyncSession(client) as s:
                for number in range(100):
                    CrowdUser(email=f'{number}', number=number)
                await s.commit()

            async def one(number: int) -> None:
                async with rom.AsyncSession(client) as s:
                    for how in ({'email': f'{number}'}, {'number': number}):
                        user = await s.get_by(CrowdUser, **how)
                        assert user.number == number

            await one(0)  # a server that has no function yet gets it
            raw.config_resetstat()
            for number in range(5):
                await one(number)
            assert (calls(raw, 'hget'), calls(raw, 'fcall_ro')) == (0, 10)
            await asyncio.gather(*(one(number) for number in range(100)))
            assert calls(raw, 'hget') > 130
            assert calls(raw, 'hget') + calls(raw, 'fcall_ro') == 210

    asyncio.run(story())


@pytest.mark.one_server
def test_what_is_found_has_the_value_while_others_swap_it(server: Server) -> None:
    dice = random.Random(7)

    async def write(client: redis.asyncio.Redis, own: list[int]) -> None:
        for turn in range(30):
            async with rom.AsyncSession(client) as s:
                first, second = await s.get(CrowdUser, own)
                first.email, second.email = second.email, first.email
                first.n = turn
                await s.commit()

    async def read(client: redis.asyncio.Redis) -> None:
        for _ in range(60):
            async with rom.AsyncSession(client) as s:
                email = str(dice.randrange(8))
                user = await s.get_by(CrowdUser, email=email)
                assert user is not None
                assert user.email == email

    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            async with rom.AsyncSession(client) as s:
                made = [CrowdUser(email=f'{number}') for number in range(8)]
                await s.commit()
                ids = [user.id for user in made]
            pairs = [ids[at : at + 2] for at in range(0, 8, 2)]
            writers = [write(client, pair) for pair in pairs]
            await asyncio.gather(*writers, *(read(client) for _ in range(30)))

    asyncio.run(story())
