"""Conflicts: which errors they are, and what a client is told of them."""

import json
from typing import Any

import pytest

import rom
from rom.contrib.conflict_responses import CONFLICTS, conflict_body, conflict_data


def test_which_errors_are_conflicts() -> None:
    assert set(CONFLICTS) == {
        rom.UniqueKeyViolation, rom.DataRaceError, rom.EntityDeletedError, rom.RestrictError,
    }  # fmt: skip


def test_a_unique_violation_does_not_say_who_has_the_value() -> None:
    class Account(rom.Model):
        _namespace = 'accounts'
        email = rom.Text(unique=True)

    error = rom.UniqueKeyViolation(
        "Account 1: email='a' belongs to accounts:77", 'accounts', 1, ['email'], 'a', 77
    )
    assert conflict_data(error) == {
        'error': 'conflict',
        'what': 'unique',
        'model': 'Account',
        'id': 1,
        'columns': ['email'],
        'value': 'a',
        'detail': 'email must be unique, and the value is taken',
    }
    assert b'77' not in conflict_body(error)


def test_a_model_that_nobody_knows_is_named_by_its_namespace() -> None:
    assert conflict_data(rom.DataRaceError('x', 'nobody', 1, ['a', 'b'])) == {
        'error': 'conflict',
        'what': 'race',
        'model': 'nobody',
        'id': 1,
        'columns': ['a', 'b'],
        'value': None,
        'detail': 'it was changed meanwhile; load it again',
    }


@pytest.mark.parametrize(
    'value, shown', [(b'\xff\xfea', '��a'), ('ü', 'ü'), (2**70, 2**70), (None, None), (1.5, '1.5')]
)
def test_every_value_can_be_shown(value: Any, shown: Any) -> None:
    error = rom.UniqueKeyViolation('x', 'n', 1, ['a'], value, 2)
    assert json.loads(conflict_body(error))['value'] == shown


def test_of_several_columns_no_value_is_shown() -> None:
    error = rom.UniqueKeyViolation('x', 'n', 1, ['a', 'b'], b'\0\0a\0\0\0b', 2)
    told = conflict_data(error)
    assert told['value'] is None
    assert told['detail'] == 'a and b must be unique, and the value is taken'


def test_errors_that_know_no_more() -> None:
    assert conflict_data(rom.RestrictError('x')) == {
        'error': 'conflict',
        'what': 'restrict',
        'model': None,
        'id': None,
        'columns': [],
        'value': None,
        'detail': 'others refer to it, so it cannot be deleted',
    }
    assert conflict_data(rom.EntityDeletedError('x', 'n', 3))['what'] == 'gone'
