"""What a module declares."""

import sys
from types import ModuleType
from typing import Any

import pytest

import rom
from rom._core.migrations.migration import collect
from rom.migrations import Migration, MigrationRow, backfill, drop, migration, rename


class DeclaredRow(rom.Model):
    age = rom.Integer()


class DeclaredOther(rom.Model):
    age = rom.Integer()


def module_of(**names: Any) -> ModuleType:
    module = ModuleType('shop_migrations')
    vars(module).update(names)
    return module


def test_a_function() -> None:
    @migration(DeclaredRow)
    def older(row: MigrationRow) -> None:
        row['age'] = (row['age'] or 0) + 1

    assert (older.name, older.model, str(older)) == ('older', DeclaredRow, 'call older')
    assert repr(older) == "<migration 'older' of DeclaredRow>"
    change = older.migrated(1, {'age': b'4'}).change()
    assert change is not None
    assert change.wanted == {'age': b'5'}
    named = migration(DeclaredRow, name='0002 older', was={'born': rom.Integer()})(lambda row: None)
    assert (named.name, list(named.was)) == ('0002 older', ['born'])


def test_a_module_in_its_order() -> None:
    one, two, three, four = (Migration(n, DeclaredRow, drop('x')) for n in ('b', 'a', 'd', 'c'))
    module = module_of(two=two, rows=[three, one], other=5, again=two, last=(four,))
    assert collect([module]) == [two, three, one, four]
    assert collect([four, module]) == [four, two, three, one]


def test_a_module_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    only = Migration('a', DeclaredRow, drop('x'))
    monkeypatch.setitem(sys.modules, 'shop_migrations', module_of(only=only))
    assert collect(['shop_migrations']) == [only]


def test_modules_without_migrations() -> None:
    with pytest.raises(rom.InvalidOperation, match='shop_migrations declares no migrations'):
        collect([module_of()])
    with pytest.raises(rom.InvalidOperation, match='expected a module of migrations, got none'):
        collect([])
    with pytest.raises(rom.InvalidOperation, match='expected a module of migrations, got 5'):
        collect([5])  # type: ignore[list-item]


def test_names_are_different() -> None:
    module = module_of(
        a=Migration('same', DeclaredRow, drop('x')), b=Migration('same', DeclaredOther, drop('x'))
    )
    with pytest.raises(rom.InvalidOperation, match="two migrations have the name 'same', of Decl"):
        collect([module])


@pytest.mark.parametrize('name', ['', ' a', 'a\n', 'x' * 201, 5, None, 'a\x1b[2J'])
def test_wrong_names(name: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='expected a name of 1 to 200 printable') as got:
        Migration(name, DeclaredRow, drop('x'))
    assert len(str(got.value)) < 500
    assert str(got.value).isprintable()


@pytest.mark.parametrize(
    ('make', 'problem'),
    [
        (lambda: Migration('reindex', DeclaredRow, drop('x')), 'stands for the indexes that are'),
        (lambda: Migration('m', rom.Model, drop('x')), 'expected a model, got'),
        (lambda: Migration('m', 5, drop('x')), 'expected a model, got 5'),  # type: ignore[arg-type]
        (lambda: Migration('m', DeclaredRow), 'expected steps, such as rename'),
        (lambda: Migration('m', DeclaredRow, 'x'), 'expected steps'),  # type: ignore[arg-type]
        (lambda: Migration('m', DeclaredRow, drop('x'), was=5), 'was: expected a dict'),  # type: ignore[arg-type]
        (lambda: Migration('m', DeclaredRow, drop('x'), was={'x': 5}), "was['x']: expected a col"),  # type: ignore[dict-item]
    ],
)
def test_wrong_arguments(make: Any, problem: str) -> None:
    with pytest.raises(rom.ORMError) as caught:
        make()
    assert problem in str(caught.value)


def test_columns_are_checked_when_it_runs() -> None:
    """A migration that was done long ago may name columns that the model has lost since."""
    old = Migration('old', DeclaredRow, backfill('lost', 5))
    with pytest.raises(rom.InvalidOperation, match=r"'old', backfill lost: .* no column 'lost'"):
        old.check_columns()
    with pytest.raises(rom.InvalidOperation, match='there are age, id'):
        Migration('key', DeclaredRow, rename('x', 'id')).check_columns()
