"""The values of a row: the columns that were read are noted."""

from typing import Any

import pytest

from rom._core.writes.decoded_row import TrackingMapping


def test_what_is_read_is_noted() -> None:
    values = TrackingMapping({'a': 1, 'b': 2, 'c': None})
    assert values.read == set()
    assert values['a'] == 1
    assert values.read == {'a'}
    assert values.get('b') == 2
    assert values.get('nope', 5) == 5
    assert 'c' in values
    assert values.read == {'a', 'b', 'c', 'nope'}


@pytest.mark.parametrize('look', [
    list, dict, lambda values: values.items() and list(values.items()),
    lambda values: list(values.values()), lambda values: list(values.keys()),
    lambda values: values == {'a': 1}, lambda values: {**values},
])  # fmt: skip
def test_who_looks_at_all_has_read_all(look: Any) -> None:
    values = TrackingMapping({'a': 1, 'b': 2})
    look(values)
    assert values.read == {'a', 'b'}


def test_the_number_of_columns_tells_nothing() -> None:
    values = TrackingMapping({'a': 1})
    assert len(values) == 1 and values
    assert values.read == set()


def test_what_is_missing_is_a_key_error_and_noted() -> None:
    values = TrackingMapping({})
    with pytest.raises(KeyError):
        values['a']
    assert values.read == {'a'}
