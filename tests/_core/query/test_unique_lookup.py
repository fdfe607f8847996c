"""Seeking: by which constraint one entity is looked up."""

from typing import Any

import pytest

import rom
from rom._core.query.unique_lookup import check_others, sought


class SoughtTeam(rom.Model):
    label = rom.Text()


class SoughtUser(rom.Model):
    name = rom.Text(unique=True)
    raw = rom.String(unique=True)
    number = rom.Integer(unique=True)
    city = rom.Text()
    street = rom.Text()
    team = rom.OneToOne('SoughtTeam', on_delete='set null', unique=True)
    word = rom.IndexOnly('name', keygen=rom.IDENTITY_CI, unique=True)
    unique_together = [('street', 'city')]


def seek(**values: Any) -> Any:
    return sought(SoughtUser._schema, 'here', values)


@pytest.mark.parametrize(('values', 'columns', 'value'), [
    ({'name': 'Änn'}, ('name',), 'Änn'.encode()),
    ({'raw': b'\xff'}, ('raw',), b'\xc3\xbf'),
    ({'number': 2**70}, ('number',), b'%d' % 2**70),
    ({'street': 'b', 'city': 'a'}, ('city', 'street'), b'\0\0a\0\0\0b'),
    ({'street': '', 'city': 'a'}, ('city', 'street'), b'\0\0a\0\0\0'),
])  # fmt: skip
def test_constraints(values: Any, columns: tuple[str, ...], value: bytes) -> None:
    unique, found = seek(**values)
    assert (unique.columns, found) == (columns, (value,))


@pytest.mark.parametrize(
    'names',
    [(), ('city',), ('id',), ('word',), ('nme',), ('name', 'number'), ('city', 'street', 'name')],
)
def test_no_constraint_of_these_columns(names: tuple[str, ...]) -> None:
    with pytest.raises(rom.QueryError) as error:
        seek(**dict.fromkeys(names, 'x'))
    assert 'name all columns of one of: name; raw; number; team; city, street' in str(error.value)


def test_a_model_without_constraints() -> None:
    with pytest.raises(rom.QueryError, match='the model has no constraint'):
        sought(SoughtTeam._schema, 'here', {'label': 'x'})


@pytest.mark.parametrize(
    'values', [{'name': None}, {'name': ''}, {'raw': b''}, {'city': 'a', 'street': None}]
)
def test_where_a_constraint_is_silent(values: Any) -> None:
    with pytest.raises(rom.QueryError, match='can belong to several entities'):
        seek(**values)


@pytest.mark.parametrize('values', [{'name': 5}, {'number': 'x'}, {'team': '5'}, {'team': True}])
def test_what_the_column_does_not_take(values: Any) -> None:
    with pytest.raises(rom.InvalidColumnValue, match='SoughtUser'):
        seek(**values)


def test_a_relation_is_sought_by_its_id() -> None:
    unique, values = seek(team=5)
    assert (unique.columns, values) == (('team',), (b'5',))


def test_a_new_entity_is_not_sought() -> None:
    with pytest.raises(rom.InvalidColumnValue, match='was never saved'):
        seek(team=SoughtTeam(label='x'))


def test_the_other_columns() -> None:
    unique, _ = seek(name='Ann')
    check_others(SoughtUser._schema, 'here', 'defaults', {'city': 'x'}, unique)
    for name, message in (
        ('name', 'leave it out of defaults'),
        ('x', 'not a column'),
        ('id', 'key'),
    ):
        with pytest.raises(rom.QueryError, match=message):
            check_others(SoughtUser._schema, 'here', 'defaults', {name: 1}, unique)
