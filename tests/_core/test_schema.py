"""Schemas: their parts, and the unique values of a row."""

import dataclasses
import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rom._core.encoding.keygens import IDENTITY
from rom._core.encoding.keys import Keys
from rom._core.schema import INDEX_DATA, Unique
from rom._core.schema_builder import build
from rom.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    Float,
    Integer,
    Json,
    PrimaryKey,
    String,
    Text,
    Time,
)
from tests.support.golden import golden
from tests.support.schemas import schema

KINDS: dict[str, Callable[..., Column[Any]]] = {
    kind.__name__: kind
    for kind in (Boolean, Date, DateTime, Decimal, Float, Integer, String, Text, Time)
}
MAKE: dict[str, Callable[[Any], Any]] = {
    'str': str,
    'bytes': lambda text: text.encode('latin-1'),
    'int': int,
    'float': float,
    'bool': bool,
    'Decimal': decimal.Decimal,
    'datetime': dt.datetime.fromisoformat,
    'date': dt.date.fromisoformat,
    'time': dt.time.fromisoformat,
}
UNIQUE = golden('unique')
TOGETHER = golden('unique together')


def made(typed: dict[str, Any]) -> Any:
    """The Python value of a golden one."""
    [(kind, content)] = typed.items()
    return MAKE[kind](content)


# Unique values.


@pytest.mark.parametrize('case', UNIQUE, ids=lambda case: ascii(case['value'])[:60])
def test_unique_values_are_those_of_rom_1(case: dict[str, Any]) -> None:
    column = KINDS[case['column']](unique=True)
    [unique] = schema({'c': column}).uniques
    raw = column.encode(column.check(made(case['value'])))
    taken = unique.value({'c': raw})
    assert ([] if taken is None else [taken]) == [u.encode('latin-1') for u in case['unique']]


@pytest.mark.parametrize('case', TOGETHER, ids=lambda case: ascii(case['value'])[:90])
def test_composite_unique_values_are_those_of_rom_1(case: dict[str, Any]) -> None:
    columns = {name: KINDS[kind]() for name, kind in case['columns'].items()}
    [unique] = schema(columns, unique_together=[tuple(columns)]).uniques
    encoded = {
        name: columns[name].encode(columns[name].check(made(value)))
        for name, value in case['value'].items()
    }
    group = ':'.join(sorted(columns))
    expected = [value.encode('latin-1') for value in case['unique'].get(group, [])]
    claims, leftovers = unique.claims(encoded), unique.leftovers(encoded)
    if any(b'\0' in raw for raw in encoded.values()):
        assert [*leftovers] == expected
        assert {*expected}.isdisjoint(claims)
        assert claims[0].startswith(b'\1')
    else:
        assert leftovers == ()
        assert {*expected} <= {*claims}
        assert bool(expected) == bool(claims)
    assert unique.key == f'Thing:{group}:uidx'.encode()


def test_the_golden_cases_are_there() -> None:
    assert len(UNIQUE) >= 15
    assert len(TOGETHER) >= 64


def test_a_none_in_a_group_silences_the_constraint() -> None:
    unique = Unique(('a', 'b'), b'k')
    assert unique.value({'a': b'x'}) is None
    assert unique.value({}) is None
    assert unique.value({'a': b'', 'b': b''}) == b'\0\0\0\0\0'


def test_an_empty_string_takes_no_unique_value() -> None:
    """As in rom 1.x: several entities may have it."""
    assert Unique(('a',), b'k').value({'a': b''}) is None
    assert Unique(('a',), b'k').value({}) is None


_PARTS = st.lists(st.text(st.sampled_from('\0\x01:1x'), max_size=6), min_size=3, max_size=3)


@given(_PARTS, _PARTS)
@example(['x', 'y\0\0\0z', ''], ['x\0\0\0y', 'z', ''])
def test_composite_values_are_one_to_one(one: list[str], other: list[str]) -> None:
    unique = Unique(('a', 'b', 'c'), b'k')
    first, second = (
        unique.claims({name: part.encode() for name, part in zip('abc', parts, strict=True)})
        for parts in (one, other)
    )
    assert (first == second) == (one == other)
    assert one == other or {*first}.isdisjoint(second)


@pytest.mark.parametrize(
    ('kind', 'equal', 'others'),
    [
        (Float, [b'1', b'1.0', b'1e0'], [b'1.5', b'-1', b'nan', b'inf', b'odd']),
        (Float, [b'0', b'0.0', b'-0.0'], [b'5e-324']),
        (Float, [b'9007199254740992.0', b'9.007199254740992e+15'], [b'9007199254740994.0']),
        (Decimal, [b'1.5', b'1.50', b'15E-1', b'1.5000'], [b'-1.5', b'15', b'NaN', b'odd']),
        (Decimal, [b'100', b'1E+2', b'100.00', b'10E1'], [b'10', b'1000']),
        (Decimal, [b'0', b'0.00', b'-0', b'0E+99'], [b'1E-30']),
        (Decimal, [b'1E+999999', b'1.0E+999999'], [b'1E+999998']),
        (Decimal, [b'9' * 35 + b'.60', b'9' * 35 + b'.6'], [b'9' * 35 + b'.61']),
    ],
)  # fmt: skip
def test_equal_numbers_have_one_canonical_form(
    kind: Any, equal: list[bytes], others: list[bytes]
) -> None:
    """It is a value that the column reads; what it cannot read stays as it is."""
    column = kind()
    [form] = {column.canonical(raw) for raw in equal}
    assert column.canonical(form) == form
    assert column.decode(form) == column.decode(equal[0])
    assert len({column.canonical(raw) for raw in (*others, form)}) == len(others) + 1


def test_a_column_that_reads_in_its_own_way_has_no_canonical_form() -> None:
    class Percent(Float):
        def decode(self, raw: bytes) -> float:
            return float(raw.removesuffix(b'%'))

    assert Percent().canonical(b'1.0') == b'1.0'


# What is built.


def test_the_parts() -> None:
    columns = {
        'name': Text(unique=True, index=True, keygen=IDENTITY),
        'age': Integer(index=True),
        'data': Json(),
        'note': Text(),
    }
    built = schema(columns, namespace='things', unique_together=('name', 'age'))
    assert built.name == 'Thing'
    assert list(built.columns) == ['id', 'name', 'age', 'data', 'note']
    assert built.keys == Keys('things', 'id')
    assert built.primary == 'id'
    assert set(built.indexes) == {'name', 'age'}
    assert built.indexes['age'].column is columns['age']
    assert built.uniques == (
        Unique(('name',), b'things:name:uidx'),
        Unique(('age', 'name'), b'things:age:name:uidx'),
    )
    assert built.mutable == ('data',)
    assert built.names == ('id', 'name', 'age', 'data', 'note', INDEX_DATA)
    assert built.fields == (b'id', b'name', b'age', b'data', b'note', b'-index-data-')
    assert not built.keep_index_data
    assert schema(keep_index_data=True).keep_index_data


def test_a_schema_is_frozen_and_its_own_copy() -> None:
    columns: dict[str, Column[Any]] = {'id': PrimaryKey()}
    built = build('Thing', columns, None, None, False, {})
    columns['late'] = Text()
    assert 'late' not in built.columns
    with pytest.raises(dataclasses.FrozenInstanceError):
        built.name = 'x'  # type: ignore[misc]


def test_the_id_is_needed_first_where_an_entry_may_depend_on_it() -> None:
    assert not schema({'a': Integer(index=True)}).needs_id_first
    assert schema({'id': PrimaryKey(index=True)}).needs_id_first
    wide = Text(index=True, keygen2=lambda name, values: [str(values['id'])])
    built = schema({'a': wide})
    assert built.needs_id_first
    assert built.indexes['a'].may_read_any
