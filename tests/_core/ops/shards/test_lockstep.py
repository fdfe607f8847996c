"""Lockstep: the steps of several operations are one pipeline each."""

from collections.abc import Callable
from typing import Any

import pytest

from rom._core.ops.requests import Command, Operation, Pipeline, Rest
from rom._core.ops.shards.lockstep import lockstep, resumed
from rom.exceptions import ServerError


def steps(name: str, count: int) -> Operation[list[Any]]:
    found = []
    for number in range(count):
        found.append((yield Command(name, number)))
    return found


def run(operation: Operation[Any], reply: Callable[[Command], Any]) -> tuple[Any, list[Any]]:
    """The result of an operation, and its trips."""
    trips: list[Any] = []
    try:
        request = next(operation)
        while True:
            if isinstance(request, Rest):
                request = operation.send(False)
                continue
            trips.append(request)
            if isinstance(request, Pipeline):
                replies: list[Any] = [reply(one) for one in request.requests]  # type: ignore[arg-type]
                errors = replies[request.optional :]
                error = next((one for one in errors if isinstance(one, Exception)), None)
            else:
                replies = reply(request)  # type: ignore[arg-type]
                error = replies if isinstance(replies, Exception) else None
            request = operation.throw(error) if error is not None else operation.send(replies)
    except StopIteration as end:
        return end.value, trips


def echo(command: Command) -> Any:
    return command.args


def test_the_longest_decides_the_trips() -> None:
    found, trips = run(lockstep([steps('a', 1), steps('b', 3), steps('c', 0)]), echo)
    assert found == [[('a', 0)], [('b', 0), ('b', 1), ('b', 2)], []]
    assert [len(trip.requests) if isinstance(trip, Pipeline) else 1 for trip in trips] == [2, 1, 1]


def test_one_operation_runs_alone() -> None:
    found, trips = run(lockstep([steps('a', 2)]), echo)
    assert found == [[('a', 0), ('a', 1)]] and trips == [Command('a', 0), Command('a', 1)]


def test_pipelines_and_rests() -> None:
    def several() -> Operation[Any]:
        yield Rest()
        first = yield Pipeline((Command('x', 1), Command('x', 2)))
        yield Rest()
        return first

    found, trips = run(lockstep([several(), steps('a', 1), several()]), echo)
    assert found == [[('x', 1), ('x', 2)], [('a', 0)], [('x', 1), ('x', 2)]]
    assert [len(trip.requests) for trip in trips] == [5]


@pytest.mark.parametrize('place', [0, 1])
def test_an_error_goes_to_its_own_operation(place: int) -> None:
    def careful() -> Operation[str]:
        try:
            yield Command('bad')
        except ServerError:
            return 'handled'
        return 'no error'

    def fail(command: Command) -> Any:
        return ServerError('wrong') if command.args[0] == 'bad' else command.args

    operations: list[Any] = [steps('a', 2), steps('b', 1)]
    operations.insert(place, careful())
    found, _ = run(lockstep(operations), fail)
    assert found[place] == 'handled' and [('a', 0), ('a', 1)] in found

    operations = [steps('a', 2), steps('b', 1)]
    operations.insert(place, steps('bad', 1))
    with pytest.raises(ServerError, match='wrong'):
        run(lockstep(operations), fail)
    assert all(operation.gi_frame is None for operation in operations)


def test_errors_that_an_operation_expects() -> None:
    def expecting() -> Operation[Any]:
        return (yield Pipeline((Command('bad'), Command('ok')), optional=1))

    def fail(command: Command) -> Any:
        return ServerError('wrong') if command.args[0] == 'bad' else command.args

    found, _ = run(lockstep([expecting(), steps('a', 1)]), fail)
    assert isinstance(found[0][0], ServerError) and found[0][1] == ('ok',)


def test_an_operation_is_resumed_behind_its_first_request() -> None:
    found, trips = run(resumed(steps('a', 3), Command('a', 0), 'known'), echo)
    assert found == ['known', ('a', 1), ('a', 2)] and trips == [Command('a', 1), Command('a', 2)]
    found, trips = run(resumed(steps('a', 2), Command('b', 0), 'another'), echo)
    assert found == [('a', 0), ('a', 1)] and len(trips) == 2, 'it asks for something else'
    assert run(resumed(steps('a', 0), Command('a', 0), 'unused'), echo) == ([], [])


def test_an_operation_is_resumed_with_an_error() -> None:
    def careful() -> Operation[Any]:
        try:
            yield Command('a', 0)
        except ServerError as error:
            return [str(error), (yield Command('b', 0))]

    found, trips = run(resumed(careful(), Command('a', 0), ServerError('no')), echo)
    assert found == ['no', ('b', 0)] and trips == [Command('b', 0)]
    with pytest.raises(ServerError, match='no'):
        run(resumed(steps('a', 2), Command('a', 0), ServerError('no')), echo)
