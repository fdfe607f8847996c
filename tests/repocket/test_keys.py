"""Keys, by name."""

import uuid

import pytest

from rom.repocket import ActiveRecord, attributes, keys

ID = uuid.UUID('5f3c6f38-9d4b-11ee-b962-0242ac120002')


class KeyedThing(ActiveRecord):
    body = attributes.ByteStream()


def test_the_keys_of_a_record() -> None:
    schema = KeyedThing._record_schema
    module = __name__
    assert schema.key(ID) == f'repocket:{module}:KeyedThing:{ID}'.encode()
    assert schema.stream(ID, 'body') == f'repocket:{module}:KeyedThing:{ID}:field:body'.encode()


def test_a_pattern_takes_no_sign_of_a_name_for_its_own() -> None:
    assert keys.pattern_of('a*:B[?').startswith(b'repocket:a\\*:B\\[\\?:????????-')


@pytest.mark.parametrize('text', ['', 'x', 'repocket:a:B', f'pocket:a:B:{ID}', 'repocket:a:B:5'])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match=r'key|id'):
        keys.Reference.parse(text)


@pytest.mark.parametrize('raw', [b'', b'x', ID.hex.encode(), f'{{{ID}}}'.encode(), b'\xff' * 36])
def test_what_is_no_id(raw: bytes) -> None:
    assert keys.as_id(raw) is None
