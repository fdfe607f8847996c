"""Fields of a hash, and values as Python 2 wrote them."""

from typing import Any

import pytest

from rom.repocket import codec
from rom.repocket.codec import read_value


def test_bytes_that_are_no_text_are_marked() -> None:
    field = codec.as_python('Bytes', b'\xff\x00')
    assert field['encoding'] == 'base64'
    assert codec.text_of(field) == b'\xff\x00'
    assert 'encoding' not in codec.as_python('Bytes', b'\x00')


@pytest.mark.parametrize(
    ('field', 'text'),
    [({'value': 5}, b'5'), ({'value': {'a': 1}}, b'{"a": 1}'), ({'value': None}, None)],
)
def test_values_as_somebody_might_write_them(field: Any, text: bytes | None) -> None:
    assert codec.text_of(field) == text


@pytest.mark.parametrize(
    'field', [{}, [], 'x', None, {'type': 'Bytes'}, {'value': '*', 'encoding': 'base64'}]
)
def test_no_field(field: Any) -> None:
    with pytest.raises(ValueError, match='value'):
        codec.text_of(field)


@pytest.mark.parametrize('raw', ['', '{', b'\xff', '[' * 100_000])
def test_no_json(raw: Any) -> None:
    with pytest.raises(ValueError, match='expected JSON'):
        codec.from_json(raw)


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('{"a": [1, 2.5, true, null]}', {'a': [1, 2.5, True, None]}),
        ("{'a': u'b'}", {'a': 'b'}),
        ("{u'a': [u'b', 1, 2L, -3L, 1.5, True, None]}", {'a': ['b', 1, 2, -3, 1.5, True, None]}),
        ("u'x'", 'x'),
        ("'x'", 'x'),
        (r"u'caf\xe9 \u20ac'", 'café €'),
        (r"'caf\xc3\xa9'", 'café'),
        (r"'caf\xe9'", 'café'),
        (r"""{"it's": 'say "5L"', u'\'': "a\\"}""", {"it's": 'say "5L"', "'": 'a\\'}),
        ("{1: 'a'}", {1: 'a'}),
        ("(1, 'a')", (1, 'a')),
        ('None', None),
        ('10L', 10),
        ('"10L"', '10L'),
        ("'é'", 'é'),
        ('""', ''),
        ("''", ''),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert read_value(text) == value


@pytest.mark.parametrize(
    'text', ['', 'hello', "{'a': ", '__import__("os")', 'x + 1', '(' * 5000, "u'"]
)
def test_neither(text: str) -> None:
    with pytest.raises(ValueError, match='expected JSON or a Python 2 literal'):
        read_value(text)
