"""Assignments: what can be known to be wrong before anything is read; and the values of a row."""

import datetime
from typing import Any

import pytest

import rom
from rom._core.query.assignments import assigned


class AssignedTeam(rom.Model):
    label = rom.Text()
    size = rom.Integer()
    members = rom.OneToMany('AssignedUser')


class AssignedUser(rom.Model):
    name = rom.Text(required=True, index=True, keygen=rom.IDENTITY)
    score = rom.Integer(default=5)
    bonus = rom.Integer()
    ratio = rom.Float(index=True)
    born = rom.Date()
    tags = rom.Json(default=list)
    active = rom.Boolean()
    team = rom.ManyToOne('AssignedTeam', on_delete='set null')
    words = rom.IndexOnly('name', keygen=rom.FULL_TEXT, index=True)
    log = rom.UnsafeColumn()


MORE = ['x']


def make(**values: Any) -> Any:
    return assigned(AssignedUser._schema, 'AssignedUser.query.update()', values)


def row(stored: dict[str, bytes], **values: Any) -> dict[str, Any]:
    found: dict[str, Any] = make(**values).of_row(7, stored)
    return found


def test_values() -> None:
    values = row({'score': b'1'}, name='Ann', score=AssignedUser.score + 1, bonus=None, ratio='2')
    assert values == {'name': 'Ann', 'score': 2, 'bonus': None, 'ratio': 2.0}


def test_what_is_calculated_is_of_the_row_before() -> None:
    both = {'score': AssignedUser.bonus, 'bonus': AssignedUser.score}
    assert row({'score': b'1', 'bonus': b'2'}, **both) == {'score': 2, 'bonus': 1}


def test_the_id_can_be_calculated_with() -> None:
    assert row({}, score=AssignedUser.id * 10) == {'score': 70}


def test_a_column_that_the_row_lacks_has_its_default() -> None:
    assert row({}, score=AssignedUser.score + 1) == {'score': 6}
    assert row({}, bonus=AssignedUser.bonus + 1) == {'bonus': None}
    assert row({}, tags=AssignedUser.tags + MORE) == {'tags': ['x']}
    assert row({}, tags=AssignedUser.tags + MORE) == {'tags': ['x']}


@pytest.mark.parametrize(('values', 'message'), [
    ({}, 'name one column at least, of name, score, bonus'),
    ({'nme': 1}, 'AssignedUser.nme is not a column; there are name, score'),
    ({'id': 1}, 'is the primary key'),
    ({'words': 'x'}, 'is an IndexOnly'),
    ({'log': 'x'}, 'is an UnsafeColumn'),
    ({'score': AssignedTeam.size + 1}, r'=\(size \+ 1\): size is not a column of AssignedUser'),
    ({'score': AssignedTeam.id}, 'id is not a column of AssignedUser'),
    ({'score': AssignedUser.team + 1}, 'team holds no value that could be calculated with'),
    ({'score': AssignedUser.words}, 'words holds no value'),
])  # fmt: skip
def test_what_cannot_be_set(values: dict[str, Any], message: str) -> None:
    with pytest.raises(rom.QueryError, match=message) as error:
        make(**values)
    assert 'AssignedUser.query.update()' in str(error.value)


def test_a_list_of_others_cannot_be_set() -> None:
    with pytest.raises(rom.QueryError, match=r'AssignedTeam.members is a OneToMany'):
        assigned(AssignedTeam._schema, 'here', {'members': []})


@pytest.mark.parametrize(('values', 'message'), [
    ({'name': None}, 'AssignedUser.name is required'),
    ({'score': 'x'}, 'AssignedUser.score'),
    ({'score': 1.5}, r'AssignedUser.score: expected an int, got 1.5 \(float\)'),
    ({'ratio': float('nan')}, 'an indexed column cannot hold NaN'),
    ({'active': AssignedUser.score > 1}, 'takes no comparison'),  # type: ignore[operator]
    ({'team': '5'}, 'is not an entity of AssignedTeam or an id; its type is str'),
    ({'team': 0}, 'is not an id of AssignedTeam; expected an int'),
    ({'tags': 'x'}, 'a dict, list or tuple'),
])  # fmt: skip
def test_what_a_column_does_not_take(values: dict[str, Any], message: str) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=message):
        make(**values)


def test_a_new_entity_cannot_be_referred_to() -> None:
    with pytest.raises(rom.InvalidColumnValue, match='was never saved'):
        make(team=AssignedTeam())


@pytest.mark.parametrize(('stored', 'values', 'message'), [
    ({'score': b'3'}, {'score': AssignedUser.score / 2}, r'score=\(score / 2\).*expected an int'),
    ({'score': b'3'}, {'score': AssignedUser.score // 0}, 'cannot be worked out'),
    ({'score': b'3'}, {'score': AssignedUser.score + 'x'}, 'cannot be worked out'),
    ({'ratio': b'1.0'}, {'ratio': AssignedUser.ratio * 10**400}, 'worked out'),
    ({'born': b'0.0'}, {'born': AssignedUser.born + datetime.timedelta(10**7)}, 'worked out'),
    ({'bonus': b'1'}, {'name': AssignedUser.name + 'x'}, 'AssignedUser.name is required'),
])  # fmt: skip
def test_what_comes_of_a_calculation_is_no_value(
    stored: dict[str, bytes], values: Any, message: str
) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=message) as error:
        row(stored, **values)
    assert 'AssignedUser 7' in str(error.value)


def test_a_value_that_does_not_decode() -> None:
    with pytest.raises(rom.CorruptRowError, match=r'AssignedUser:7, column .score.') as error:
        row({'score': b'x'}, score=AssignedUser.score + 1)
    assert (error.value.key, error.value.column) == ('AssignedUser:7', 'score')
    assert row({'score': b'x'}, score=5) == {'score': 5}


def test_the_values_of_a_new_entity() -> None:
    values = make(score=AssignedUser.score + 1, bonus=AssignedUser.score * 2, ratio=0.5)
    assert values.of_new({}) == {'score': 6, 'bonus': 10, 'ratio': 0.5}
    assert values.of_new({'score': 1}) == {'bonus': 2, 'ratio': 0.5}
    with pytest.raises(rom.InvalidColumnValue, match=r"pass create=\{'bonus': \.\.\.\}"):
        make(bonus=AssignedUser.bonus + 1).of_new({})
    assert make(bonus=AssignedUser.bonus + 1).of_new({'bonus': 1}) == {}
