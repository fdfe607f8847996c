"""Steps: which requests they are, and what the replies mean."""

from __future__ import annotations

from typing import Any

import pytest

from rom.encoding.wire import unpack
from rom.exceptions import CorruptRowError
from rom.ops.requests import Command, Script
from rom.ops.steps import Check, Differs, new_done_key, take


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
    ('steps', 'checks', 'done'),
    [
        ([(b'SET', b'k', b'v'), (b'DEL', b'x')], [], None),
        ([(b'SET', b'k', b'v')], [Check((b'MGET', b'k'), (b'1', None))], b'done'),
        ([(b'EXPIRE', b'100', b'k')], [], None),
        ([(b'SET', b'k', b'v')], [], b'done'),
    ],
)
def test_else_it_is_a_script(steps: Any, checks: Any, done: bytes | None) -> None:
    request, replies = run(take(steps, checks, done), [b'ok', [1]])
    assert replies == [1]
    assert isinstance(request, Script)
    assert (request.name, request.key) == ('steps', done or steps[0][1])
    sent = unpack(request.request)
    assert sent['steps'] == [list(step) for step in steps]
    assert sent['checks'] == [[list(c.command), [b'1', False]] for c in checks]
    assert sent['done'] == done


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


def test_each_note_is_another() -> None:
    one, other = new_done_key('{x}'), new_done_key('{x}')
    assert one != other
    assert one.startswith(b'rom:done:{x}:')
