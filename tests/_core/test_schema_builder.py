"""Schemas of class bodies: what a class body may say, and the errors of what it may not."""

from typing import Any

import pytest

from rom._core.schema_builder import build
from rom.columns import (
    Column,
    DateTime,
    ExpireAt,
    Integer,
    PrimaryKey,
    Text,
)
from rom.exceptions import ColumnError, ORMError
from tests.support.schemas import schema


def test_the_namespace_is_the_name_unless_it_is_given() -> None:
    assert schema().keys.namespace == 'Thing'
    assert schema(namespace='{users}').keys.namespace == '{users}'


@pytest.mark.parametrize('namespace', ['', 5, b'users', ['users'], True, object])
def test_a_namespace_is_a_string(namespace: Any) -> None:
    with pytest.raises(ORMError) as caught:
        schema(namespace=namespace)
    assert str(caught.value) == f'Thing._namespace: expected a non-empty str, got {namespace!r}'


def test_a_namespace_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(ORMError, match='surrogate'):
        schema(namespace='\ud800')


def test_two_primary_keys_are_one_too_many() -> None:
    with pytest.raises(ColumnError) as caught:
        schema({'number': PrimaryKey()})
    assert str(caught.value) == 'Thing has 2 primary keys (id, number); keep one'


# unique_together.


@pytest.mark.parametrize('declared', [None, [], ()])
def test_no_groups(declared: Any) -> None:
    assert schema(unique_together=declared).uniques == ()


@pytest.mark.parametrize(
    ('declared', 'groups'),
    [
        (('a', 'b'), [('a', 'b')]),
        (['b', 'a'], [('a', 'b')]),
        ([('a', 'b')], [('a', 'b')]),
        ([('b', 'a'), ['a', 'c']], [('a', 'b'), ('a', 'c')]),
        ((('c', 'b', 'a'),), [('a', 'b', 'c')]),
    ],
)
def test_groups_are_a_list_of_tuples_or_one_tuple(declared: Any, groups: Any) -> None:
    assert [unique.columns for unique in schema(unique_together=declared).uniques] == groups


@pytest.mark.parametrize(
    ('declared', 'parts'),
    [
        ([('a',)], ["group ('a',)", 'at least two columns', 'unique=True']),
        (('a',), ["group ('a',)", 'at least two columns', 'unique=True']),
        ([('a', 'a')], ["group ('a', 'a')", 'at least two columns']),
        ([()], ['group ()', 'at least two columns']),
        ([('a', 'b'), ('a', 'b')], ["has the group ('a', 'b') twice"]),
        ([('a', 'b'), ('b', 'a')], ["has the group ('b', 'a') twice"]),
        ([('a', 'nope')], ["group ('a', 'nope')", "no column 'nope'"]),
        ([('a', 5)], ["group ('a', 5)", 'tuple of column names']),
        ([('a', 'id')], ["group ('a', 'id')", 'primary key is always unique', 'leave it out']),
        (['a', ('b', 'c')], ["group 'a'"]),
        ([None], ['group None']),
        ('ab', ["expected a list of tuples, got 'ab'"]),
        ({('a', 'b')}, ['expected a list of tuples']),
        (5, ['expected a list of tuples, got 5']),
    ],
)
def test_groups_that_are_wrong(declared: Any, parts: list[str]) -> None:
    with pytest.raises(ColumnError) as caught:
        schema(unique_together=declared)
    message = str(caught.value)
    assert message.startswith('Thing.unique_together')
    for part in parts:
        assert part in message


def test_a_group_of_lists_is_wrong_too() -> None:
    with pytest.raises(ColumnError, match=r'^Thing\.unique_together'):
        schema(unique_together=[('a', ['b'])])


@pytest.mark.parametrize(
    ('declared', 'says'),
    [
        ('gone', r"_soft_delete = 'gone': the model has .*; declare it as deleted_at = DateTime"),
        (5, '_soft_delete = 5: the model has'),
        ('age', 'this is a Integer; declare'),
        ('until', 'this is a ExpireAt'),
        ('plain', 'needs an index of times'),
        ('made', 'a new entity must have no value'),
        ('needed', 'a new entity must have no value'),
    ],
)
def test_the_column_of_a_soft_delete(declared: Any, says: str) -> None:
    columns: dict[str, Column[Any]] = {
        'id': PrimaryKey(),
        'age': Integer(index=True),
        'until': ExpireAt(),
        'plain': DateTime(),
        'made': DateTime(index=True, auto_now=True),
        'needed': DateTime(index=True, required=True),
        'right': DateTime(index=True),
        'email': Text(unique=True),
    }
    for name, column in columns.items():
        column.name = name
    with pytest.raises(ColumnError, match=says):
        build('Thing', columns, None, None, False, soft_delete=declared)
    schema = build('Thing', columns, None, None, False, soft_delete='right')
    [email] = [unique for unique in schema.uniques if unique.columns == ('email',)]
    assert email.claims({'email': b'x'}) == (b'x',)
    assert email.claims({'email': b'x', 'right': b'1.0'}) == ()
