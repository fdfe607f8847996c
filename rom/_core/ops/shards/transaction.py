"""Transaction: the attempt of a commit over partitions, from its token to its end.

The note under the attempt's key is that of the coordinator's partition, as for any other commit. So
an attempt in doubt is settled there, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from rom._core.ops.commits.attempts import Attempt, new_token
from rom._core.ops.commits.commit import Committed, deletes_without_rows
from rom._core.ops.requests import Barrier, Operation, Pipeline, Script
from rom._core.ops.shards import patience
from rom._core.ops.shards.directory import (
    Changes,
    by_directory,
    claim_script,
    release_scripts,
    unclaim_scripts,
)
from rom._core.ops.shards.partitions import Partitions, partitions_of
from rom._core.ops.shards.resolve import check_applied
from rom._core.support.clock import elapsed, server_time
from rom._core.writes.changes import Change
from rom.exceptions import ORMError


class Transaction(Attempt):
    """The attempt of changes in one or several partitions.

    Args:
        partitions: the partitions of the group.
        changes: the changes, in the order of the caller.
        numbers: the partition of each of them.
        purpose: as for `Attempt`.

    Attributes:
        partitions: as given.
        places: the positions of the changes of each partition; none where it only checks something.
        coordinator: the number of the partition that decides.
        others: the numbers of the other ones.
        token: the end of the keys of its notes, in all partitions. Each try has another one.
        outcomes: the values that the rows hold if it is carried out, by partition.
        answers: the answer of each partition once it was carried out there.
        directory: its changes of the directory.
    """

    __slots__ = (
        'answers', 'coordinator', 'directory', 'others', 'outcomes', 'partitions', 'places',
        'token',
    )  # fmt: skip

    def __init__(
        self,
        partitions: Partitions,
        changes: Sequence[Change],
        numbers: Sequence[int],
        purpose: object = None,
    ) -> None:
        self.partitions = partitions
        self.places: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            self.places.setdefault(number, []).append(place)
        self.coordinator = _coordinator(self.places, changes)
        self.others = sorted(self.places.keys() - {self.coordinator})
        super().__init__(partitions.notes(self.coordinator), purpose)
        self.changes = list(changes)
        self.token = b''
        self.outcomes: dict[int, list[dict[str, bytes]]] = {}
        self.answers: dict[int, bytes] = {}
        self.directory = Changes()

    @classmethod
    def of(cls, changes: Sequence[Change], purpose: object = None) -> Transaction:
        """Return a new transaction of changes in terms of their partitions."""
        parts = [part for change in changes if (part := change.schema.part) is not None]
        partitions = partitions_of(parts[0].whole.placement.group)
        return cls(partitions, changes, [part.number for part in parts], purpose)

    def include(self, numbers: Iterable[int]) -> None:
        """Let partitions take part that have nothing to write, but something to check."""
        for number in numbers:
            self.places.setdefault(number, [])
        self.others = sorted(self.places.keys() - {self.coordinator})

    def part(self, number: int) -> list[Change]:
        """Return the changes of a partition."""
        return [self.changes[place] for place in self.places[number]]

    def begin(self) -> None:
        """Begin again under a new token, which no server knows yet."""
        self._begin()

    def _begin(self) -> None:
        patience.end(self.token)
        self.is_in_doubt, self.is_unfinished, self.told = False, False, None
        self.answers.clear()
        self.token = new_token()
        self.key = self._head + self.token
        # One moment for all partitions: a request must not be younger than the transaction, or it
        # could be carried out when the fence of an early token is gone.
        self.at = server_time(self._head)
        self.begun = elapsed()
        patience.begin(self.token)

    def attempt_in(self, number: int) -> Attempt:
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
        self.is_in_doubt = True
        try:
            reply: list[bytes] = yield script
        except BaseException as error:
            reply = yield from self._after_error(error)
        if reply[0] == b'locked':
            return reply  # a copy may still be carried out
        if reply[0] == b'ok':
            self.told, self.is_unfinished = reply[1], True
        elif reply[0] == b'late':
            self._learn(int(reply[1]))
        self.is_in_doubt = False
        return reply

    def settle(self) -> Operation[bool]:
        """Return whether it was carried out, and then carry it out everywhere; else undo it."""
        was_in_doubt = self.is_in_doubt or self.is_unfinished
        is_done = yield from super().settle()
        if was_in_doubt:
            self.is_unfinished = is_done
            if is_done:
                yield from self._claim_again()
                yield from self.finish()
            else:
                yield from self.undo()
        return is_done

    def _claim_again(self) -> Operation[None]:
        """Repeat the claims: a caller that waits for replicas has lost their receipts.

        A value that the row has given up since gets an entry that no row needs, as from any late
        copy of the request.
        """
        groups = by_directory(self.partitions, self.directory.claims.values())
        calls = [claim_script(self.partitions, group, self.token) for group in groups]
        if calls:
            with suppress(ORMError):
                yield Pipeline(tuple(calls))

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
                yield Barrier(is_decided=True)
                replies = yield Pipeline(tuple(calls))
                for number, reply in zip(self.others, replies, strict=False):
                    check_applied(reply)
                    self.answers[number] = reply[1]
            if self.others:
                yield Barrier(is_decided=True)
                yield finished(partitions, self.coordinator, token)
        self.is_unfinished = False

    def undo(self) -> Operation[None]:
        """Remove what a transaction has left that wrote nothing, and never will.

        An error is not raised: a client that meets the rest undoes it.
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
        rows: list[dict[str, bytes]] = [{}] * len(self.changes)
        for number, places in self.places.items():
            for place, row in zip(places, self.outcomes[number], strict=True):
                rows[place] = row
        if not tell_gone:
            return Committed(int(told) if told else None, rows)
        gone: set[int] = set()
        for number, answer in {self.coordinator: told, **self.answers}.items():
            found = deletes_without_rows(self.part(number), answer)
            gone.update(self.places[number][place] for place in found)
        return Committed(None, rows, frozenset(gone))


def finished(partitions: Partitions, number: int, token: bytes) -> Script:
    """Return the call that forgets a transaction which all partitions have carried out.

    Args:
        partitions: the partitions of the group.
        number: the partition of the coordinator.
        token: the token of the transaction.
    """
    return partitions.call('shard_finish', number, token)


def _coordinator(places: Mapping[int, Sequence[int]], changes: Sequence[Change]) -> int:
    """Return the partition that decides: that of the id to take, or else of the most changes."""

    def rank(number: int) -> tuple[bool, int]:
        takes_id = any(changes[place].id is None for place in places[number])
        return takes_id, len(places[number])

    return max(sorted(places), key=rank)
