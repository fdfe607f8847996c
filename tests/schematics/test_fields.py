"""Fields as bytes, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from schematics import models, types

from rom.exceptions import CorruptRowError, InvalidColumnValue
from rom.schematics.fields import fields_of


class Sample(models.Model):  # type: ignore[misc]
    text = types.StringType()
    number = types.IntType()
    share = types.FloatType(serialized_name='Share')
    flag = types.BooleanType()
    day = types.DateType()
    any = types.BaseType()
    pk = types.StringType()


@pytest.mark.parametrize(
    ('name', 'value', 'stored'),
    [
        ('text', 'é"', 'é"'.encode()),
        ('text', '', b''),
        ('text', '12', b'12'),
        ('number', 2**70, b'%d' % 2**70),
        ('share', 0.1, b'0.1'),
        ('flag', True, b'true'),
        ('day', '2030-01-02', b'2030-01-02'),
        ('any', 'x', b'"x"'),
        ('any', {'a': [1, None]}, b'{"a": [1, null]}'),
        ('any', None, None),
    ],
)
def test_there_and_back(name: str, value: Any, stored: bytes | None) -> None:
    field = fields_of(Sample).by_name[name]
    assert field.encode(value) == stored
    assert field.decode(stored, 'Sample:1') == value


@pytest.mark.parametrize(('name', 'raw'), [('text', b'\xff'), ('number', b'x'), ('share', b'{')])
def test_what_does_not_decode_is_named(name: str, raw: bytes) -> None:
    field = fields_of(Sample).by_name[name]
    with pytest.raises(CorruptRowError, match=rf"Sample:1, field '{field.stored}'") as error:
        field.decode(raw, 'Sample:1')
    assert (error.value.key, error.value.column) == ('Sample:1', field.stored)


def test_text_that_utf8_cannot_say() -> None:
    with pytest.raises(InvalidColumnValue, match='surrogate'):
        fields_of(Sample).by_name['text'].encode('\ud800')


def test_the_primary_key_comes_first() -> None:
    fields = fields_of(Sample)
    assert list(fields.by_stored_name) == ['pk', 'text', 'number', 'Share', 'flag', 'day', 'any']
    assert fields_of(Sample) is fields


def test_a_field_that_is_added_later_belongs_to_it() -> None:
    class Growing(models.Model):  # type: ignore[misc]
        pk = types.StringType()

    assert list(fields_of(Growing).by_name) == ['pk']
    Growing._append_field('more', types.IntType())
    assert list(fields_of(Growing).by_name) == ['pk', 'more']
