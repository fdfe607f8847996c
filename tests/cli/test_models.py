"""`rom models`: for programs, for people, as JSON."""

import json

import pytest

import rom
from rom.cli.models import _options_of
from tests.cli.conftest import Shop

pytestmark = pytest.mark.one_server


def test_for_programs(filled: Shop) -> None:
    filled.raw.set('users:id:done:mine', 'x')
    filled.raw.set('unrelated', 'x')
    lines = [line.split('\t') for line in filled.fine('models', 'shop.models').splitlines()]
    models = {line[1]: line for line in lines if line[0] == 'model'}
    assert {name: line[2:5] for name, line in models.items()} == {
        'User': ['users', 'shop.models', '20'],
        'Team': ['Team', 'shop.models', '1'],
        'Login': ['Login', 'shop.models', '2'],
    }
    columns = {(line[1], line[2]): line[3:] for line in lines if line[0] == 'column'}
    assert columns['User', 'email'] == ['Text', 'required, unique, prefix, keygen=IDENTITY_CI']
    assert columns['User', 'team'] == ['ManyToOne', 'index, to=Team, on_delete=set null']
    assert columns['User', 'visits'] == ['UnsafeColumn', '']
    assert columns['Team', 'motto name'] == ['unique together', '']
    indexes = {tuple(line[1:4]): line[4:] for line in lines if line[0] == 'index'}
    assert {name: cells[:2] for name, cells in indexes.items()} == {
        ('User', 'rows', ''): ['20', ''],
        ('User', 'live', 'id'): ['1', ''],
        ('User', 'numbers', 'age'): ['1', '20'],
        ('User', 'numbers', 'team'): ['1', '10'],
        ('User', 'words', 'bio'): ['4', '40'],
        ('User', 'prefixes', 'email'): ['1', '20'],
        ('User', 'unique', 'email'): ['1', '20'],
        ('Team', 'rows', ''): ['1', ''],
        ('Team', 'live', 'id'): ['1', ''],
        ('Login', 'rows', ''): ['5', ''],
        ('Login', 'live', 'id'): ['1', ''],
        ('Login', 'numbers', 'expire_at'): ['1', '5'],
        ('Login', 'unique', 'token'): ['1', '5'],
    }
    used = filled.raw.memory_usage('users:age:idx', samples=0)
    assert int(indexes['User', 'numbers', 'age'][2]) == pytest.approx(used, rel=0.3)
    total = sum(int(cells[2]) for (model, *_), cells in indexes.items() if model == 'User')
    assert int(models['User'][6]) == total


def test_json_and_quick(filled: Shop) -> None:
    user = json.loads(filled.fine('models', 'shop.models:User', '--json', '--sample', '2'))[0]
    assert user['entities'] == 20
    assert user['columns'][1] == {'name': 'age', 'type': 'Integer', 'index': True}
    [words] = [index for index in user['indexes'] if index['kind'] == 'words']
    assert (words['of'], words['keys'], words['sampled']) == ('bio', 4, 2)
    [quick] = json.loads(filled.fine('models', 'shop.models:Team', '--json', '--quick'))
    assert (quick['entities'], quick['bytes'], quick['indexes']) == (1, None, None)


def test_for_people(filled: Shop) -> None:
    seen = filled.seen('models', 'shop.models', '--sample', '1')
    assert '\x1b[1mUser  (20 entities, ' in seen
    assert 'IDENTITY_CI' in seen
    assert '~' in seen
    assert 'users:*' in seen
    assert '─' not in seen and '│' not in seen


def test_a_list_shows_the_column_of_its_elements() -> None:
    assert _options_of(rom.List(rom.Text(), index=True)) == {
        'type': 'List', 'of': 'Text', 'index': True
    }  # fmt: skip
