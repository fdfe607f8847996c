"""Lines: what one says, and every way in which one makes no sense."""

import json
from typing import Any

import pytest

import rom
from rom._core.ops.load_rows import Row
from rom.exceptions import LineError
from rom.jsonl.line import Reader, line_of


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
