"""Explanations as data: all of it, fit for JSON."""

from __future__ import annotations

import datetime
import json
from dataclasses import FrozenInstanceError

import pytest

from rom._core.query.explanation import Call, Explanation, Filter, Plan, Run, Sorting, Step
from rom._core.query.filter_labels import FilterLabel

BORN = datetime.date(2000, 1, 2)
EXPLANATION = Explanation(
    'User', 'all', 0, 20,
    Plan(
        'order',
        entities=1000,
        filters=(
            Filter('set', 50, 'probed', FilterLabel('city', '=', b'R\xff'), 'User:city:R:idx'),
            Filter('not', 1000, 'probed', nodes=(
                Filter('range', 7, None, FilterLabel('born', 'between', (BORN, None)),
                       'User:born:idx'),
            )),
        ),
        sorting=Sorting(('-age',), 'server', 'User:age:idx', 990),
        matches=50, walk=400, gather=50, patience=100,
    ),
    Run(20, (Call('search', (Step('order', 128), Step('sort', 50)), 20, 20, 1.5, 0.75),), 1.75),
)  # fmt: skip


def test_as_a_dict() -> None:
    found = EXPLANATION.as_dict()
    assert json.loads(json.dumps(found)) == found
    assert (found['model'], found['of'], found['offset'], found['limit']) == ('User', 'all', 0, 20)
    plan = found['plan']
    assert (plan['way'], plan['walk'], plan['gather'], plan['patience']) == ('order', 400, 50, 100)
    assert plan['filters'][0] == {
        'kind': 'set', 'size': 50, 'role': 'probed', 'key': 'User:city:R:idx', 'nodes': [],
        'label': {'column': 'city', 'sign': '=', 'value': 'R\\xff', 'text': "city = b'R\\xff'"},
    }  # fmt: skip
    [inner] = plan['filters'][1]['nodes']
    assert inner['label']['value'] == ['2000-01-02', None]
    assert inner['label']['text'] == 'born >= datetime.date(2000, 1, 2)'
    assert plan['sorting']['columns'] == ['-age']
    assert found['run']['calls'][0]['steps'] == [
        {'way': 'order', 'looked': 128}, {'way': 'sort', 'looked': 50},
    ]  # fmt: skip


def test_what_was_looked_at() -> None:
    run = EXPLANATION.run
    assert run is not None
    [call] = run.calls
    assert (run.looked, call.looked, call.gave_up) == (178, 178, True)
    assert not Call('search', (Step('sort', 50),), 20, 20, 1.5).gave_up
    assert not Call('search', (Step('order', 50), Step('tail', 5)), 20, 20, 1.5).gave_up


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        EXPLANATION.plan.way = 'sort'  # type: ignore[misc]
