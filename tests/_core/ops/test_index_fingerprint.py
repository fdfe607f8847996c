"""Stamps: what a model declares, as data keep it."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

import rom
from rom._core.ops.index_fingerprint import changes, declared_by, read_stamp, stamp_of, to_begin


def test_whatever_is_indexed_is_in_it() -> None:
    def by_number(name: str, row: Any) -> Any:
        return {'': row['number']}

    class Stamped(rom.Model):
        unique_together = [('number', 'city')]
        geo_index = [rom.GeoIndex('home', lambda e: {'lon': 1, 'lat': 1})]
        plain = rom.Text()
        tags = rom.Json()
        city = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_CI)
        number = rom.Integer(index=True, unique=True)
        other = rom.Integer(index=True, keygen2=by_number)
        part = rom.Text(index=True, keygen=functools.partial(rom.IDENTITY))
        only = rom.IndexOnly('city', keygen=rom.FULL_TEXT, prefix=True, unique=True)
        alone = rom.IndexOnly(keygen2=by_number, unique=True)
        ref = rom.ManyToOne('Stamped', 'no action')
        until = rom.ExpireAt()

    schema = Stamped._schema
    assert declared_by(schema) == {
        'city': 'Text: index, prefix, suffix by IDENTITY_CI',
        'number': 'Integer: index',
        'other': 'Integer: index by by_number',
        'part': 'Text: index by partial',
        'only': 'IndexOnly of city: index, prefix by FULL_TEXT',
        'ref': 'ManyToOne: index',
        'until': 'ExpireAt: index',
        'unique number': '',
        'unique only': 'IndexOnly of city: index, prefix by FULL_TEXT',
        'unique alone': 'IndexOnly:  by by_number',
        'unique city:number': '',
        'geo home': 'by <lambda>',
    }
    assert read_stamp(stamp_of(schema)) == declared_by(schema)
    assert stamp_of(schema) is stamp_of(schema)
    assert to_begin(schema) == [b'Stamped:id:indexes', stamp_of(schema)]


def test_the_order_of_columns_is_no_difference() -> None:
    def columns(*names: str) -> Any:
        rom.MODELS.clear()
        return type('One', (rom.Model,), {name: rom.Integer(index=True) for name in names})._schema

    assert stamp_of(columns('a', 'b')) == stamp_of(columns('b', 'a'))
    assert stamp_of(columns('a', 'b')) != stamp_of(columns('a'))


@pytest.mark.parametrize('raw', [None, b'', b'{', b'[]', b'5', b'{"a": 1}', b'\xff'])
def test_what_is_no_stamp_says_nothing(raw: bytes | None) -> None:
    assert read_stamp(raw) is None


def test_changes() -> None:
    before, after = {'a': 'x', 'b': 'y', 'c': 'z'}, {'a': 'x', 'b': 'Y', 'd': ''}
    assert changes(before, after) == ('b was y, and is Y', 'c is gone', 'd is new')
    assert changes(after, after) == ()
    assert changes(read_stamp(json.dumps(before).encode()) or {}, before) == ()
