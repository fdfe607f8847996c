"""A filter that only what has expired could pass: a warning, for such a query finds nothing."""

import datetime as dt
import warnings
from typing import Any

import pytest

import rom

NOW = dt.datetime.now(dt.UTC)


class Passing(rom.Model):
    until = rom.ExpireAt()
    since = rom.DateTime(index=True)


PAST: list[Any] = [
    lambda query: query.filter(until=(None, NOW)),
    lambda query: query.filter(until=(0, 5)),
    lambda query: query.filter(until=(None, -dt.timedelta(hours=1))),
    lambda query: query.filter(until=NOW),
    lambda query: query.where(Passing.until < NOW),
    lambda query: query.where((Passing.since < NOW) & (Passing.until <= NOW)),
]
OTHERS: list[Any] = [
    lambda query: query.filter(until=(NOW, None)),
    lambda query: query.filter(until=(None, None)),
    lambda query: query.filter(until=(None, dt.timedelta(hours=1))),
    lambda query: query.filter(since=(None, NOW)),
    lambda query: query.where(~(Passing.until < NOW)),
    lambda query: query.where((Passing.until < NOW) | (Passing.since > NOW)),
]


@pytest.mark.parametrize('ask', PAST)
def test_what_is_warned_of(ask: Any) -> None:
    with pytest.warns(UserWarning, match=r'with_expired\(\) before') as caught:
        ask(Passing.query)
    assert caught[0].filename == __file__
    ask(Passing.query.with_expired())


@pytest.mark.parametrize('ask', OTHERS)
def test_what_is_not(ask: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        ask(Passing.query)


def test_with_expired() -> None:
    query = Passing.query
    assert query.with_expired().spec.with_expired
    assert query.with_expired().filter(until=NOW).limit(0, 5).spec.with_expired
    assert not query.spec.with_expired
