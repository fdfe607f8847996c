"""The ways that the planner's benchmark forces are still those that the script chooses between."""

from __future__ import annotations

import pytest

from benchmarks.planning import Case, cases
from rom._core.drivers.scripts import source
from rom._core.ops.search.bounds import BOUNDS
from rom._core.ops.search.search_calls import Search
from rom._core.query.ordering import orders_for


@pytest.mark.parametrize('case', list(cases()), ids=lambda case: case.name)
def test_every_way_can_be_forced(case: Case) -> None:
    search = Search(case.query, BOUNDS, orders_for(case.query.schema, case.query.spec))
    script = source('search', search.parts(case.want))
    assert [script.count(line) for line in case.changes] == [1] * len(case.changes)
