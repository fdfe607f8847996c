"""Text or bytes: both directions, and what cannot be said in UTF-8."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.text import as_bytes, as_text
from rom.exceptions import InvalidColumnValue


@given(st.text(st.characters(codec='utf-8')))
def test_text_becomes_utf_8_and_back(value: str) -> None:
    assert as_bytes(value) == value.encode()
    assert as_text(as_bytes(value)) == value == as_text(value)


@given(st.binary())
def test_bytes_stay_and_their_text_keeps_every_byte(value: bytes) -> None:
    assert as_bytes(value) == value
    assert as_text(value).encode('utf-8', 'surrogateescape') == value


@pytest.mark.parametrize('value', ['', '\0', 'a\0b', '\x7f\x80', '\U0010ffff'])
def test_nothing_is_special(value: str) -> None:
    assert as_bytes(value).decode() == value


@pytest.mark.parametrize('value', ['\ud800', 'abc\udfff', '\ud83d\ude00'])
def test_a_lone_surrogate_is_refused_with_its_place_and_a_remedy(value: str) -> None:
    """Ours: rom 1.x leaked UnicodeEncodeError."""
    with pytest.raises(InvalidColumnValue) as caught:
        as_bytes(value)
    message = str(caught.value)
    assert repr(value) in message
    assert f'position {3 if value[0] == "a" else 0}' in message
    assert 'replace or remove it' in message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize('value', [None, 5, ['a'], bytearray(b'a')])
def test_what_is_neither_text_nor_bytes_is_a_mistake_of_the_caller(value: object) -> None:
    with pytest.raises(TypeError):
        as_bytes(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        as_text(value)  # type: ignore[arg-type]
