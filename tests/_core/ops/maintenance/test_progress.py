"""Jobs are carried out step by step; no server is needed to see it."""

from typing import Any

import pytest

from rom._core.ops.maintenance.progress import Finished, Job, Progress, advance, quietly
from rom._core.ops.requests import Command, Operation

GET, SET = Command('GET', 'x'), Command('SET', 'x', 1)


def job() -> Job[str]:
    yield Progress(0, 2)
    first = yield GET
    yield Progress(1, 2)
    try:
        yield SET
    except ConnectionError as error:
        first = str(error)
    yield Progress(2, 2)
    return f'found {first}'


def end(operation: Operation[Any], reply: Any) -> Any:
    """Answer, and get what the operation returns."""
    with pytest.raises(StopIteration) as stopped:
        operation.send(reply)
    return stopped.value.value


def test_a_job_goes_on_to_its_next_progress() -> None:
    whole = job()
    assert end(advance(whole), None) == Progress(0, 2)
    step = advance(whole)
    assert next(step) is GET
    assert end(step, b'5') == Progress(1, 2)
    step = advance(whole)
    assert next(step) is SET
    assert end(step, b'OK') == Progress(2, 2)
    assert end(advance(whole), None) == Finished("found b'5'")


def test_what_goes_wrong_is_the_jobs_business() -> None:
    whole = job()
    end(advance(whole), None)
    step = advance(whole)
    next(step)
    with pytest.raises(ConnectionError):
        step.throw(ConnectionError('lost'))
    assert end(advance(whole), None) == Finished(None), 'it is over'


def test_a_job_may_get_over_it() -> None:
    step = quietly(job())
    assert next(step) is GET
    assert step.send(b'5') is SET
    with pytest.raises(StopIteration) as stopped:
        step.throw(ConnectionError('lost'))
    assert stopped.value.value == 'found lost'


def test_a_whole_job_without_its_progress() -> None:
    step = quietly(job())
    assert [next(step), step.send(b'5')] == [GET, SET]
    assert end(step, b'OK') == "found b'5'"
