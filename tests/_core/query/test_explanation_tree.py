"""Explanations as trees of words."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from rom._core.query.explanation import (
    _ROLES,
    _WAYS,
    Call,
    Explanation,
    Plan,
    Role,
    Run,
    Sorting,
    Way,
)
from tests._core.query.test_explanation import EXPLANATION


def test_a_whole_one() -> None:
    assert (
        str(EXPLANATION)
        == """\
User.all(), at most 20
  way: walk along the index that sorts, until there are enough matches
    looks at: about 400 (gathering: 50)
    gives up after: 100, and gathers all matches
    matches: about 50
  entities: 1,000
  filters
    city = b'R\\xff'                         50  probed  User:city:R:idx
    not                                  1,000  probed
      born >= datetime.date(2000, 1, 2)      7          User:born:idx
  order: -age, by the index User:age:idx of 990
ran: 20 found, 1 trip, 1.750 ms
  search, looked at 178 (order 128 then sort 50, gave up), 20 matched, 20 rows, 1.500 ms, \
0.750 of them on the server"""
    )


def test_every_word_is_known() -> None:
    assert set(_WAYS) == set(get_args(Way))
    assert set(_ROLES) == set(get_args(Role))


@pytest.mark.parametrize('way', get_args(Way))
def test_every_way_has_words(way: Way) -> None:
    assert f'\n  way: {_WAYS[way]}' in str(Explanation('User', 'all', 0, None, Plan(way)))


def lines(plan: Plan, offset: int = 0, limit: int | None = None) -> list[str]:
    return str(Explanation('User', 'all', offset, limit, plan)).splitlines()


def test_what_else_a_plan_says() -> None:
    found = lines(Plan('sort', 10, walk=70, gather=30, matches=5, expired=4), offset=1000)
    assert found[0] == 'User.all(), without the first 1,000'
    assert '    looks at: 30 (a walk: about 70)' in found
    assert '  expired: 4, left out, asked last' in found
    within = Sorting(('age', '-name'), 'server', 'User:age:idx', 990, 20)
    assert lines(Plan('order', sorting=within))[-1] == (
        '  order: age, -name, by the index User:age:idx, 20 of 990'
    )
    here = Sorting(('name',), 'program')
    assert lines(Plan('ids', sorting=here))[-1] == (
        '  order: name, sorted in the program: all matches are read'
    )


def test_what_else_a_run_says() -> None:
    nothing = replace(EXPLANATION, plan=Plan('unasked'), run=Run(0, (), 0.01))
    assert str(nothing).endswith('\nran: 0 found, no trip, 0.010 ms')
    calls = (Call('search', (), 2000, 1000, 1, 0.5), Call('load', (), 0, 1000, 2))
    several = str(replace(EXPLANATION, run=Run(2000, calls, 3.5)))
    assert several.splitlines()[-3:] == [
        'ran: 2,000 found, 2 trips, 3.500 ms',
        '  search, 2,000 matched, 1,000 rows, 1.000 ms, 0.500 of them on the server',
        '  load, 1,000 rows, 2.000 ms',
    ]
