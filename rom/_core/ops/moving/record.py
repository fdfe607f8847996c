"""Record of a move: a hash beside the rows without partitions, with the phase and the place.

Each run has a token, a number that is larger than those of the runs before. Every write of a run
expects its token: in the record, and in a hash of each partition, the *fence*. So a run that
another one has taken over can write nothing, however late its requests arrive.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rom._core.encoding.integers import read_digits
from rom._core.encoding.text import as_bytes, as_text
from rom._core.ops.commits.raw_commands import Check, Differs, Step, as_map, take
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.shards.declaration import check_declared, declaration_of, model_field
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.moved import FIELD, mark_of, moving_field, stamp_of_move
from rom._core.ops.shards.partitions import partitions_of
from rom._core.schema import Schema, with_keys
from rom._core.support.clock import server_time
from rom.exceptions import CorruptRowError, InvalidOperation

#: Phases, in their order: rows are copied beside writers; rows are given up; all are moved.
COPYING, CLOSING, MOVED = b'copying', b'closing', b'moved'
_FIELDS: Final = (b'group', b'phase', b'token', b'after', b'done', b'last')
# The fence of a partition, once all rows are moved.
_OPEN: Final = b'moved'
# Tries to begin: each means that another program wrote in between.
_MOST_TRIES: Final = 100


class State(NamedTuple):
    """State of a move, as stored.

    Attributes:
        group: the name of the group.
        phase: the phase.
        token: the token of the last run.
        after: the last id that is done in this phase.
        done: the number of rows that are done in this phase.
        last: the last id that was given without partitions, once no more are.
    """

    group: bytes
    phase: bytes
    token: bytes
    after: int = 0
    done: int = 0
    last: int = 0


class Move:
    """A move of the rows of one model, and one run of it.

    Args:
        whole: the schema of the model over all partitions.
        source: the namespace of the rows.

    Attributes:
        whole: as given.
        old: the schema of the rows without partitions.
        state: the state as last read or written.
        mark: the text that replaces a row that is moved.
        key: the key of the record.
    """

    def __init__(self, whole: Schema, source: str) -> None:
        assert whole.placement is not None
        self.whole = whole
        self.old = with_keys(whole, whole.keys._replace(namespace=source, whole=None))
        self.group = whole.placement.group
        self.state = State(as_bytes(self.group.name), COPYING, b'0')
        self.mark = mark_of(self.group.name)
        self.key = self.old.keys.counter + b'moved'
        self._partitions = partitions_of(self.group)

    def take_over(self) -> Operation[None]:
        """Begin the move, or continue it; no other run can write from then on.

        Raises:
            InvalidOperation: there is nothing to move, or rows are in the partitions already.
            CorruptRowError: the record is malformed.
        """
        for _ in range(_MOST_TRIES):
            stored = yield from self._read()
            before = stored or self.state
            # A failover may have lost the record of a run, and not its fences. So a token is the
            # time, and larger than those of all runs before.
            token = max(int(before.token) + 1, server_time(self.old.keys.attempts))
            begun = before._replace(token=b'%d' % token)
            try:
                if stored is None:
                    yield from self._check_source()
                    yield from self._announce()
                yield from self._write(begun, stored)
            except Differs:
                continue  # another run has begun
            if begun.phase != MOVED:
                yield from self._fence(self.token)
            return
        raise self.taken_over()

    @property
    def token(self) -> bytes:
        """The token of this run."""
        return self.state.token

    def _read(self) -> Operation[State | None]:
        found = yield Command('HMGET', self.key, *_FIELDS)
        if not any(found):
            return None
        group, phase, *numbers = found
        if group is not None and group != self.state.group:
            raise InvalidOperation(
                f'{self.whole.name}: its rows are being moved into the group {as_text(group)!r}, '
                f'not {self.group.name!r}; nothing was written. Finish that move first'
            )
        digits = [n for raw in numbers if (n := read_digits(raw or b'')) is not None]
        if len(digits) < len(numbers) or phase not in (COPYING, CLOSING, MOVED):
            raise CorruptRowError(
                f'{as_text(self.key)} should hold the record of a move, and rom did not write '
                'what it holds; nothing was written. Look at it with HGETALL',
                key=as_text(self.key),
            )
        token, *rest = digits
        return State(self.state.group, phase, b'%d' % token, *rest)

    def _check_source(self) -> Operation[None]:
        """Raise InvalidOperation if there are no rows to move, or none that can be."""
        keys = self.old.keys
        counter, live, stored = yield Pipeline(
            (
                Command('EXISTS', keys.counter),
                Command('EXISTS', keys.live),
                Command('HMGET', self.group._key, *self._declaration),
            )
        )
        if stored[-1] is not None:
            raise InvalidOperation(
                f'{self.whole.name}: the group {self.group.name!r} has its rows already, and '
                f'nothing can be moved into it from {keys.namespace!r}; nothing was written. '
                'Load a dump of those rows instead: rom dump, rom load'
            )
        if not counter:
            raise InvalidOperation(
                f'{self.whole.name}: expected rows in the namespace {keys.namespace!r}, found '
                f'none; nothing was written. Name the namespace that they are in: rom shard --from'
            )
        if not live:
            raise InvalidOperation(
                f'{self.whole.name}: its rows in the namespace {keys.namespace!r} have no live '
                'bitmap, as those of rom 1.x; nothing was written. Run rom reindex first, with '
                'the program that has no _shards'
            )

    @property
    def _declaration(self) -> dict[bytes, bytes]:
        """The fields of the group's declaration; the last one is that of the model."""
        return declaration_of(self.group, [self.whole])

    def _announce(self) -> Operation[None]:
        """Have programs with `_shards` refused until all rows are moved.

        Raises:
            InvalidOperation: rows are being moved from another namespace, or the group is declared
                otherwise.
        """
        declared, model = self._declaration, model_field(self.whole)
        del declared[model]
        moving, namespace = moving_field(self.whole), as_bytes(self.old.keys.namespace)
        *found, other = yield Command('HMGET', self.group._key, *declared, moving)
        if other not in (None, namespace):
            # Its rows have the same ids, and one move would remove the copies of the other.
            raise InvalidOperation(
                f'{self.whole.name}: its rows are being moved from the namespace '
                f'{as_text(other)!r}, not {self.old.keys.namespace!r}; nothing was written. Finish '
                f'that move first: rom shard --from {as_text(other)!r}'
            )
        check_declared(self.group, declared, dict(zip(declared, found, strict=True)))
        steps = [(b'HSET', self.group._key, *_flat({**declared, moving: namespace}))]
        fields = (*declared, moving, model)
        check = Check((b'HMGET', self.group._key, *fields), (*found, other, None))
        yield from take(steps, [check])

    def _write(
        self, state: State, before: State | None, more: Sequence[Step] = ()
    ) -> Operation[None]:
        """Write the record, if it has the token of a run and its place."""
        token, after = (None, None) if before is None else (before.token, b'%d' % before.after)
        numbers = (b'%d' % number for number in state[3:])
        fields = dict(zip(_FIELDS, (*state[:3], *numbers), strict=True))
        checks = [
            Check((b'HMGET', self.key, b'token'), (token,)),
            Check((b'HMGET', self.key, b'after'), (after,)),
        ]
        yield from take([(b'HSET', self.key, *_flat(fields)), *more], checks)
        self.state = state

    def write(self, state: State, *more: Step) -> Operation[None]:
        """Write the state of this run, and take further steps beside the rows.

        Raises:
            InvalidOperation: another run has taken over, or a failover has; nothing was written.
        """
        try:
            yield from self._write(state, self.state, more)
        except Differs as error:
            raise (self.behind() if error.place else self.taken_over()) from None

    def is_taken_over(self) -> Operation[bool]:
        """Return whether another run has taken over."""
        token = yield Command('HGET', self.key, b'token')
        return bool(token != self.token)

    def taken_over(self) -> InvalidOperation:
        """Return the error for a run that another one has taken over."""
        return InvalidOperation(
            f'{self.whole.name}: another run of rom shard has taken over, and this one can write '
            'nothing any more; nothing is half done. Let that one finish'
        )

    def behind(self) -> InvalidOperation:
        """Return the error for a run whose last steps a failover has lost."""
        return InvalidOperation(
            f'{self.whole.name}: a replica without the last steps of this run has become the '
            'master, so some rows that it gave up are not; nothing is lost. Run rom shard again, '
            'which continues at those'
        )

    def close(
        self, last: int, counter: bytes | None, records: Mapping[bytes, bytes]
    ) -> Operation[bool]:
        """Begin the last phase: without partitions, no ids are given and no migration runs.

        Args:
            last: the last id that was given.
            counter: the value of the id counter.
            records: the records of migrations.

        Returns:
            False if an id was given in between, or a migration begun; nothing was written then.
        """
        state = self.state._replace(phase=CLOSING, after=0, done=0, last=last)
        key, migrations = self.old.keys.counter, self.old.keys.migrations
        fields = {b'phase': CLOSING, b'after': b'0', b'done': b'0', b'last': b'%d' % last}
        checks = [
            Check((b'HMGET', self.key, b'token'), (self.token,)),
            Check((b'MGET', key), (counter,)),
            Check((b'HGETALL', migrations), (*_flat(records), None)),
        ]
        write = (b'HSET', self.key, *_flat(fields))
        steps: list[Step] = [write, *self._replaced(key)]
        if migrations != self.whole.keys.migrations:
            # A migrator that has just read the counter finds another type here, and is refused.
            steps.append((b'SET', migrations, self.mark))
        try:
            yield from take(steps, checks)
        except Differs as error:
            if error.place == 0:
                raise self.taken_over() from None
            stored = yield from self._read()
            if stored is None or stored.phase != CLOSING:
                return False
        self.state = state
        return True

    def _replaced(self, key: bytes) -> tuple[Step, Step]:
        """Return the steps that replace a key by a hash with the mark."""
        return (b'DEL', key), (b'HSETNX', key, FIELD, self.mark)

    def give_up(self) -> Operation[None]:
        """Note that all rows are given up. It may be repeated.

        Raises:
            InvalidOperation: another run has taken over, or a failover has; nothing was written.
        """
        keys = self.old.keys
        yield from self.write(
            self.state._replace(phase=MOVED),
            *self._replaced(keys.live),
            (b'SET', keys.indexes, stamp_of_move(self.group.name)),
        )

    def declare(self) -> Operation[None]:
        """Declare that all rows are in the partitions. It may be repeated."""
        yield from self._fence(_OPEN)
        group = self.group._key
        declared = (b'HSET', group, *_flat(self._declaration))
        yield from take([declared, (b'HDEL', group, moving_field(self.whole))])

    def head(self, number: int) -> bytes:
        """Return the prefix of the keys of a partition beside those of its models."""
        return self._partitions.head(number)

    def fence_in(self, number: int) -> tuple[bytes, bytes]:
        """Return the key and the field of the fence of a partition."""
        return self.head(number) + b'moving', as_bytes(self.whole.bare_namespace)

    def _fence(self, value: bytes) -> Operation[None]:
        """Set the fences of all partitions.

        Raises:
            InvalidOperation: another run has taken over, or all rows are moved.
        """
        numbers = range(self.group.partitions)
        reads = [Command('HMGET', *self.fence_in(number)) for number in numbers]
        for _ in range(_MOST_TRIES):
            found = [fence for (fence,) in (yield Pipeline(tuple(reads)))]
            if any(fence != value and not self._is_earlier(fence) for fence in found):
                raise self.taken_over()
            try:
                # A copy of a request that arrives late finds another fence than it expects.
                yield from lockstep(
                    [self._set_fence(n, fence, value) for n, fence in enumerate(found)]
                )
            except Differs:
                continue
            return
        raise self.taken_over()

    def _is_earlier(self, fence: bytes | None) -> bool:
        return fence is None or (fence != _OPEN and int(fence) <= int(self.token))

    def _set_fence(self, number: int, before: bytes | None, value: bytes) -> Operation[None]:
        fence = self.fence_in(number)
        yield from take([(b'HSET', *fence, value)], [Check((b'HMGET', *fence), (before,))])

    def only_this_run(self, number: int) -> dict[str, Any]:
        """Return the condition of a commit in a partition, as `CommitRequest` takes it."""
        key, field = self.fence_in(number)
        return as_map([], [Check((b'HMGET', key, field), (self.token,))])


def _flat(fields: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
    return tuple(part for pair in fields.items() for part in pair)
