"""What a class body says, and what a hash implies in the indexes: pure."""

import uuid
from typing import Any

import pytest

from rom.exceptions import CorruptRowError, InvalidColumnValue
from rom.repocket import ActiveRecord, attributes
from rom.repocket.errors import RepocketUnknownField

ID = uuid.UUID('5f3c6f38-9d4b-11ee-b962-0242ac120002')


class LaidOut(ActiveRecord):
    name = attributes.Unicode(index=True, unique=True)
    age = attributes.Integer(index=True, default=7)
    made = attributes.Integer(index=True, default=lambda: 1)
    data = attributes.JSON()
    body = attributes.ByteStream()


SCHEMA = LaidOut._record_schema
HEAD = f'rom:repocket:{__name__}:LaidOut:'.encode()


def stored(**values: Any) -> dict[str, bytes]:
    return {n: SCHEMA.attributes[n].to_json(value).encode() for n, value in values.items()}


def test_parts() -> None:
    assert list(SCHEMA.fields) == ['id', 'name', 'age', 'made', 'data']
    assert list(SCHEMA.streams) == ['body']
    assert list(SCHEMA.uniques) == ['name']
    assert list(SCHEMA.index_schema.indexes) == ['name', 'age', 'made']


def test_entries_are_those_of_what_is_read() -> None:
    assert SCHEMA.entries(stored(name='x', age=3, made=4)) == {
        (HEAD + b'name:x:idx', b''): None,
        (HEAD + b'age:idx', b''): b'3.0',
        (HEAD + b'made:idx', b''): b'4.0',
    }
    # A default that is the same each time is an entry; one that a function makes is none.
    assert SCHEMA.entries({}) == {(HEAD + b'age:idx', b''): b'7.0'}


def test_unique_values_are_those_that_are_stored() -> None:
    assert SCHEMA.unique_values(stored(name='x')) == {HEAD + b'name:uidx': b'x'}
    assert SCHEMA.unique_values(stored(name='')) == SCHEMA.unique_values({}) == {}


def test_what_does_not_decode_has_no_entries() -> None:
    broken = {'name': b'{', 'age': b'{"value": "x"}', 'made': b''}
    assert SCHEMA.entries(broken) == SCHEMA.unique_values(broken) == {}
    with pytest.raises(CorruptRowError, match=f'{ID}, field .age.') as error:
        SCHEMA.value(ID, 'age', broken)
    assert (error.value.column, error.value.value) == ('age', broken['age'])


def test_casting_names_model_and_attribute() -> None:
    assert SCHEMA.cast('age', '5') == 5
    for name, value in (('age', 'x'), ('age', None), ('name', 5)):
        with pytest.raises(InvalidColumnValue, match=rf'LaidOut\.{name}: '):
            SCHEMA.cast(name, value)
    with pytest.raises(RepocketUnknownField):
        SCHEMA.cast('nmae', 'x')
