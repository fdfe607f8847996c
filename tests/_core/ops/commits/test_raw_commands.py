"""Steps: which requests they are, and what the replies mean."""

from __future__ import annotations

from typing import Any

import pytest

from rom._core.encoding.wire import unpack
from rom._core.ops.commits.raw_commands import Check, Differs, take
from rom._core.ops.requests import Command, Script
from rom.exceptions import CorruptRowError


def run(operation: Any, reply: Any) -> tuple[Any, Any]:
    request = next(operation)
    with pytest.raises(StopIteration) as end:
        operation.send(reply)
    return request, end.value.value


def test_none_is_no_trip() -> None:
    with pytest.raises(StopIteration) as end:
        next(take([]))
    assert end.value.value == []


def test_one_alone_is_a_command() -> None:
    assert run(take([(b'SET', b'k', b'v')]), b'OK') == (Command(b'SET', b'k', b'v'), [b'OK'])


@pytest.mark.parametrize(
    ('steps', 'checks', 'once'),
    [
        ([(b'SET', b'k', b'v'), (b'DEL', b'x')], [], None),
        ([(b'SET', b'k', b'v')], [Check((b'MGET', b'k'), (b'1', None))], '{k}'),
        ([(b'EXPIRE', b'100', b'k')], [], None),
        ([(b'SET', b'k', b'v')], [], '{k}'),
    ],
)
def test_else_it_is_a_script(steps: Any, checks: Any, once: str | None) -> None:
    request, replies = run(take(steps, checks, once), [b'ok', b'\x91\x01' if once else [1]])
    assert replies == [1]
    assert isinstance(request, Script)
    assert request.name == 'run_commands'
    assert request.key.startswith(b'rom:done:{k}:') if once else request.key == steps[0][1]
    sent = unpack(request.request)
    assert sent['steps'] == [list(step) for step in steps]
    assert sent['checks'] == [[list(c.command), [b'1', False]] for c in checks]
    assert ('at' in sent) == (once is not None)


def test_objections() -> None:
    steps = [(b'SET', b'k', b'v')] * 2
    operation = take(steps)
    next(operation)
    with pytest.raises(Differs) as raised:
        operation.send([b'differs', b'3'])
    assert raised.value.place == 2
    operation = take(steps)
    next(operation)
    with pytest.raises(CorruptRowError, match='the key k holds another type') as corrupt:
        operation.send([b'unreadable', b'k'])
    assert corrupt.value.key == 'k'


def test_each_attempt_has_a_key_of_its_own() -> None:
    steps = [(b'SET', b'k', b'v')]
    one, other = take(steps, once='{k}'), take(steps, once='{k}')
    assert next(one).key != next(other).key  # type: ignore[union-attr]
