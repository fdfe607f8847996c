"""The garbage collector leaves alone what the tests were collected with; a plugin of pytest.

A collection of all tests makes half a million objects that live to the end. Each full run of the
collector looked at all of them, for 0.3 CPU seconds: so did each `gc.collect()` of a test.
"""

import gc

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Take what there is from the collector: modules, models and tests."""
    gc.collect()
    gc.freeze()
