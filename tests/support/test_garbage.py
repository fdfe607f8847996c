"""What was collected is no garbage, and what a test leaves is."""

import gc
import weakref

import pytest


class Cycle:
    """Something that only the collector can end."""

    def __init__(self) -> None:
        self.itself = self


def test_the_collector_looks_at_what_tests_make(request: pytest.FixtureRequest) -> None:
    made = weakref.ref(Cycle())
    assert made() is not None
    gc.collect()
    assert made() is None
    assert gc.get_freeze_count() > len(request.session.items)
    assert not any(one is request.session.items for one in gc.get_objects())
