"""An entity's repr: its values, whatever they are, and no request."""

from __future__ import annotations

from typing import Any

import pytest

import rom
from rom._core.entities.entity_repr import MOST


class ShownTeam(rom.Model):
    _namespace = 'shown:team'


class ShownUser(rom.Model):
    key = rom.PrimaryKey()
    name = rom.Text()
    blob = rom.String()
    age = rom.Integer()
    tags = rom.Json()
    team = rom.ManyToOne('ShownTeam', 'no action')
    other = rom.ForeignModel(type('Thing', (), {'get': classmethod(lambda cls, id: 1 / 0)}))
    folded = rom.IndexOnly('name', keygen=rom.IDENTITY_CI)


def loaded(**stored: bytes) -> ShownUser:
    return ShownUser._from_row(5, {'key': b'5', **stored})


def test_what_was_loaded() -> None:
    """Nothing is decoded for good, watched or asked for."""
    user = loaded(name=b'Ann', blob=b'\xc3\xbf', age=b'42', tags=b'[1]', team=b'4', other=b'7')
    assert repr(user) == (
        "<ShownUser:5 name='Ann', blob=b'\\xff', age=42, tags=[1], team=<shown:team:4>, "
        'other=<id 7>>'
    )
    assert (user._values, user._seen) == ({}, {})
    assert repr(loaded()) == '<ShownUser:5>'


def test_what_was_set() -> None:
    user = loaded(name=b'Ann', age=b'42')
    user.name, user.age = 'Bob', None
    user.team = 9
    assert repr(user) == "<ShownUser:5 name='Bob', team=<shown:team:9>>"
    assert repr(ShownUser(name='x')) == "<ShownUser:(new) name='x'>"
    user.team = ShownTeam()
    assert repr(user) == "<ShownUser:5 name='Bob', team=<shown:team:(new)>>"
    rom.session.rollback()


@pytest.mark.parametrize(
    'stored',
    [
        {'name': b'x' * 1_000_000, 'tags': b'[' * 1_000_000},
        {'name': '\x1b[31mé\u202e'.encode() * 1_000, 'blob': b'\xc3\xbf' * 5_000},
        {'name': b'\xff\xfe', 'age': b'1' * 100_000, 'team': b'x', 'tags': b'{', 'other': b''},
    ],
)
def test_whatever_is_stored(stored: dict[str, bytes]) -> None:
    shown = repr(loaded(**stored))
    assert shown.startswith('<ShownUser:5 name=') and shown.endswith('>')
    assert len(shown) <= MOST
    assert shown.isprintable()


class ShownBroken(rom.Model):
    thing = rom.Json()

    @property
    def _key(self) -> Any:
        raise RuntimeError


def test_it_never_raises() -> None:
    assert repr(ShownBroken._from_row(1, {})) == '<ShownBroken object>'

    class Cross:
        def __repr__(self) -> str:
            raise RuntimeError

    user = loaded()
    user._values['tags'] = Cross()
    assert repr(user) == '<ShownUser:5 tags=<a Cross>>'
