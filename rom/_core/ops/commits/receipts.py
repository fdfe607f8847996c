"""Receipts: proofs that a server has a commit, collected while the operation runs.

A commit leaves a note in each partition that it writes to, and a claim in the directory of each new
unique value. A server that has the last receipt of a slot has all earlier ones, because replicas
get all writes in order.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from rom._core.encoding.keys import hash_tag
from rom._core.encoding.wire import unpack
from rom._core.ops.commits.attempts import LIFE
from rom._core.ops.requests import Command, Operation, Pipeline, Request, Script, answered
from rom._core.support.clock import elapsed

if TYPE_CHECKING:
    from rom._core.ops.shards.partitions import Partitions

T = TypeVar('T')

_CLAIM: Final = 'shard_claim'
#: Scripts that leave a receipt: the note of a commit that was carried out, or a claim. A commit
#: that settles an earlier one prepares nothing, and only applies it in the other partitions.
_LEAVING: Final = frozenset(
    ('commit', 'settle', 'shard_commit', 'shard_prepare', 'shard_apply', _CLAIM)
)
#: Seconds within which no note expires.
_FRESH: Final = LIFE - 30
# The value and the life of a note that is written to wait for its replicas.
_MARK: Final = ('durable', 'EX', 10)


class Receipt(NamedTuple):
    """A note of a commit, or a claim.

    Attributes:
        key: the key of the note, or of the directory.
        value: the value that is claimed; None for a note.
        own: how the entry of the claim begins: 'partition:token:'.
        at: when it was received, by `elapsed`.
    """

    key: bytes
    value: bytes | None = None
    own: bytes = b''
    at: float = inf

    @property
    def is_old(self) -> bool:
        """True if the note may have expired, in a job of several minutes."""
        return elapsed() - self.at > _FRESH

    @property
    def write(self) -> Command:
        """The write behind which a client waits for replicas: it changes nothing.

        A note is renewed. An entry must not be written again, because another transaction may have
        replaced it; so a key of its token is written there for a while. That key is not the note:
        the partition may have one, which must outlive late copies of the request.
        """
        if self.value is not None:
            token = self.own.split(b':')[1]
            return Command('SET', b'{%b}:durable:%b' % (hash_tag(self.key), token), *_MARK)
        return (
            Command('SET', self.key, *_MARK) if self.is_old else Command('EXPIRE', self.key, LIFE)
        )

    @property
    def look(self) -> Command:
        """The command that looks for the receipt."""
        if self.value is None:
            return Command('EXISTS', self.key)
        return Command('HGET', self.key, self.value)

    def is_in(self, found: Any) -> bool:
        """Return whether the reply to `look` shows the receipt.

        A later transaction of the same partition leads to the row as well.
        """
        if self.value is None:
            return bool(found) or self.is_old
        partition, colon, _ = self.own.partition(b':')
        return found is not None and bytes(found).startswith(partition + colon)

    def look_for_row(self, partitions: 'Partitions') -> Command:
        """Return the command that reads which row of the partition has the value of a claim."""
        assert self.value is not None
        number = int(self.own.partition(b':')[0])
        return Command('HGET', partitions.unique_in(number, self.key), self.value)


def noting(operation: Operation[T], receipts: list[Receipt]) -> Operation[T]:
    """Run an operation, and collect the receipts of its commits."""

    def answer(request: Request) -> Operation[Any]:
        reply = yield request
        receipts.extend(_receipts_of(request, reply))
        return reply

    return (yield from answered(operation, answer))


def _receipts_of(request: Request, reply: Any) -> Iterator[Receipt]:
    if isinstance(request, Pipeline) and not request.one_by_one:
        for one, answer in zip(request.requests, reply, strict=True):
            yield from _receipts_of(one, answer)
    if not isinstance(request, Script) or request.name not in _LEAVING:
        return
    if isinstance(reply, Exception) or reply[0] != b'ok':
        return
    if request.name != _CLAIM:
        yield Receipt(request.key, at=elapsed())
        return
    directory, value, own, _ = unpack(request.request)['claims'][-1]
    yield Receipt(directory, value, own, elapsed())


def last_of_each_slot(receipts: Iterable[Receipt]) -> Sequence[Receipt]:
    """Return the last receipt of each hash tag."""
    return [*{hash_tag(receipt.key): receipt for receipt in receipts}.values()]
