"""How fields stand in a hash."""

from typing import Any

import pytest

from rom.repocket import stored


def test_bytes_that_are_no_text_are_marked() -> None:
    field = stored.as_python('Bytes', b'\xff\x00')
    assert field['encoding'] == 'base64'
    assert stored.text_of(field) == b'\xff\x00'
    assert 'encoding' not in stored.as_python('Bytes', b'\x00')


@pytest.mark.parametrize(
    ('field', 'text'),
    [({'value': 5}, b'5'), ({'value': {'a': 1}}, b'{"a": 1}'), ({'value': None}, None)],
)
def test_values_as_somebody_might_write_them(field: Any, text: bytes | None) -> None:
    assert stored.text_of(field) == text


@pytest.mark.parametrize(
    'field', [{}, [], 'x', None, {'type': 'Bytes'}, {'value': '*', 'encoding': 'base64'}]
)
def test_no_field(field: Any) -> None:
    with pytest.raises(ValueError, match='value'):
        stored.text_of(field)


@pytest.mark.parametrize('raw', ['', '{', b'\xff', '[' * 100_000])
def test_no_json(raw: Any) -> None:
    with pytest.raises(ValueError, match='expected JSON'):
        stored.from_json(raw)
