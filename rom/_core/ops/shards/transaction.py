"""Transaction: the attempt of a commit over partitions, from its token to its end.

The note under the attempt's key is that of the coordinator's partition, as for any other commit. So
an attempt in doubt is settled there, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from rom._core.ops.commits.attempts import Attempt, new_token
from rom._core.ops.commits.commit import Committed, deletes_without_rows
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.ops.shards import patience
from rom._core.ops.shards.directory import Changes, release_scripts, unclaim_scripts
from rom._core.ops.shards.partitions import Partitions
from rom._core.ops.shards.resolve import check_applied
from rom._core.support.clock import elapsed, server_time
from rom._core.writes.changes import Change
from rom.exceptions import ORMError


class Transaction(Attempt):
    """The attempt of changes in one or several partitions.

    Args:
        partitions: the partitions of the group.
        parts: the changes of each partition.
        purpose: as for `Attempt`.

    Attributes:
        partitions: as given.
        parts: as given.
        coordinator: the number of the partition that decides.
        others: the numbers of the other ones.
        token: the end of the keys of its notes, in all partitions. Each try has another one.
        outcomes: the values that the rows hold if it is carried out, by partition.
        directory: what it changes in the directory.
        is_sent: the request that decides was sent under the current token.
    """

    __slots__ = (
        'coordinator', 'directory', 'is_sent', 'others', 'outcomes', 'partitions', 'parts', 'token',
    )  # fmt: skip

    def __init__(
        self,
        partitions: Partitions,
        parts: Mapping[int, Sequence[Change]],
        purpose: object = None,
    ) -> None:
        self.partitions = partitions
        self.parts = {number: list(changes) for number, changes in parts.items()}
        self.coordinator = _coordinator(self.parts)
        self.others = sorted(self.parts.keys() - {self.coordinator})
        super().__init__(partitions.notes(self.coordinator), purpose)
        self.token = b''
        self.outcomes: dict[int, list[dict[str, bytes]]] = {}
        self.directory = Changes()
        self.is_sent = False
        self.note_changes()

    def note_changes(self) -> None:
        """Tell callers the changes as they are now."""
        self.changes = [change for part in self.parts.values() for change in part]

    def begin(self) -> None:
        """Begin again under a new token, which no server knows yet."""
        self._begin()

    def _begin(self) -> None:
        patience.end(self.token)
        self.is_in_doubt, self.told, self.is_sent = False, None, False
        self.token = new_token()
        self.key = self._head + self.token
        # One moment for all partitions: a request must not be younger than the transaction, or it
        # could be carried out when the fence of an early token is gone.
        self.at = server_time(self._head)
        self.begun = elapsed()
        patience.begin(self.token)

    def part(self, number: int) -> Attempt:
        """Return an attempt with the same token and moment in another partition."""
        notes = self.partitions.notes(number)
        part = Attempt(notes)
        part.key, part.at, part.begun = notes + self.token, server_time(notes), self.begun
        part.tells_ages = self.tells_ages
        return part

    def decide(self, script: Script) -> Operation[list[bytes]]:
        """Send the request that decides; return the script's answer.

        Raises:
            ServerError, ServerUnavailable: as `carry_out` does.
        """
        self.is_in_doubt = self.is_sent = True
        try:
            reply: list[bytes] = yield script
        except BaseException as error:
            reply = yield from self._after_error(error)
        if reply[0] == b'locked':
            return reply  # a copy may still be carried out
        if reply[0] == b'ok':
            self.told = reply[1]
        elif reply[0] == b'late':
            self._learn(int(reply[1]))
        self.is_in_doubt = False
        return reply

    def settle(self) -> Operation[bool]:
        """Return whether it was carried out, and then carry it out everywhere; else undo it."""
        was_in_doubt = self.is_in_doubt
        is_done = yield from super().settle()
        if was_in_doubt:
            if is_done:
                yield from self.finish()
            else:
                yield from self.undo()
        return is_done

    def finish(self) -> Operation[None]:
        """Carry out a committed transaction in the other partitions, and release what it gave up.

        An error is not raised, because the transaction is committed: the next commit or strict read
        that meets one of its intents carries it out.
        """
        partitions, token = self.partitions, self.token
        calls = [partitions.call('shard_apply', number, token) for number in self.others]
        calls += release_scripts(partitions, self.directory)
        with suppress(ORMError):
            if calls:
                replies = yield Pipeline(tuple(calls))
                for reply in replies[: len(self.others)]:
                    check_applied(reply)
            if self.others:
                yield finished(partitions, self.coordinator, token)

    def undo(self) -> Operation[None]:
        """Remove what a transaction has left that wrote nothing, and never will.

        An error is not raised: whoever meets the rest undoes it.
        """
        partitions, token = self.partitions, self.token
        numbers = (self.coordinator, *self.others)
        calls = [partitions.call('shard_abort', number, token) for number in numbers]
        calls += unclaim_scripts(partitions, self.directory, token)
        with suppress(ORMError):
            yield Pipeline(tuple(calls))

    def committed(self, tell_gone: bool = False) -> Committed:
        """Return the result of a transaction that was carried out."""
        told = self.told or b''
        rows = [row for number in self.parts for row in self.outcomes[number]]
        if tell_gone:
            return Committed(None, rows, deletes_without_rows(self.changes, told))
        return Committed(int(told) if told else None, rows)


def finished(partitions: Partitions, number: int, token: bytes) -> Script:
    """Return the call that forgets a transaction which all partitions have carried out.

    Args:
        partitions: the partitions of the group.
        number: the partition of the coordinator.
        token: the token of the transaction.
    """
    return partitions.call('shard_finish', number, token)


def _coordinator(parts: Mapping[int, Sequence[Change]]) -> int:
    """Return the partition that decides: that of the id to take, or else of the most changes."""

    def rank(number: int) -> tuple[bool, int]:
        takes_id = any(change.id is None for change in parts[number])
        return takes_id, len(parts[number])

    return max(sorted(parts), key=rank)
