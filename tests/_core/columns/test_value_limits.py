"""Lengths of strings, and what takes no digits without end."""

from __future__ import annotations

from typing import Any

import pytest

import rom
from rom.exceptions import ColumnError, InvalidColumnValue


@pytest.mark.parametrize(
    ('kind', 'good', 'long', 'unit'),
    [
        (rom.Text, 'abc', 'abcd', '4 characters'),
        (rom.Text, '€€€', '€€€€', '4 characters'),
        (rom.Text, b'abc', b'abcd', '4 characters'),
        (rom.String, b'abc', b'abcd', '4 bytes'),
        (rom.String, 'äöü', 'äöüß', '4 bytes'),
    ],
)
def test_strings_have_a_length(kind: Any, good: Any, long: Any, unit: str) -> None:
    column = kind(max_length=3)
    assert len(column.check(good)) == 3
    with pytest.raises(InvalidColumnValue, match=f'has {unit}; max_length is 3'):
        column.check(long)
    assert len(kind().check(long)) == 4


@pytest.mark.parametrize('length', [0, -1, 1.5, '3', True])
def test_what_is_no_length(length: Any) -> None:
    with pytest.raises(ColumnError, match='expected max_length to be an int of at least 1'):
        rom.Text(max_length=length)


def test_a_model_says_which_value_is_too_long() -> None:
    class Note(rom.Model):
        title = rom.Text(max_length=5, index=True, keygen=rom.FULL_TEXT)

    with pytest.raises(InvalidColumnValue, match=r"^Note.title: 'abcdef' has 6 characters"):
        Note(title='abcdef')
    note = Note(title='abc')
    with pytest.raises(InvalidColumnValue, match=r'^Note.title: '):
        note.title = 'x' * 3_500_000
    with pytest.raises(InvalidColumnValue, match=r'^Note.title: '):
        note.update(title='abcdef')
    with pytest.raises(InvalidColumnValue, match=r'^Note.title: '):
        Note.query.update(title='abcdef')
    rom.session.rollback()
