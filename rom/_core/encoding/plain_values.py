"""Plain values: conversion of subclasses and look-alikes to Python's own types.

Programs set members of enums, scalars of numpy, dates of pendulum or pandas. All of these compare
equal to a plain value, and most are instances of its type; but their `repr`, `str` and arithmetic
differ. rom stores and indexes by these, so a column that kept such an object would store
``Status.DONE`` or ``np.float64(1.5)``. A column keeps the plain value instead.
"""

from __future__ import annotations

import datetime as dt
import decimal
import numbers
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any


def plain(value: Any) -> Any:
    """Return the equal value whose type is exactly one of Python's own.

    Other objects, such as entities, are returned unchanged.

    Raises:
        ValueError, TypeError: a date without year, month and day, such as pandas.NaT.

    >>> import enum
    >>> class Status(str, enum.Enum):
    ...     DONE = 'done'
    >>> plain(Status.DONE), type(plain(Status.DONE))
    ('done', <class 'str'>)
    """
    kind: Any = type(value)
    return value if kind in _PLAIN else _maker_of(kind)(value)


def _datetime(moment: Any) -> dt.datetime:
    day = (moment.year, moment.month, moment.day)
    time = (moment.hour, moment.minute, moment.second, moment.microsecond)
    return dt.datetime(*day, *time, moment.tzinfo, fold=moment.fold)


def _date(day: Any) -> dt.date:
    return dt.date(day.year, day.month, day.day)


def _time(time: Any) -> dt.time:
    parts = (time.hour, time.minute, time.second, time.microsecond)
    return dt.time(*parts, time.tzinfo, fold=time.fold)


def _timedelta(span: Any) -> dt.timedelta:
    # Subclasses have properties of these names that count otherwise, such as those of pendulum.
    get = (dt.timedelta.days, dt.timedelta.seconds, dt.timedelta.microseconds)
    return dt.timedelta(*(part.__get__(span) for part in get))


def _bytes(value: Any) -> bytes:
    return memoryview(value).tobytes()  # bytes() would call __bytes__ of the subclass


def _index(value: Any) -> Any:
    try:
        return operator.index(value)
    except TypeError:
        return value  # numpy.timedelta64 is registered as an Integral, but has no integer


def _same(value: Any) -> Any:
    return value


# Call the methods of the base class, because an enum overrides __str__. A datetime is a date, too,
# so it comes first.
_MAKERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (bytes, _bytes),
    (int, int.__int__),
    (float, float.__float__),
    (decimal.Decimal, decimal.Decimal),
    (dt.datetime, _datetime),
    (dt.date, _date),
    (dt.time, _time),
    (dt.timedelta, _timedelta),
)
_PLAIN = frozenset((bool, *(kind for kind, _ in _MAKERS)))


@lru_cache(maxsize=256)
def _maker_of(kind: Any) -> Callable[[Any], Any]:
    for base, make in _MAKERS:
        if issubclass(kind, base):
            return make
    # Other scalars of numpy are not subclasses. A Fraction stays, because a float would round it.
    if issubclass(kind, numbers.Integral):
        return _index
    if issubclass(kind, numbers.Real) and not issubclass(kind, numbers.Rational):
        return float
    return _same
