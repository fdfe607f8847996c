"""The row that steps read and change."""

import datetime
from typing import Any

import pytest

import rom
from rom._core.migrations.former import extended
from rom.migrations import Migration, MigrationRow


class RowTeam(rom.Model):
    name = rom.Text()


class Outside:
    """A class of a ForeignModel, which must not be asked."""

    @classmethod
    def get(cls, id: int) -> Any:
        raise AssertionError('no object is looked up')


class RowOfAll(rom.Model):
    age = rom.Integer(default=5)
    name = rom.Text(required=True)
    data = rom.Json()
    day = rom.Date()
    team = rom.ManyToOne('RowTeam', on_delete='no action')
    other = rom.ForeignModel(Outside)
    words = rom.IndexOnly('name', keygen=rom.FULL_TEXT)
    alias = rom.Text(stored_as='nick')


def row_of(was: dict[str, Any] | None = None, **stored: bytes) -> MigrationRow:
    def read(row: MigrationRow) -> None:
        """Read nothing."""

    return Migration('m', RowOfAll, read, was=was).migrated(3, stored)


def test_values_are_those_of_the_row() -> None:
    row = row_of(age=b'4', name=b'x', team=b'9', other=b'8', day=b'86400.0')
    assert (row['age'], row['name'], row['team'], row['other']) == (4, 'x', 9, 8)
    assert row['day'] == datetime.date(1970, 1, 2)
    assert (row.id, row['id'], row.key, repr(row)) == (3, 3, 'RowOfAll:3', '<row RowOfAll:3>')
    assert (row['data'], row.get('data', {}), 'data' in row, 'age' in row) == (
        None,
        {},
        False,
        True,
    )
    assert row.raw('age') == b'4'
    assert list(row) == ['age', 'name', 'day', 'team', 'other', 'id']
    assert row_of()['age'] is None, 'a default is no value of the row'


def test_a_value_that_changes_in_place() -> None:
    row = row_of(data=b'{"a": [1]}')
    row['data']['a'].append(2)
    change = row.change()
    assert change is not None
    assert change.wanted == {'data': b'{"a": [1, 2]}'}
    other = row_of(data=b'{"a":[1]}')
    assert other['data'] == {'a': [1]}
    assert other.change() is None, 'another form of the same value'
    other['data'] = {'a': [1]}
    assert other.change() is not None


def test_what_is_written_back_as_it_was_is_no_change() -> None:
    row = row_of(age=b'4')
    row['age'] = 4
    row['data'] = None
    assert row.change() is None


def test_the_change_depends_on_what_was_read() -> None:
    row = row_of(age=b'4', name=b'x', day=b'0.0')
    row['name'] = f'{row["name"]}{row["age"]}'
    change = row.change()
    assert change is not None
    assert set(change.depends_on) == {'name', 'age'}
    assert change.wanted == {'name': b'x4'}


def test_relations_take_ids() -> None:
    row = row_of(team=b'9')
    row['team'] = row['team'] + 1
    row['other'] = 12
    change = row.change()
    assert change is not None
    assert change.wanted == {'team': b'10', 'other': b'12'}
    assert (row['team'], row['other']) == (10, 12)
    del row['team']
    assert row['team'] is None


def test_former_columns() -> None:
    row = row_of({'born': rom.Integer(), 'age': rom.Text()}, born=b'1999', age=b'old')
    assert (row['born'], row['age'], row.raw('born')) == (1999, 'old', b'1999')
    row['age'] = 26
    del row['born']
    assert (row['age'], row['born']) == (26, None)
    with pytest.raises(rom.InvalidColumnValue, match="'born' cannot be assigned, because"):
        row['born'] = 2000


@pytest.mark.parametrize('name', ['nick', 'words', 'x', '', 5, None])
def test_unknown_columns(name: Any) -> None:
    row = row_of()
    for action in (
        lambda: row[name],
        lambda: row.raw(name),
        lambda: row.__setitem__(name, 'x'),
        lambda: row.__delitem__(name),
    ):
        with pytest.raises(rom.InvalidColumnValue, match='is no stored column of the model or'):
            action()


def test_refused_changes() -> None:
    row = row_of(name=b'x')
    with pytest.raises(rom.InvalidColumnValue, match="'id' is the primary key"):
        row['id'] = 5
    with pytest.raises(rom.InvalidOperation, match=r'RowOfAll\.name is required'):
        row['name'] = None
    with pytest.raises(rom.InvalidColumnValue, match='age: expected an int'):
        row['age'] = 'x'
    with pytest.raises(rom.InvalidColumnValue):
        row['data'] = {'a': {1, 2}}
        row.change()
    assert row.stored == {'name': b'x'}


def test_fields_by_their_names_in_redis() -> None:
    row = row_of(alias=b'x')
    row['alias'] = 'y'
    change = row.change()
    assert change is not None
    assert change.schema.keys.stored_name('alias') == 'nick'


def test_a_schema_is_extended_by_what_it_lacks() -> None:
    own = RowOfAll._schema  # type: ignore[attr-defined]
    assert extended(own, ['age', 'name']) is own
    found = extended(own, ['age', 'fax'])
    assert (set(found.in_rows) - set(own.in_rows), found.keys) == ({'fax'}, own.keys)
    assert found.every_index == own.every_index
    with pytest.raises(rom.ColumnError, match=r'RowOfAll\.words: expected a column with a value'):
        extended(own, ['words'])
