"""lua/lib/plan.lua and lua/lib/trace.lua by themselves, as parts of lua/search.lua."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack, unpack
from tests.support.servers import dump

Search = Callable[..., list[Any]]

AGES = {'kind': 'range', 'key': 'N:age:idx', 'low': '-inf', 'high': '+inf'}
BY_AGE = {'kind': 'score', 'key': 'N:age:idx', 'reverse': False, 'tie': 'id', 'field': 'age'}
WORD = {'kind': 'set', 'key': 'N:w:x:idx'}
ALL = {'kind': 'all'}


@pytest.fixture
def search(server: Any, raw: redis.Redis) -> Search:
    """On ids 1 to 90: the age is the id modulo 3, those that can be divided by 9 have the word."""
    raw.setbit('N:id:live', 0, 0)
    for id in range(1, 91):
        raw.zadd('N:age:idx', {str(id): id % 3})
        raw.setbit('N:id:live', id, 1)
    raw.sadd('N:w:x:idx', *range(9, 91, 9))

    def run(tell: str | None, where: Any = ALL, **parts: Any) -> list[Any]:
        request = {
            'head': 'N:', 'live': 'N:id:live', 'counter': 'N:id:', 'where': where, 'skip': 0,
            'want': 'ids', 'fields': [], 'page': 1000, 'small': 1000, 'budget': 1000, 'chunk': 4,
            'tell': tell,
        }  # fmt: skip
        reply = raw.execute_command(
            'EVAL', loaded('search').source, 1, 'N:id:', pack({**request, **parts})
        )
        assert isinstance(reply, list)
        return reply

    return run


def plan(reply: list[Any]) -> dict[str, Any]:
    status, packed = reply
    assert status == b'plan'
    found: dict[str, Any] = unpack(packed)
    return found


def test_a_plan(search: Search, raw: redis.Redis) -> None:
    before = dump(raw)
    both = {'kind': 'and', 'nodes': [{**AGES, 'low': '1'}, {'kind': 'not', 'node': WORD}]}
    assert plan(search('plan', both, orders=[BY_AGE], skip=2, need=3)) == {
        'filters': [b'range', 60, b'not', 90, b'set', 10], 'entities': 90, 'mode': b'order',
        'driver': 1, 'matches': 60, 'walk': 5, 'gather': 60, 'patience': 120,
        'order': {b'size': 90, b'first': 30, b'stop': 90, b'part': 1},
    }  # fmt: skip
    assert dump(raw) == before


def test_what_needs_no_look(search: Search) -> None:
    found = plan(search('plan', WORD, want='count'))
    assert (found['mode'], found['count'], found['filters']) == (b'known', 10, [b'set', 10])
    none = {'kind': 'and', 'nodes': [WORD, {**AGES, 'low': '5'}]}
    found = plan(search('plan', none))
    assert (found['mode'], found['count'], found['matches']) == (b'known', 0, 0)


def test_what_the_search_refuses(search: Search, raw: redis.Redis) -> None:
    missing = {**BY_AGE, 'key': 'N:none:idx', 'or_stored': True}
    assert search('plan', orders=[missing]) == [b'no order']
    raw.set('N:none:idx', 'text')
    wrong = {'kind': 'set', 'key': 'N:none:idx'}
    for tell in ('plan', 'report', None):
        assert search(tell, wrong) == [b'wrong type', b'N:none:idx']


@pytest.mark.parametrize('small', [0, 1000])
def test_a_report_comes_behind_the_answer(search: Search, small: int) -> None:
    asked: list[dict[str, Any]] = [
        {},
        {'where': WORD},
        {'where': {**AGES, 'high': '1'}, 'need': 70},
        {'orders': [BY_AGE], 'need': 5},
        {'where': WORD, 'orders': [BY_AGE], 'need': 5},
        {'where': WORD, 'want': 'count'},
        {'orders': [BY_AGE], 'budget': 10},
    ]
    for one in asked:
        *answer, packed = search('report', small=small, **one)
        if answer == [b'in parts']:  # nothing was done that could be told
            assert plan(search('plan', small=small, **one))['mode'] == b'parts'
            continue
        assert answer == search(None, small=small, **one)
        report = unpack(packed)
        assert report['time'] >= 0
        told = plan(search('plan', small=small, **one))
        first = report['steps'][0] if report['steps'] else b'known'
        assert first == told['mode']


def test_the_steps(search: Search) -> None:
    """A large group is one step, whatever the walk within."""
    *_, packed = search('report', orders=[BY_AGE], need=40, chunk=2)
    report = unpack(packed)
    steps = dict(zip(report['steps'][::2], report['steps'][1::2], strict=True))
    assert set(steps) <= {b'order', b'group'}
    assert sum(steps.values()) >= 40
    *_, packed = search('report', WORD)
    assert unpack(packed)['steps'] == [b'gather', 10]
    *_, packed = search('report', WORD, want='count')
    assert unpack(packed)['steps'] in ([], {})
