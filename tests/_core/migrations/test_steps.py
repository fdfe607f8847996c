"""The ready steps, on rows without a server."""

import decimal
from collections.abc import Callable
from typing import Any

import pytest

import rom
from rom.migrations import Migration, MigrationRow, backfill, drop, rename, retype, split


class StepTeam(rom.Model):
    name = rom.Text()


class StepRow(rom.Model):
    color = rom.Text(index=True, keygen=rom.IDENTITY, choices=['red', 'blue'])
    price = rom.Decimal(index=True)
    first = rom.Text()
    last = rom.Text()
    count = rom.Integer(unique=True)
    team = rom.ManyToOne('StepTeam', on_delete='no action')
    data = rom.Json()
    blob = rom.String()
    name = rom.Text(required=True)
    renamed = rom.Text(stored_as='alias')


def migrated(stored: dict[str, bytes], *steps: Any, **options: Any) -> dict[str, bytes | None]:
    """Return the columns that steps write, as they are stored."""
    change = Migration('m', StepRow, *steps, **options).migrated(7, stored).change()
    return {} if change is None else dict(change.wanted)


RENAME: list[tuple[Any, dict[str, bytes], dict[str, bytes | None]]] = [
    (rename('colour', 'color'), {'colour': b'red'}, {'color': b'red', 'colour': None}),
    # A program with the new declaration wrote the new column.
    (rename('colour', 'color'), {'colour': b'red', 'color': b'blue'}, {'colour': None}),
    (rename('colour', 'color'), {'color': b'blue'}, {}),
    (rename('colour', 'color'), {}, {}),
    # Choices do not apply to stored values.
    (rename('colour', 'color'), {'colour': b'mauve'}, {'color': b'mauve', 'colour': None}),
    # The stored form is kept, also where `encode` would make another one.
    (rename('cost', 'price'), {'cost': b'1.50'}, {'price': b'1.50', 'cost': None}),
    (rename('group', 'team'), {'group': b'5'}, {'team': b'5', 'group': None}),
    (rename('first', 'last'), {'first': b'x'}, {'last': b'x', 'first': None}),
    (rename('old', 'data'), {'old': b'{"a": 1}'}, {'data': b'{"a": 1}', 'old': None}),
    (rename('nick', 'renamed'), {'nick': b'x'}, {'renamed': b'x', 'nick': None}),
]


@pytest.mark.parametrize(('step', 'stored', 'wanted'), RENAME)
def test_rename(step: Any, stored: dict[str, bytes], wanted: dict[str, bytes | None]) -> None:
    assert migrated(stored, step) == wanted


def test_a_value_that_the_new_column_cannot_hold() -> None:
    with pytest.raises(rom.CorruptRowError, match=r"StepRow:7, column 'count'.*not a valid Int"):
        migrated({'number': b'x'}, rename('number', 'count'))


def test_split() -> None:
    step = split('full', into=('first', 'last'), by=str.split)
    wanted = {'first': b'Ann', 'last': b'Lee', 'full': None}
    assert migrated({'full': b'Ann Lee'}, step) == wanted
    assert migrated({'full': b'Ann Lee', 'first': b'Bea'}, step) == {'last': b'Lee', 'full': None}
    assert migrated({'first': b'Ann'}, step) == {}
    with pytest.raises(ValueError, match="expected 2 parts of 'Ann', got 1"):
        migrated({'full': b'Ann'}, step)


def test_split_of_a_declared_column_and_with_another_type() -> None:
    step = split('blob', into=('first', 'last'), by=lambda raw: raw.decode().split('-'))
    assert migrated({'blob': b'a-b'}, step) == {'first': b'a', 'last': b'b', 'blob': None}
    step = split('size', ['count', 'last'], lambda n: (n // 10, None), was=rom.Integer())
    assert migrated({'size': b'42'}, step) == {'count': b'4', 'size': None}


def test_retype() -> None:
    step = retype('price', rom.Float(), lambda value: decimal.Decimal(str(value)).quantize(2))
    assert migrated({'price': b'1.7'}, step) == {'price': b'2'}
    assert migrated({}, step) == {}
    dates = retype('price', rom.Date(), lambda day: decimal.Decimal(day.year))
    # A value that only the new type has is that of a program with the new declaration.
    assert migrated({'price': b'12345678901234.5'}, dates) == {}
    with pytest.raises(rom.CorruptRowError, match='not a valid Date'):
        migrated({'price': b'?'}, dates)
    assert migrated({'price': b'1'}, retype('price', rom.Float(), lambda _: None)) == {
        'price': None
    }


def test_backfill() -> None:
    assert migrated({}, backfill('count', 5)) == {'count': b'5'}
    assert migrated({'count': b'1'}, backfill('count', 5)) == {}
    by_row = backfill('count', lambda row: row.id + len(row.get('first', '')))
    assert migrated({'first': b'abc'}, by_row) == {'count': b'10'}
    assert migrated({}, backfill('first', lambda row: None)) == {}
    with pytest.raises(rom.InvalidColumnValue, match='count: expected an int'):
        migrated({}, backfill('count', 'x'))
    with pytest.raises(rom.InvalidColumnValue, match='color'):
        migrated({}, backfill('color', 'mauve'))


def test_drop() -> None:
    assert migrated({'fax': b'1', 'telex': b'\xff', 'first': b'x'}, drop('fax', 'telex')) == {
        'fax': None,
        'telex': None,
    }
    assert migrated({'first': b'x'}, drop('fax')) == {}
    with pytest.raises(rom.InvalidOperation, match=r'StepRow\.name is required'):
        migrated({'name': b'x'}, drop('name'))


def test_steps_see_what_earlier_steps_did() -> None:
    found = migrated(
        {'a': b'Ann Lee', 'b': b'3'},
        rename('a', 'first'),
        backfill('first', 'nobody'),
        rename('first', 'last'),
        lambda row: row.__setitem__('last', row['last'].upper()),
        rename('b', 'price'),
        retype('price', rom.Integer(), lambda n: decimal.Decimal(n) / 2),
    )
    assert found == {'a': None, 'b': None, 'last': b'ANN LEE', 'price': b'1.5'}


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: rename('a', 'a'), "expected two names, got 'a' twice"),
    (lambda: rename('', 'a'), "expected the name of a column, got ''"),
    (lambda: rename('a:b', 'a'), "expected the name of a column, got 'a:b'"),
    (lambda: rename(5, 'a'), 'expected the name of a column, got 5'),  # type: ignore[arg-type]
    (lambda: split('a', 'b', str.split), 'expected the names of other columns and a function'),
    (lambda: split('a', ('a', 'b'), str.split), 'expected the names of other columns'),
    (lambda: split('a', ('b',), 5), 'by=5'),  # type: ignore[arg-type]
    (lambda: retype('a', rom.Text, str), 'expected a column with the former type'),  # type: ignore[arg-type]
    (lambda: retype('a', rom.Text(), 5), 'convert: expected a function, got 5'),  # type: ignore[arg-type]
    (lambda: drop(), 'expected the name of a column, got none'),
    (lambda: drop('-index-data-'), "got '-index-data-'"),
]


@pytest.mark.parametrize(('make', 'problem'), WRONG)
def test_wrong_arguments(make: Callable[[], Any], problem: str) -> None:
    with pytest.raises(rom.ORMError) as caught:
        make()
    assert problem in str(caught.value)


def test_they_are_shown() -> None:
    step = split('full', into=('first', 'last'), by=str.split)
    assert str(Migration('m', StepRow, rename('a', 'color'), step, drop('x', 'y'))) == (
        'rename a to color; split full into first and last; drop x and y'
    )
    assert repr(step) == '<step split full into first and last>'


def test_a_row_is_untouched_by_steps_that_only_read() -> None:
    def look(row: MigrationRow) -> None:
        assert [row[name] for name in row] == ['x', 7]

    assert migrated({'id': b'7', 'name': b'x'}, look) == {}
