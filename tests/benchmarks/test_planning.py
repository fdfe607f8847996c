"""The ways that the planner's benchmark forces are still those that the script chooses between."""

from __future__ import annotations

import pytest

from benchmarks.planning import Case, cases
from rom.drivers.scripts import source
from rom.ops.searching import BOUNDS, Search
from rom.query.orders import orders_for


@pytest.mark.parametrize('case', list(cases()), ids=lambda case: case.name)
def test_every_way_can_be_forced(case: Case) -> None:
    search = Search(case.query, BOUNDS, orders_for(case.query))
    script = source('search', search._parts(case.want))
    assert [script.count(line) for line in case.changes] == [1] * len(case.changes)
