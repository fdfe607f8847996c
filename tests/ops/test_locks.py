"""What a lock is, without a server: its name, its times, who it is."""

import pytest

import rom
from rom.ops import locks
from rom.ops.locks import Claim


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


def test_each_is_another_holder() -> None:
    one, two = (next(Claim(b'x', 1, 1)._operation('acquire')) for _ in range(2))
    assert one.key == two.key == b'lock:x'
    assert one.request != two.request


def test_a_name_that_cannot_be_stored() -> None:
    with pytest.raises(rom.InvalidColumnValue):
        Claim('\ud800', 1, 1)
