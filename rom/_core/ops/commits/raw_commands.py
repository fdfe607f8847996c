"""Steps: commands that are carried out together, all or none, by `lua/steps.lua`.

For front ends with keys of their own, which know what to write and need no index of
`rom._core.indexing.column_index`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rom._core.encoding.text import as_text
from rom._core.encoding.wire import pack, unpack_list
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.requests import Command, Operation, Script
from rom.exceptions import CorruptRowError, ORMError

Step: TypeAlias = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """What a reading command must find, for the steps to be taken.

    Attributes:
        command: one whose reply is a list, such as MGET.
        expected: that list; None for what is not there.
    """

    command: Step
    expected: tuple[bytes | None, ...]

    def as_list(self) -> list[Any]:
        expected = [False if value is None else value for value in self.expected]
        return [list(self.command), expected]


class Differs(ORMError):
    """A check found something else. For the caller's own ears.

    Attributes:
        place: of the check among all of them.
    """

    def __init__(self, place: int) -> None:
        super().__init__(f'check {place} found something else')
        self.place = place


def take(
    steps: Sequence[Step], checks: Sequence[Check] = (), once: str | None = None
) -> Operation[list[Any]]:
    """Take steps, all or none; returns their replies.

    Args:
        steps: commands. One alone, without checks and not as an attempt, goes as it is.
        checks: what must be stored for that.
        once: take them as an attempt, for to do it twice would matter; in the slot of this key.

    Raises:
        Differs: a check found something else; nothing was written.
        CorruptRowError: a key holds another type; nothing was written.
    """
    if not steps:
        return []
    if len(steps) == 1 and not checks and once is None and steps[0][0] != b'EXPIRE':
        return [(yield Command(*steps[0]))]
    request = as_map(steps, checks)
    if once is None:
        status, details = yield Script('steps', steps[0][1], pack(request))
    else:
        attempt = Attempt(f'rom:done:{once}:'.encode('utf-8', 'surrogateescape'))
        status, details = yield from attempt.carry_out(
            lambda attempt: Script('steps', attempt.key, pack({**request, 'at': attempt.at}))
        )
    if status != b'ok':
        raise objection_of(status, details)
    replies: list[Any] = details if once is None else unpack_list(details)
    return [None if reply is False else reply for reply in replies]


def as_map(steps: Sequence[Step], checks: Sequence[Check]) -> dict[str, Any]:
    """Steps and checks as `lua/lib/steps.lua` reads them."""
    return {'steps': steps, 'checks': [check.as_list() for check in checks]}


def objection_of(status: bytes, detail: bytes) -> ORMError:
    """The error that an objection of `lua/lib/steps.lua` means."""
    if status == b'differs':
        return Differs(int(detail) - 1)
    key = as_text(detail)
    return CorruptRowError(
        f'the key {key} holds another type than is kept there; nothing was written. Look at it '
        f'with TYPE {key}, and rename or delete it',
        key=key,
    )
