"""Columns on their own: values that they refuse."""

from typing import Any

import pytest

from rom._core.encoding.text import show
from rom.columns import Column
from rom.exceptions import InvalidColumnValue


def refused(column: Column[Any], value: Any, *parts: str) -> None:
    """Assert that a column refuses a value, in a message with these parts."""
    column.name = 'c'
    with pytest.raises(InvalidColumnValue) as caught:
        column.check(value)
    message = str(caught.value)
    assert message.startswith(
        (f'c: {show(value)} ', f'c: expected {column.kind}, got {show(value)} ')
    )
    for part in parts:
        assert part in message
