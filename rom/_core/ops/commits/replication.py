"""Replication: waiting until replicas have a commit.

WAIT counts the replicas that have all writes of its own connection, and a client has several. So a
write goes first, on the same connection: it renews the note of the commit. Replicas have that write
only if they have all earlier ones as well, whichever connection these came on.

The note is looked for behind WAIT, and not before. A node of Valkey that loses its place as the
master keeps its clients waiting. If it is the master again soon after, WAIT counts the replicas of
what it has by then, which may lack the commit. So if the note is gone, the commit is lost: a
replica without it took over.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from rom._core.encoding.text import show
from rom._core.ops.commits.attempts import LIFE
from rom._core.ops.requests import Command, Operation, Pipeline, Request, Script
from rom._core.schema import Schema
from rom.exceptions import ArgumentError, NotReplicatedError, ORMError

T = TypeVar('T')

#: Milliseconds to wait for the replicas.
LONGEST: Final = 2000
#: Scripts that answer with the note of a commit that was carried out.
_WITH_NOTES: Final = frozenset(('commit', 'settle', 'shard_commit', 'shard_prepare'))


def number_of_replicas(durable: Any) -> int:
    """Return how many replicas `durable=` asks for: 1 for True, 0 for False.

    Raises:
        ArgumentError: it is neither a boolean nor a number of replicas.
    """
    if not isinstance(durable, int) or durable < 0:
        raise ArgumentError(
            f'durable={show(durable)}: expected True, for one replica, or the number of replicas '
            'to wait for'
        )
    return int(durable)


def noting(operation: Operation[T], notes: list[bytes]) -> Operation[T]:
    """Run an operation, and collect the keys of the notes of its commits."""
    try:
        request = next(operation)
        while True:
            try:
                reply = yield request
            except BaseException as error:
                request = operation.throw(error)
            else:
                notes += _notes_of(request, reply)
                request = operation.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result


def _notes_of(request: Request, reply: Any) -> list[bytes]:
    if isinstance(request, Pipeline) and not request.one_by_one:
        pairs = zip(request.requests, reply, strict=True)
        return [note for one, answer in pairs for note in _notes_of(one, answer)]
    if not isinstance(request, Script) or request.name not in _WITH_NOTES or reply[0] != b'ok':
        return []
    return [request.key]


def wait_for_replicas(schema: Schema, note: bytes, wanted: int) -> Operation[None]:
    """Wait until this many replicas have a commit and all before it.

    Args:
        schema: the schema of a model of the commit, for the error.
        note: the key of the commit's note.
        wanted: the number of replicas.

    Raises:
        NotReplicatedError: fewer have it after `LONGEST` milliseconds, or that is not known.
    """
    renew, wait = Command('EXPIRE', note, LIFE), Command('WAIT', wanted, LONGEST, key=note)
    look = Command('EXISTS', note)
    try:
        _, found, is_there = yield Pipeline((renew, wait, look), resends_all=True)
    except ORMError as error:
        raise _error(schema, wanted, None, f'whether replicas have it is not known: {error}') from (
            error
        )
    if not is_there:
        raise _error(
            schema, wanted, None,
            'the server that is the master now does not have it: a replica without it took over, '
            'so read what is stored',
        )  # fmt: skip
    if found < wanted:
        text = f'{found} of {wanted} replicas have it after {LONGEST / 1000:g} s'
        raise _error(schema, wanted, int(found), text)


def _error(schema: Schema, wanted: int, found: int | None, text: str) -> NotReplicatedError:
    return NotReplicatedError(
        f'{schema.name}: the master carried the commit out, and {text}. Do not repeat the commit: '
        'it is lost only if the master fails before a replica has it',
        wanted,
        found,
    )
