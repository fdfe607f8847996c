"""Text and String: what is taken, and how it is stored."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom.columns import String, Text
from rom.exceptions import InvalidColumnValue

TEXT = st.text(st.characters(codec='utf-8'))


@given(TEXT)
def test_text_round_trips_as_utf_8(value: str) -> None:
    column = Text()
    assert column.check(value) == value == column.check(value.encode())
    assert column.encode(value) == value.encode()
    assert column.decode(column.encode(value)) == value


@pytest.mark.parametrize('value', ['', '\0', 'a\0\0b', '\x7f\x80', '\U0010ffff', '﷽'])
def test_no_character_is_special(value: str) -> None:
    assert Text().decode(Text().encode(Text().check(value))) == value


@given(st.binary())
def test_bytes_round_trip_as_latin_1_text(value: bytes) -> None:
    column = String()
    assert column.check(value) == value == column.check(value.decode('latin-1'))
    assert column.encode(value) == value.decode('latin-1').encode()
    assert column.decode(column.encode(value)) == value


@pytest.mark.parametrize('value', [5, 1.5, True, ['a'], {}, object, bytearray(b'a'), None])
@pytest.mark.parametrize('kind', [Text, String])
def test_other_types_are_refused(kind: Any, value: Any) -> None:
    with pytest.raises(InvalidColumnValue) as caught:
        kind().check(value)
    assert repr(value) in str(caught.value)
    assert kind.kind in str(caught.value)


def test_text_takes_no_bytes_that_are_no_utf_8() -> None:
    with pytest.raises(InvalidColumnValue, match='UTF-8 bytes'):
        Text().check(b'\xff')


@pytest.mark.parametrize('value', ['\ud800', 'ab\udfff'])
def test_text_refuses_lone_surrogates_and_says_so(value: str) -> None:
    """Ours: rom 1.x failed when saving, with UnicodeEncodeError."""
    column = Text()
    with pytest.raises(InvalidColumnValue, match=r'^Text: .*surrogate.*replace or remove it$'):
        column.check(value)
    column.name = 'c'
    with pytest.raises(InvalidColumnValue, match=r'^c: .*surrogate.*replace or remove it$'):
        column.check(value)


@pytest.mark.parametrize('value', ['€', 'Ā', '\ud800'])
def test_text_that_latin_1_cannot_say_is_a_unicode_error(value: str) -> None:
    """The contract has UnicodeEncodeError here, as rom 1.x does."""
    with pytest.raises(UnicodeEncodeError):
        String().check(value)


def test_a_subclass_of_str_is_taken() -> None:
    class Name(str):
        pass

    assert Text().encode(Text().check(Name('a'))) == b'a'
    assert String().check(Name('a')) == b'a'


def test_what_the_columns_are() -> None:
    for column in (Text(), String()):
        assert column.is_string and column.can_be_unique
        assert not (column.is_numeric or column.is_wide or column.is_mutable)
        assert not column.has_default_keys
