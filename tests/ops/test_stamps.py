"""Stamps: what a model declares, as data keep it, and asking for it along with something else."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

import rom
from rom.exceptions import ServerError, ServerUnavailable
from rom.ops.requests import Command, Operation, Pipeline
from rom.ops.stamps import alongside, changes, declared_by, read_stamp, stamp_of, to_begin


def test_whatever_is_indexed_is_in_it() -> None:
    def by_number(name: str, row: Any) -> Any:
        return {'': row['number']}

    class Stamped(rom.Model):
        unique_together = [('number', 'city')]
        geo_index = [rom.GeoIndex('home', lambda e: {'lon': 1, 'lat': 1})]
        plain = rom.Text()
        tags = rom.Json()
        city = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_CI)
        number = rom.Integer(index=True, unique=True)
        other = rom.Integer(index=True, keygen2=by_number)
        part = rom.Text(index=True, keygen=functools.partial(rom.IDENTITY))
        only = rom.IndexOnly('city', keygen=rom.FULL_TEXT, prefix=True, unique=True)
        alone = rom.IndexOnly(keygen2=by_number, unique=True)
        ref = rom.ManyToOne('Stamped', 'no action')
        until = rom.ExpireAt()

    schema = Stamped._schema
    assert declared_by(schema) == {
        'city': 'Text: index, prefix, suffix by IDENTITY_CI',
        'number': 'Integer: index',
        'other': 'Integer: index by by_number',
        'part': 'Text: index by partial',
        'only': 'IndexOnly of city: index, prefix by FULL_TEXT',
        'ref': 'ManyToOne: index',
        'until': 'ExpireAt: index',
        'unique number': '',
        'unique only': 'IndexOnly of city: index, prefix by FULL_TEXT',
        'unique alone': 'IndexOnly:  by by_number',
        'unique city:number': '',
        'geo home': 'by <lambda>',
    }
    assert read_stamp(stamp_of(schema)) == declared_by(schema)
    assert stamp_of(schema) is stamp_of(schema)
    assert to_begin(schema) == [b'Stamped:id:indexes', stamp_of(schema)]


def test_the_order_of_columns_is_no_difference() -> None:
    def columns(*names: str) -> Any:
        rom.MODELS.clear()
        return type('One', (rom.Model,), {name: rom.Integer(index=True) for name in names})._schema

    assert stamp_of(columns('a', 'b')) == stamp_of(columns('b', 'a'))
    assert stamp_of(columns('a', 'b')) != stamp_of(columns('a'))


@pytest.mark.parametrize('raw', [None, b'', b'{', b'[]', b'5', b'{"a": 1}', b'\xff'])
def test_what_is_no_stamp_says_nothing(raw: bytes | None) -> None:
    assert read_stamp(raw) is None


def test_changes() -> None:
    before, after = {'a': 'x', 'b': 'y', 'c': 'z'}, {'a': 'x', 'b': 'Y', 'd': ''}
    assert changes(before, after) == ('b was y, and is Y', 'c is gone', 'd is new')
    assert changes(after, after) == ()
    assert changes(read_stamp(json.dumps(before).encode()) or {}, before) == ()


# --- alongside ------------------------------------------------------------------------------------

GET, SET = Command('GET', 'x'), Command('SET', 'x', 1)


class StampedAlongside(rom.Model):
    _namespace = 'alongside'


STAMP = Command('GET', b'alongside:id:indexes')


def operation() -> Operation[str]:
    first = yield GET
    try:
        both = yield Pipeline((GET, SET))
    except ServerError:
        both = 'error'
    return f'{first} {both}'


class Told:
    """Drives an operation, and notes what it is told."""

    def __init__(self, watched: Operation[Any]) -> None:
        self.stamps: list[bytes | None] = []
        self.step = alongside(watched, StampedAlongside._schema, self.stamps.append)

    def end(self, reply: Any) -> Any:
        with pytest.raises(StopIteration) as stopped:
            self.step.send(reply)
        return stopped.value.value


def test_the_first_trip_asks() -> None:
    told = Told(operation())
    assert next(told.step) == Pipeline((GET, STAMP))
    assert told.step.send(['a', b'stamp']) == Pipeline((GET, SET))
    assert told.stamps == [b'stamp']
    assert told.end(['b', 'c']) == "a ['b', 'c']"


def test_a_first_trip_of_several() -> None:
    def several() -> Operation[Any]:
        return (yield Pipeline((GET, SET)))

    told = Told(several())
    assert next(told.step) == Pipeline((GET, SET, STAMP))
    assert told.end(['a', 'b', None]) == ['a', 'b']
    assert told.stamps == [None]


def test_an_operation_without_a_trip() -> None:
    def none() -> Operation[int]:
        return 5
        yield GET

    told = Told(none())
    with pytest.raises(StopIteration) as stopped:
        next(told.step)
    assert (stopped.value.value, told.stamps) == (5, [])


def test_a_server_that_does_not_tell_is_asked_without_it() -> None:
    told = Told(operation())
    next(told.step)
    assert told.step.throw(ServerError('WRONGTYPE')) is GET
    assert told.step.send('a') == Pipeline((GET, SET))

    with pytest.raises(StopIteration) as stopped:
        told.step.throw(ServerError('full'))
    assert (stopped.value.value, told.stamps) == ('a error', [])


@pytest.mark.parametrize('error', [ServerUnavailable('gone'), KeyboardInterrupt()])
def test_a_broken_connection_is_the_operations_business(error: BaseException) -> None:
    told = Told(operation())
    next(told.step)
    with pytest.raises(type(error)):
        told.step.throw(error)
    assert told.stamps == []
