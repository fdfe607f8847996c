"""Questions that travel along with an operation."""

from __future__ import annotations

from typing import Any

import pytest

from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.shared_trips import Aside, alongside
from rom.exceptions import ServerError, ServerUnavailable

GET, SET = Command('GET', 'x'), Command('SET', 'x', 1)


STAMP = Command('GET', b'alongside:id:indexes')


def operation() -> Operation[str]:
    first = yield GET
    try:
        both = yield Pipeline((GET, SET))
    except ServerError:
        both = 'error'
    return f'{first} {both}'


class Told:
    """Drives an operation, and notes what it is told."""

    def __init__(self, watched: Operation[Any]) -> None:
        self.stamps: list[bytes | None] = []
        self.step = alongside(watched, (Aside(STAMP, self.stamps.append),))

    def end(self, reply: Any) -> Any:
        with pytest.raises(StopIteration) as stopped:
            self.step.send(reply)
        return stopped.value.value


def test_the_first_trip_asks() -> None:
    told = Told(operation())
    assert next(told.step) == Pipeline((STAMP, GET), optional=1)
    assert told.step.send([b'stamp', 'a']) == Pipeline((GET, SET))
    assert told.stamps == [b'stamp']
    assert told.end(['b', 'c']) == "a ['b', 'c']"


def test_a_first_trip_of_several() -> None:
    def several() -> Operation[Any]:
        return (yield Pipeline((GET, SET)))

    told = Told(several())
    assert next(told.step) == Pipeline((STAMP, GET, SET), optional=1)
    assert told.end([None, 'a', 'b']) == ['a', 'b']
    assert told.stamps == [None]


def test_an_operation_without_a_trip() -> None:
    def none() -> Operation[int]:
        return 5
        yield GET

    told = Told(none())
    with pytest.raises(StopIteration) as stopped:
        next(told.step)
    assert (stopped.value.value, told.stamps) == (5, [])


def test_a_server_that_does_not_tell() -> None:
    """Only the question has failed, and only that goes without an answer."""
    told = Told(operation())
    next(told.step)
    assert told.step.send([ServerError('WRONGTYPE'), 'a']) == Pipeline((GET, SET))
    assert told.stamps == [None]


def test_an_error_that_is_the_operations_own() -> None:
    """It was carried out, or not, as it stands: nothing is asked for twice."""

    def failing() -> Operation[str]:
        try:
            yield GET
        except ServerError as error:
            return str(error)
        return 'no error'

    told = Told(failing())
    next(told.step)
    with pytest.raises(StopIteration) as stopped:
        told.step.throw(ServerError('WRONGTYPE'))
    assert stopped.value.value == 'WRONGTYPE'
    assert told.stamps == [], 'the question may well be answered the next time'


def test_several_questions() -> None:
    told: list[Any] = []
    other = Command('EVAL', 'memory', 0)
    asides = (
        Aside(STAMP, lambda reply: told.append(('stamp', reply))),
        Aside(other, lambda reply: told.append(('other', reply))),
    )
    step = alongside(operation(), asides)
    assert next(step) == Pipeline((STAMP, other, GET), optional=2)
    assert step.send([b's', [b'0', b''], 'a']) == Pipeline((GET, SET))
    assert told == [('stamp', b's'), ('other', [b'0', b''])]


@pytest.mark.parametrize('error', [ServerUnavailable('gone'), KeyboardInterrupt()])
def test_a_broken_connection_is_the_operations_business(error: BaseException) -> None:
    told = Told(operation())
    next(told.step)
    with pytest.raises(type(error)):
        told.step.throw(error)
    assert told.stamps == []
