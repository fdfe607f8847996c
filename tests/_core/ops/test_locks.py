"""What a lock is, without a server: its name, its times, who it is."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

import rom
from rom._core.ops import locks
from rom._core.ops.locks import Claim


@pytest.mark.parametrize(
    ('timeout', 'expected'),
    [
        (0, []),
        (0.001, [0.001]),
        (0.02, [0.005, 0.01, 0.005]),
        (0.3, [0.005, 0.01, 0.02, 0.04, 0.08, 0.1, 0.045]),
    ],
)
def test_pauses(monkeypatch: pytest.MonkeyPatch, timeout: float, expected: list[float]) -> None:
    """They grow, and the last one ends when it is time to give up."""
    now = 1000.0
    monkeypatch.setattr(locks.time, 'monotonic', lambda: now)
    pauses = Claim('x', timeout, 1)._pauses()
    slept = []
    for pause in pauses:
        slept.append(pause)
        now += pause + 1e-12
    assert slept == pytest.approx(expected)


def test_the_time_begins_with_the_first_try(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(locks.time, 'monotonic', lambda: now)
    pauses = Claim('x', 0.5, 1)._pauses()
    now += 1  # a slow server
    assert list(pauses) == []


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (Decimal('0.5'), 0.5),
        (Fraction(1, 2), 0.5),
        (10**400, 1e9),
        (float('inf'), 1e9),
        (Decimal('inf'), 1e9),
    ],
)
def test_times_of_any_type(given: Any, expected: float) -> None:
    claim = Claim('x', given, 1)
    assert claim.acquire_timeout == expected
    assert next(claim._pauses()) > 0


def test_each_is_another_holder() -> None:
    claims = [Claim(b'x', 1, 1) for _ in range(2)]
    one, two = (next(claim._operation('acquire', claim._token)) for claim in claims)
    assert one.key == two.key == b'lock:x'
    assert one.request != two.request


def test_who_gave_it_back_is_another_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(locks.time, 'monotonic', lambda: now)
    claim = Claim('x', 1, 10)
    before = claim._token
    assert not claim._is_held
    assert claim._note(now, True)
    assert claim._is_held
    assert claim._renounce() == ('release', before)
    assert claim._token != before
    assert not claim._is_held


def test_a_lock_is_held_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(locks.time, 'monotonic', lambda: now)
    claim = Claim('x', 1, 10)
    claim._note(now, True)
    now += 9.9
    assert claim._is_held
    now += 0.2
    assert not claim._is_held
    claim._note(now, True)
    claim._note(now, False)
    assert not claim._is_held


def test_a_slow_answer_may_be_that_of_a_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the release makes sure that the first request cannot come later."""
    now = 1000.0
    monkeypatch.setattr(locks.time, 'monotonic', lambda: now)
    claim = Claim('x', 1, 10)
    begun = now
    now += 5
    claim._note(begun, True)
    assert claim._renounce()[0] == 'void'
    claim._note(now, True)
    assert claim._renounce()[0] == 'release', 'the next holder begins anew'


def test_how_long_a_server_is_told_of_a_void_token(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(locks.time, 'monotonic', lambda: now)
    slept = []
    for pause in locks.late_pauses():
        slept.append(pause)
        now += pause + 1e-9
    assert slept[:3] == [0.005, 0.01, 0.02]
    assert max(slept) == 5
    assert sum(slept) == pytest.approx(180)


def test_a_name_that_cannot_be_stored() -> None:
    with pytest.raises(rom.InvalidColumnValue):
        Claim('\ud800', 1, 1)
