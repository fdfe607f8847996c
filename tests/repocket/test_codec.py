"""How fields stand in a hash."""

from typing import Any

import pytest

from rom.repocket import codec


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
