"""A pattern is matched in calls that are bounded by what they look at, not by candidates alone."""

from __future__ import annotations

import functools
import random
from typing import Any

import pytest
import redis

import rom
from rom._core.query.like_patterns import MOST_CHARACTERS, MOST_GAPS
from tests.support.servers import ttls
from tests.support.snapshots import once

pytestmark = pytest.mark.one_server

GAPS: dict[str, tuple[int, int | None]] = {
    '?': (0, 1), '*': (0, None), '+': (1, None), '!': (1, 1)
}  # fmt: skip


@pytest.fixture
def name(raw: redis.Redis) -> Any:
    class Name(rom.Model):
        _conn = raw
        value = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
        words = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)

    return Name


def save(name: Any, values: list[str]) -> None:
    def fill() -> None:
        for value in values:
            name(value=value, words=value)
        rom.session.commit()
        rom.session.rollback()
        for key in ttls(name._conn):  # what commits keep for themselves
            name._conn.delete(key)

    once(name._conn, tuple(values), fill)


def calls(raw: redis.Redis) -> int:
    stats = raw.info('commandstats')
    names = ('eval', 'evalsha', 'fcall_ro')
    return sum(stats.get(f'cmdstat_{name}', {'calls': 0})['calls'] for name in names)


def matches(value: str, pattern: str) -> bool:
    """Character by character, with all places that are reached: re may take years."""
    reached = {0}
    for wanted in pattern:
        if wanted in GAPS:
            least, most = GAPS[wanted]
            if most is None:
                reached = set(range(min(reached, default=len(value) + 1) + least, len(value) + 1))
            else:
                steps = range(least, most + 1)
                reached = {at + step for at in reached for step in steps if at + step <= len(value)}
        else:
            reached = {at + 1 for at in reached if value[at : at + 1] == wanted}
    return bool(reached)


def oracle(values: list[str], pattern: str) -> list[int]:
    return list(_oracle(tuple(values), pattern))


@functools.cache
def _oracle(values: tuple[str, ...], pattern: str) -> list[int]:
    return [id for id, value in enumerate(values, 1) if matches(value, pattern)]


@pytest.mark.parametrize('pattern', ['*' + '?a' * 15 + 'b', '?a' * 16, '*a*b', '!' * 200 + 'c'])
@pytest.mark.parametrize('column', ['value', 'words'])
def test_long_values_take_several_calls(
    name: Any, raw: redis.Redis, pattern: str, column: str
) -> None:
    values = ['a' * (200 + n) + 'bc'[n % 2] for n in range(400)]
    save(name, values)
    before = calls(raw)
    found = name.query.like(**{column: pattern}).ids()
    took = calls(raw) - before
    assert sorted(found) == oracle(values, pattern)
    # A value of 200 characters is looked at up to once for each of the gaps; 40,000 are a call.
    least = 20 if pattern.startswith('*?') else 1
    assert least <= took <= 150


def test_pages_and_counts_go_on_as_well(name: Any) -> None:
    values = ['a' * (200 + n) + 'bc'[n % 2] for n in range(300)]
    save(name, values)
    pattern = '*' + '?a' * 15 + 'b'
    query = name.query.like(value=pattern)
    right = oracle(values, pattern)
    assert query.count() == len(right) > 0
    assert sorted(entity.id for entity in query.iter_result(pagesize=7)) == right
    assert sorted(query.limit(3, 20).ids()) == sorted(query.ids()[3:23])
    assert query.order_by('value').ids() == sorted(right, key=lambda id: values[id - 1])


def test_matching_is_right(name: Any, raw: redis.Redis) -> None:
    drawn = random.Random(5)
    values = [''.join(drawn.choices('abé€', k=drawn.randint(1, 12))) for _ in range(300)]
    save(name, values)
    for _ in range(150):
        pattern = ''.join(drawn.choices('abé€?*+!', weights=[3, 3, 1, 1, 2, 1, 1, 1], k=6))
        assert sorted(name.query.like(value=pattern).ids()) == oracle(values, pattern), pattern


@pytest.mark.parametrize(
    ('pattern', 'why'),
    [
        ('?a' * (MOST_GAPS + 1), '16 groups of wildcards at most, and this one has 17'),
        ('x' * 10 + '?a' * 5000, '16 groups of wildcards at most, and this one has 5000'),
        ('*' + 'x' * MOST_CHARACTERS, '1000 characters at most from its first wildcard on'),
        ('!' * 5000, '1000 characters at most from its first wildcard on, and this one has 5000'),
    ],
)
def test_what_is_too_long_is_refused(name: Any, pattern: str, why: str) -> None:
    for ask in (
        lambda: name.query.like(value=pattern),
        lambda: name.query.where(name.value.like(pattern)),
    ):
        with pytest.raises(rom.QueryError, match=why) as raised:
            ask()
        assert len(str(raised.value)) < 500


def test_what_is_literal_may_be_long(name: Any) -> None:
    save(name, ['x' * 5000 + 'ab'])
    assert name.query.like(value='x' * 5000 + '!b').ids() == [1]
