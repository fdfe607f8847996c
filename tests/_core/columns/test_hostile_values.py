"""Whatever is set or searched, a column takes it or raises a short InvalidColumnValue."""

from typing import Any

import pytest

import rom
from tests.support.guises import OF_COLUMNS, PAIRS, Label, Level
from tests.support.hostile import LONGEST, NUMBERS, STRINGS, THINGS

COLUMNS: list[rom.Column[Any]] = [
    rom.Integer(index=True),
    rom.Float(index=True),
    rom.Decimal(index=True),
    rom.Text(choices=['a'], validators=[str.isalpha]),
    rom.String(),
    rom.DateTime(index=True),
    rom.DateTime(tz=True, index=True),
    rom.Date(),
    rom.Time(),
    rom.Enum(Label, index=True),
    rom.Enum(Level, index=True),
    rom.UUID(index=True),
    rom.Duration(index=True),
    rom.IPAddress(index=True),
    rom.List(rom.Text(max_length=5), index=True, prefix=True),
    rom.Set(rom.Integer(), index=True),
    rom.List(rom.Enum(Label)),
]
VALUES = [*NUMBERS, *STRINGS, *THINGS, *(guise for guise, _ in (*PAIRS, *OF_COLUMNS))]

try:
    import numpy
except ModuleNotFoundError:
    pass
else:
    # The first is registered as an Integral, but has no integer.
    VALUES += [numpy.timedelta64(5, 's'), numpy.datetime64('NaT'), numpy.array([1, 2])]


@pytest.mark.parametrize('column', COLUMNS, ids=lambda column: type(column).__name__)
def test_what_is_no_value_is_refused(column: rom.Column[Any]) -> None:
    for value in VALUES:
        for ask in (column.take, column.as_range):
            try:
                ask(value)
            except rom.InvalidColumnValue as error:
                assert len(str(error)) <= LONGEST
