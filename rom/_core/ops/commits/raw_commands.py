"""Steps: commands that `lua/run_commands.lua` carries out together, all or none.

They are for front ends with keys of their own, which do without the indexes of
`rom._core.indexing.column_index`, and for records of long jobs beside the rows.
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
    """Condition of steps: the reply that a reading command must give.

    Attributes:
        command: a command whose reply is a list, such as MGET.
        expected: the expected list, with None for absent values.
    """

    command: Step
    expected: tuple[bytes | None, ...]

    def as_list(self) -> list[Any]:
        expected = [False if value is None else value for value in self.expected]
        return [list(self.command), expected]


class Differs(ORMError):
    """A check did not hold. Internal: callers catch it.

    Attributes:
        place: the position of the check among all checks.
    """

    def __init__(self, place: int) -> None:
        super().__init__(f'check {place} found something else')
        self.place = place


def take(
    steps: Sequence[Step], checks: Sequence[Check] = (), once: str | None = None
) -> Operation[list[Any]]:
    """Take steps, all or none, and return their replies.

    Args:
        steps: commands. A single one, without checks and `once`, is sent as it is.
        checks: conditions, all of which must hold.
        once: a key of the slot for the note of an attempt, where taking the steps twice would be
            wrong; None takes them without a note.

    Raises:
        Differs: a check did not hold; nothing was written.
        CorruptRowError: a key holds another type; nothing was written.
    """
    if not steps:
        return []
    if len(steps) == 1 and not checks and once is None and steps[0][0] != b'EXPIRE':
        return [(yield Command(*steps[0]))]
    request = as_map(steps, checks)
    if once is None:
        status, details = yield Script('run_commands', steps[0][1], pack(request))
    else:
        attempt = Attempt(f'rom:done:{once}:'.encode('utf-8', 'surrogateescape'))
        status, details = yield from attempt.carry_out(
            lambda attempt: Script('run_commands', attempt.key, pack({**request, 'at': attempt.at}))
        )
    if status != b'ok':
        raise objection_of(status, details)
    replies: list[Any] = details if once is None else unpack_list(details)
    return [None if reply is False else reply for reply in replies]


def as_map(steps: Sequence[Step], checks: Sequence[Check]) -> dict[str, Any]:
    """Return steps and checks as `lua/lib/steps.lua` reads them."""
    return {'steps': steps, 'checks': [check.as_list() for check in checks]}


def objection_of(status: bytes, detail: bytes) -> ORMError:
    """Return the error that an objection of `lua/lib/steps.lua` means."""
    if status == b'differs':
        return Differs(int(detail) - 1)
    key = as_text(detail)
    return CorruptRowError(
        f'the key {key} holds another type than is kept there; nothing was written. Look at it '
        f'with TYPE {key}, and rename or delete it',
        key=key,
    )
