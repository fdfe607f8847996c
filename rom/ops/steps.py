"""Steps: commands that are carried out together, all or none, by `lua/steps.lua`.

For front ends with keys of their own, which know what to write and need no index of `rom.entries`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rom.encoding.text import as_text
from rom.encoding.wire import pack
from rom.exceptions import CorruptRowError, ORMError
from rom.ops.batch import REMEMBER
from rom.ops.requests import Command, Operation, Script

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


def new_done_key(head: str) -> bytes:
    """A key for noting that these steps, and no others, were taken; in the slot of `head`."""
    return f'rom:done:{head}:{secrets.token_hex(8)}'.encode('utf-8', 'surrogateescape')


def take(
    steps: Sequence[Step], checks: Sequence[Check] = (), done_key: bytes | None = None
) -> Operation[list[Any]]:
    """Take steps, all or none; returns their replies.

    Args:
        steps: commands. One alone, without checks and without a key, goes as it is.
        checks: what must be stored for that.
        done_key: where it is noted that this was done, when to do it twice would matter.

    Raises:
        Differs: a check found something else; nothing was written.
        CorruptRowError: a key holds another type; nothing was written.
    """
    if not steps:
        return []
    if len(steps) == 1 and not checks and done_key is None and steps[0][0] != b'EXPIRE':
        return [(yield Command(*steps[0]))]
    request = {**as_map(steps, checks), 'done': done_key, 'remember': REMEMBER}
    status, details = yield Script('steps', done_key or steps[0][1], pack(request))
    if status != b'ok':
        raise objection_of(status, details)
    replies: list[Any] = details
    return replies


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
