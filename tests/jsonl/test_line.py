"""Lines, their values, and every way in which one makes no sense.

That values survive a server is in test_round_trip.py.
"""

import datetime
import decimal
import enum
import json
import math
from typing import Any

import pytest

import rom
from rom._core.ops.rows import Row
from rom.columns import Column
from rom.exceptions import CorruptRowError, InvalidColumnValue, LineError
from rom.jsonl.line import Reader, from_json, line_of, to_json


class LineTeam(rom.Model):
    name = rom.Text()


class LineUser(rom.Model):
    _namespace = 'line-users'
    number = rom.PrimaryKey()
    name = rom.Text(required=True)
    nick = rom.Text()
    age = rom.Integer()
    team = rom.ManyToOne('LineTeam', on_delete='no action')
    settings = rom.Json()
    log = rom.UnsafeColumn()
    low = rom.IndexOnly('name', keygen=rom.IDENTITY_CI, index=True)
    others = rom.OneToMany('LineOther')


class LineOther(rom.Model):
    user = rom.ManyToOne('LineUser', on_delete='no action')


class LineBytes(rom.Model):
    data = rom.String()


READER = Reader([LineUser, LineTeam])


def text(**changes: Any) -> bytes:
    said = {'model': 'LineUser', 'id': 5, 'columns': {'name': 'Ann'}, **changes}
    return json.dumps({name: part for name, part in said.items() if part is not ...}).encode()


def test_a_row_as_a_line() -> None:
    row = Row(5, {'number': b'5', 'name': 'né'.encode(), 'team': b'3', '-index-data-': b'[]'})
    line = line_of(LineUser._schema, row)
    assert (
        line
        == (
            '{"model": "LineUser", "id": 5, "dialect": 2, "columns": {"name": "né", "nick": null, '
            '"age": null, "team": 3, "settings": null}}\n'
        ).encode()
    )
    found = READER.read(7, line)
    assert (found.number, found.model, found.row.id) == (7, LineUser, 5)
    assert found.row.wanted == {
        'name': 'né'.encode(), 'nick': None, 'age': None, 'team': b'3', 'settings': None,
    }  # fmt: skip


def test_half_a_character_in_json() -> None:
    raw = json.dumps({'x': '\ud800'}).encode()
    line = line_of(LineUser._schema, Row(5, {'name': b'x', 'settings': raw}))
    assert READER.read(1, line).row.wanted['settings'] == raw


def test_each_line_has_its_dialect() -> None:
    reader = Reader([LineBytes])
    said = {'model': 'LineBytes', 'id': 5, 'columns': {'data': 'abcd'}}
    for parts, data in (({}, b'abcd'), ({'dialect': 1}, b'abcd'), ({'dialect': 2}, b'i\xb7\x1d')):
        found = reader.read(1, json.dumps({**said, **parts}).encode())
        assert found.row.wanted == {'data': rom.String().encode(data)}


def test_a_model_goes_by_its_namespace_too() -> None:
    assert READER.read(1, text(model='line-users')).model is LineUser


@pytest.mark.parametrize(
    ('line', 'what'),
    [
        (b'{"model": "LineU', 'invalid JSON at character'),
        (b'\xff\xfe', 'invalid JSON'),
        (b'[' * 100_000, 'invalid JSON'),
        (b'[1]', 'expected a line like {"model": ..., "id": ..., "columns": {...}}, got [1]'),
        (text(id=...), 'expected a line like'),
        (text(more=1), 'expected a line like'),
        (text(model='LineOther'), '"model": expected one of LineUser, Line'),
        (text(model=5), ', got 5; load it, too'),
        (text(id=0), '"id": expected an integer from 1 to 4611686018427387904, got 0'),
        (text(id='5'), ', got "5"'),
        (text(id=True), ', got true'),
        (text(id=2**63), ', got 9223372036854775808'),
        (text(dialect=3), '"dialect": expected one of 1, 2, got 3; load the line with a newer'),
        (text(dialect=True), ', got true; load'),
        (text(dialect='2'), ', got "2"; load'),
        (text(dialect=[2]), ', got [2]; load'),
        (text(columns=[]), '"columns": expected an object, got []'),
        (text(columns={'nmae': 'x'}), "LineUser has no column 'nmae'; did you mean 'name'?"),
        (text(columns={'zzz': 'x'}), "has no column 'zzz'; leave it out, or declare it"),
        (text(columns={'number': 5}), 'LineUser.number is not stored in the row; leave it out'),
        (text(columns={'log': 'x'}), 'LineUser.log is not stored in the row'),
        (text(columns={'low': 'x'}), 'LineUser.low is not stored in the row'),
        (text(columns={'others': []}), 'LineUser.others is not stored in the row'),
        (text(columns={'name': None}), 'LineUser.name is required: expected a value, got null'),
        (text(columns={'age': 'x'}), 'LineUser.age: expected an integer or null, got "x"'),
    ],
)
def test_what_makes_no_sense(line: bytes, what: str) -> None:
    with pytest.raises(LineError) as caught:
        READER.read(7, line)
    assert str(caught.value).startswith('line 7: ')
    assert what in str(caught.value)
    assert caught.value.number == 7
    assert len(str(caught.value)) < 300


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
    (rom.Float, math.inf, 'Infinity'),
    (rom.Float, -math.inf, '-Infinity'),
    (rom.Decimal, decimal.Decimal('12.50'), '12.50'),
    (rom.Decimal, decimal.Decimal('1E+400'), '1E+400'),
    (rom.Boolean, False, False),
    (rom.DateTime, MOMENT, '2030-01-31T12:00:00.000001Z'),
    (rom.SaferDateTime, MOMENT, '2030-01-31T12:00:00.000001Z'),
    (rom.ExpireAt, MOMENT, '2030-01-31T12:00:00.000001Z'),
    (rom.Date, MOMENT.date(), '2030-01-31'),
    (rom.Time, MOMENT.time(), '12:00:00.000001'),
    (rom.Text, 'né\u2028\x00', 'né\u2028\x00'),
    (rom.String, b'\xff\x00abc', '/wBhYmM='),
    (rom.Json, {'a': [1, None, {'b': 'é'}]}, {'a': [1, None, {'b': 'é'}]}),
    (Paint, Colour.RED, 'cv8='),
    (Shout, 'x', 'x'),
    (Secret, 'né', 'w6lu'),
]


@pytest.mark.parametrize(('kind', 'value', 'said'), SAID, ids=lambda value: str(value)[:20])
def test_there_and_back(kind: Any, value: Any, said: Any) -> None:
    its = column(kind)
    raw = its.encode(value)
    assert to_json(its, raw, 'k') == said
    assert type(to_json(its, raw, 'k')) is type(said)
    assert from_json(its, json.loads(json.dumps(said))) == raw
    assert from_json(its, None) is None


def test_nan_has_a_way_too() -> None:
    its = column(rom.Float)
    assert to_json(its, b'nan', 'k') == 'NaN'
    assert from_json(its, 'NaN') == b'nan'
    with pytest.raises(InvalidColumnValue, match='an indexed column cannot hold NaN'):
        from_json(column(rom.Float, index=True), 'NaN')


def test_a_moment_with_a_zone_is_turned_into_utc() -> None:
    its = column(rom.DateTime)
    assert from_json(its, '2030-01-31T12:00:00.000001') == its.encode(MOMENT)
    assert from_json(its, '2030-01-31T14:00:00.000001+02:00') == its.encode(MOMENT)


def test_numbers_inside_json_stay_numbers() -> None:
    its = column(rom.Json)
    raw = its.encode({'a': [math.nan, math.inf]})
    assert from_json(its, json.loads(json.dumps(to_json(its, raw, 'k')))) == raw


@pytest.mark.parametrize(
    ('kind', 'said', 'value'),
    [
        (rom.Float, 'inf', math.inf),
        (rom.Float, '-inf', -math.inf),
        (rom.DateTime, '2030-01-31T12:00:00.000001', MOMENT),
        (rom.String, ''.join(map(chr, range(256))), bytes(range(256))),
        (rom.String, 'abcd', b'abcd'),
        (Paint, 'r\xff', Colour.RED),
    ],
)
def test_dialect_1_is_read(kind: Any, said: Any, value: Any) -> None:
    its = column(kind)
    assert from_json(its, said, 1) == its.encode(value)


def test_dialect_1_takes_no_base64_for_other_bytes() -> None:
    with pytest.raises(InvalidColumnValue, match=r'a string of characters up to U\+00FF'):
        from_json(column(rom.String), '€', 1)


def test_relations_are_ids() -> None:
    its = column(rom.ManyToOne, 'Nobody', on_delete='no action')
    assert (to_json(its, b'7', 'k'), from_json(its, 7)) == (7, b'7')
    foreign = column(rom.ForeignModel, type('F', (), {'get': classmethod(lambda cls, id: None)}))
    assert (to_json(foreign, b'-7', 'k'), from_json(foreign, -7)) == (-7, b'-7')


@pytest.mark.parametrize(
    ('kind', 'said', 'form'),
    [
        (rom.Integer, '5', 'an integer'),
        (rom.Integer, 5.0, 'an integer'),
        (rom.Integer, True, 'an integer'),
        (rom.Float, 'many', 'a number, or "Infinity", "-Infinity", "NaN"'),
        (rom.Float, 10**400, 'a number, or'),
        (rom.Decimal, 12.5, 'a decimal number in quotes'),
        (rom.Decimal, 'x', 'expected a Decimal'),
        (rom.Boolean, 1, 'true or false'),
        (rom.DateTime, 1900, 'a date and time like'),
        (rom.DateTime, 'soon', 'a date and time like'),
        (rom.DateTime, '2030-01-31T12:00:00+02:00Z', 'a date and time like'),
        (rom.DateTime, '2030-01-31T12:00:00ZZ', 'a date and time like'),
        (rom.DateTime, 'Z', 'a date and time like'),
        (rom.Date, '2030-02-31', 'a date like "2030-01-31"'),
        (rom.Time, '25:00', 'a time like "12:00:00"'),
        (rom.Time, '12:00+01:00', 'has a zone'),
        (rom.Text, 5, 'a string'),
        (rom.Text, '\ud800', 'lone surrogate'),
        (rom.String, '€', 'bytes in base64'),
        (rom.String, 'abc', 'bytes in base64'),
        (rom.Json, 'x', 'an object or a list'),
        (Paint, 5, 'bytes in base64'),
    ],
)
def test_what_is_said_otherwise_is_refused(kind: Any, said: Any, form: str) -> None:
    with pytest.raises(InvalidColumnValue, match=r'^it: ') as caught:
        from_json(column(kind), said)
    assert form in str(caught.value)


def test_a_relation_to_no_id_is_refused() -> None:
    its = column(rom.ManyToOne, 'Nobody', on_delete='no action')
    for said in ('7', -1, True, 1.5):
        with pytest.raises(InvalidColumnValue, match='expected an integer id or null'):
            from_json(its, said)


def test_a_long_value_is_not_shown_whole() -> None:
    with pytest.raises(InvalidColumnValue) as caught:
        from_json(column(rom.Integer), 'x' * 10_000)
    assert len(str(caught.value)) < 200


def test_what_does_not_decode() -> None:
    with pytest.raises(CorruptRowError, match="k, column 'it'"):
        to_json(column(rom.Integer), b'many', 'k')
