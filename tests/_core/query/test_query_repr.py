"""A query's repr is the query as a program would write it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import rom
from rom._core.query.query_repr import MOST


class WrittenTeam(rom.Model):
    pass


class WrittenUser(rom.Model):
    name = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    bio = rom.Text(index=True, keygen=rom.FULL_TEXT)
    email = rom.Text(unique=True)
    age = rom.Integer(index=True)
    day = rom.Float(index=True)
    good = rom.Boolean(index=True)
    own = rom.Integer(index=True, keygen=lambda value: {'': value, 'x': 1})
    team = rom.ManyToOne('WrittenTeam', 'no action')
    gone = rom.ExpireAt()
    geo_index = [rom.GeoIndex('at', lambda user: {'lon': 1, 'lat': 2})]


Q, U = WrittenUser.query, WrittenUser
AGAIN = {
    'WrittenUser': WrittenUser,
}


@pytest.mark.parametrize(
    'label',
    [
        'WrittenUser.query',
        "WrittenUser.query.filter(name='a')",
        "WrittenUser.query.filter(name=['a', 'b'])",
        "WrittenUser.query.filter(bio='one two')",
        'WrittenUser.query.filter(age=5)',
        'WrittenUser.query.filter(age=(1, None)).filter(day=(None, 2.5))',
        'WrittenUser.query.filter(age=(None, None))',
        'WrittenUser.query.filter(good=True)',
        'WrittenUser.query.filter(team=4)',
        "WrittenUser.query.filter(**{'own:x': 1})",
        'WrittenUser.query.filter(id=[3, 1])',
        'WrittenUser.query.filter(id=(1, 2))',
        "WrittenUser.query.filter(email='a@b')",
        "WrittenUser.query.filter(email=['a@b', 'c'])",
        "WrittenUser.query.startswith(name='J')",
        "WrittenUser.query.endswith(name='n')",
        "WrittenUser.query.like(name='J*n')",
        "WrittenUser.query.does_not_startwith(name=('J', 'K'))",
        "WrittenUser.query.does_not_endwith(name=('J',))",
        "WrittenUser.query.near('at', 1, 2, 3, 'km')",
        'WrittenUser.query.where(WrittenUser.age < 5)',
        "WrittenUser.query.where((WrittenUser.age > 5) | (WrittenUser.name == 'a'))",
        "WrittenUser.query.where(~((WrittenUser.age.between(1, 2)) & (WrittenUser.good == True)))",
        "WrittenUser.query.where((WrittenUser.age <= 2) | (WrittenUser.name.in_(['a', 'b'])))",
        'WrittenUser.query.where((WrittenUser.id > 5) | (WrittenUser.id == 1))',
        "WrittenUser.query.where((WrittenUser.name.like('a*')) | (WrittenUser.name.endswith('a')))",
        "WrittenUser.query.with_expired().order_by('age', '-id').limit(0, 20)",
        "WrittenUser.query.select('name', 'age').load('team')",
    ],
)  # fmt: skip
def test_as_it_was_written(label: str) -> None:
    query = eval(label, AGAIN)
    assert repr(query) == label
    assert str(query) == label


@pytest.mark.parametrize(
    ('query', 'shown'),
    [
        (Q.limit(3), 'WrittenUser.query.limit(0, 3)'),
        (Q.where(U.age.is_none()), 'WrittenUser.query.where(~(~WrittenUser.age.is_none()))'),
        (Q.filter(name=[]), 'WrittenUser.query.where(<nothing>)'),
        (Q.filter(name='a\x1b'), "WrittenUser.query.filter(name='a\\x1b')"),
    ],
)
def test_as_good_as_written(query: Any, shown: str) -> None:
    assert repr(query) == shown


@pytest.mark.parametrize(
    'make',
    [
        lambda: Q.filter(age=list(range(10_000))),
        lambda: Q.filter(id=list(range(10_000))),
        lambda: Q.filter(name='x' * 100_000),
        lambda: Q.filter(bio=' '.join(map(str, range(5_000)))),
        lambda: Q.where(U.name.in_(['é\x00\u202e' * 50] * 500) | (U.age == 10**4_000)),
    ],
)
def test_it_is_short_and_can_be_printed(make: Callable[[], Any]) -> None:
    shown = repr(make())
    assert len(shown) <= MOST
    assert shown.isprintable()
    assert not re.search('NamedTuple|InRange|Asked|idx', shown)
