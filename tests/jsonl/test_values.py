"""Values as JSON says them. Pure; that they survive a server is in test_round_trip.py."""

import datetime
import decimal
import enum
import json
import math
from typing import Any

import pytest

import rom
from rom.columns import Column
from rom.exceptions import CorruptRowError, InvalidColumnValue
from rom.jsonl.values import read, written


class Colour(enum.Enum):
    RED = 'r'


class Paint(Column[Colour]):
    """A column that stores something of its own."""

    accepts = Colour

    def encode(self, value: Colour) -> bytes:
        return value.value.encode('ascii') + b'\xff'

    def decode(self, raw: bytes) -> Colour:
        return Colour(raw[:-1].decode('ascii'))


class Shout(rom.Text):
    """One that stores what it inherits."""


class Secret(rom.Text):
    """One that does not."""

    def encode(self, value: str) -> bytes:
        return value[::-1].encode('utf-8')

    def decode(self, raw: bytes) -> str:
        return raw.decode('utf-8')[::-1]


def column(kind: Any, *args: Any, **options: Any) -> Any:
    made = kind(*args, **options)
    made.name = 'it'
    return made


MOMENT = datetime.datetime(2030, 1, 31, 12, 0, 0, 1)
SAID = [
    (rom.Integer, 2**256, 2**256),
    (rom.Float, 0.1, 0.1),
    (rom.Float, math.inf, 'inf'),
    (rom.Float, -math.inf, '-inf'),
    (rom.Decimal, decimal.Decimal('12.50'), '12.50'),
    (rom.Decimal, decimal.Decimal('1E+400'), '1E+400'),
    (rom.Boolean, False, False),
    (rom.DateTime, MOMENT, '2030-01-31T12:00:00.000001'),
    (rom.SaferDateTime, MOMENT, '2030-01-31T12:00:00.000001'),
    (rom.ExpireAt, MOMENT, '2030-01-31T12:00:00.000001'),
    (rom.Date, MOMENT.date(), '2030-01-31'),
    (rom.Time, MOMENT.time(), '12:00:00.000001'),
    (rom.Text, 'né\u2028\x00', 'né\u2028\x00'),
    (rom.String, bytes(range(256)), ''.join(map(chr, range(256)))),
    (rom.Json, {'a': [1, None, {'b': 'é'}]}, {'a': [1, None, {'b': 'é'}]}),
    (Paint, Colour.RED, 'r\xff'),
    (Shout, 'x', 'x'),
    (Secret, 'né', 'Ã©n'),
]


@pytest.mark.parametrize(('kind', 'value', 'said'), SAID, ids=lambda value: str(value)[:20])
def test_there_and_back(kind: Any, value: Any, said: Any) -> None:
    its = column(kind)
    raw = its.encode(value)
    assert written(its, raw, 'k') == said
    assert type(written(its, raw, 'k')) is type(said)
    assert read(its, json.loads(json.dumps(said))) == raw
    assert read(its, None) is None


def test_nan_has_a_way_too() -> None:
    its = column(rom.Float)
    assert written(its, b'nan', 'k') == 'nan'
    assert read(its, 'nan') == b'nan'
    with pytest.raises(InvalidColumnValue, match='an indexed column cannot hold NaN'):
        read(column(rom.Float, index=True), 'nan')


def test_a_moment_with_a_zone_is_turned_into_utc() -> None:
    its = column(rom.DateTime)
    assert read(its, '2030-01-31T14:00:00.000001+02:00') == its.encode(MOMENT)


def test_relations_are_ids() -> None:
    its = column(rom.ManyToOne, 'Nobody', on_delete='no action')
    assert (written(its, b'7', 'k'), read(its, 7)) == (7, b'7')
    foreign = column(rom.ForeignModel, type('F', (), {'get': classmethod(lambda cls, id: None)}))
    assert (written(foreign, b'-7', 'k'), read(foreign, -7)) == (-7, b'-7')


@pytest.mark.parametrize(
    ('kind', 'said', 'form'),
    [
        (rom.Integer, '5', 'an integer'),
        (rom.Integer, 5.0, 'an integer'),
        (rom.Integer, True, 'an integer'),
        (rom.Float, 'many', 'a number, or "inf", "-inf", "nan"'),
        (rom.Float, 10**400, 'a number, or'),
        (rom.Decimal, 12.5, 'a decimal number in quotes'),
        (rom.Decimal, 'x', 'expected a Decimal'),
        (rom.Boolean, 1, 'true or false'),
        (rom.DateTime, 1900, 'a date and time like'),
        (rom.DateTime, 'soon', 'a date and time like'),
        (rom.Date, '2030-02-31', 'a date like "2030-01-31"'),
        (rom.Time, '25:00', 'a time like "12:00:00"'),
        (rom.Time, '12:00+01:00', 'has a zone'),
        (rom.Text, 5, 'a string'),
        (rom.Text, '\ud800', 'lone surrogate'),
        (rom.String, '€', 'a string of characters up to U+00FF'),
        (rom.Json, 'x', 'an object or a list'),
        (Paint, 5, 'a string'),
    ],
)
def test_what_is_said_otherwise_is_refused(kind: Any, said: Any, form: str) -> None:
    with pytest.raises(InvalidColumnValue, match=r'^it: ') as caught:
        read(column(kind), said)
    assert form in str(caught.value)


def test_a_relation_to_no_id_is_refused() -> None:
    its = column(rom.ManyToOne, 'Nobody', on_delete='no action')
    for said in ('7', -1, True, 1.5):
        with pytest.raises(InvalidColumnValue, match='expected an integer id or null'):
            read(its, said)


def test_a_long_value_is_not_shown_whole() -> None:
    with pytest.raises(InvalidColumnValue) as caught:
        read(column(rom.Integer), 'x' * 10_000)
    assert len(str(caught.value)) < 200


def test_what_does_not_decode() -> None:
    with pytest.raises(CorruptRowError, match="k, column 'it'"):
        written(column(rom.Integer), b'many', 'k')
