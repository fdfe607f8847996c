"""Loading: lines of JSON as rows, in batches, each of which is written whole or not at all."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

from rom._core.drivers.connections import connection_of
from rom._core.drivers.server_identity import server_of
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops.import_rows import Arrived, OnConflict, RefusedError, arrive
from rom._core.ops.requests import Operation
from rom.exceptions import BulkError, InvalidOperation, LineError
from rom.jsonl.line import Line, Reader
from rom.maintenance import checked

# Of a batch in which every line is wrong, as of a wrong file, the first ones say enough.
_MOST_ERRORS = 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """How far a load has got.

    Attributes:
        line: the number of the last line that is done; 0: none is.
        rows: what became of the rows, so many each.
        bytes: how much of the input that was.
    """

    line: int = 0
    rows: Arrived = field(default_factory=Arrived)
    bytes: int = 0


def load(
    lines: Iterable[bytes],
    *models: type[Model],
    on_conflict: OnConflict = 'update',
    from_line: int = 1,
    batch_size: int = 500,
) -> Iterator[Loaded]:
    """Write rows from lines of JSON, as :func:`rom.jsonl.dump` gives them, with the ids they have.

    A batch is one atomic commit, and takes three or four trips. It may run beside programs that
    write. Those that make new entities are given ids behind all that were loaded by then; call
    :func:`reserve` first, so that no line to come has such an id. To load lines again changes
    nothing, unless others have changed those rows in between.

    Hooks are not called. What a relation refers to is not looked for, so the order of lines does
    not matter. What has expired is loaded as such.

    Args:
        lines: as a file that is open for reading bytes gives them. Empty ones do not matter.
        *models: whose lines may be there.
        on_conflict: what becomes of a row with the same id: 'update' writes the columns that the
            line has, 'replace' also removes the others, 'skip' leaves the row as it is, 'fail'
            refuses the line.
        from_line: leave out the lines before this one.
        batch_size: so many lines in a commit; fewer, where an id comes twice.

    Yields:
        after each batch, how far it has got.

    Raises:
        InvalidOperation: no models; a size, a line or an `on_conflict` that makes no sense.
        BulkError: lines cannot be loaded; its `errors` are a :class:`rom.exceptions.LineError`
            each. Nothing of their batch was written, and all batches before it are in.

    Example::

        with open('users.jsonl', 'rb') as file:
            for done in rom.jsonl.load(file, User):
                print(done.line)
    """
    check(models, on_conflict, from_line, batch_size)
    done = Loaded(from_line - 1)
    for batch in batches(lines, models, from_line, batch_size):
        rows = Arrived()
        if batch.lines:
            driver = SyncDriver(connection_of(batch.lines[0].model))
            rows = driver.run(batch.write(on_conflict))
        done = after(done, batch, rows)
        yield done


# What the front for asyncio needs, too.


@dataclass(slots=True)
class Batch:
    """Lines for one commit.

    Attributes:
        lines: of different rows, on one connection.
        errors: of lines that make no sense.
        last: the number of the last line that was looked at.
        bytes: the length of all of them, empty ones too.
    """

    lines: list[Line] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    last: int = 0
    bytes: int = 0

    def write(self, on_conflict: OnConflict) -> Operation[Arrived]:
        """Write the rows, all or nothing.

        Raises:
            BulkError: that one line is to blame.
        """
        try:
            return (yield from arrive([line.arrival for line in self.lines], on_conflict))
        except RefusedError as error:
            number = self.lines[error.place].number
            raise self._refusal([LineError(f'line {number}: {error.cause}', number)]) from None

    def check(self) -> None:
        """Refuse a batch with lines that make no sense.

        Raises:
            BulkError: there are some.
        """
        if self.errors:
            raise self._refusal(self.errors)

    def _refusal(self, errors: Sequence[LineError]) -> BulkError:
        numbers = [line.number for line in self.lines] + [error.number for error in self.errors]
        lines = f'{min(numbers)} to {max(numbers)}' if len(numbers) > 1 else f'{numbers[0]}'
        return BulkError(
            f'{errors[0]}. Nothing of its batch (line {lines}) was written; all lines before '
            'are in',
            errors,
        )


def check(models: Sequence[type[Model]], on_conflict: str, from_line: int, size: int) -> None:
    """Refuse arguments that make no sense."""
    if not models:
        raise InvalidOperation('load takes models, one or more')
    for model in models:
        checked(model, size)
    if on_conflict not in get_args(OnConflict):
        ways = ', '.join(map(repr, get_args(OnConflict)))
        raise InvalidOperation(f'load(on_conflict={show(on_conflict)}): it must be one of {ways}')
    if isinstance(from_line, bool) or not isinstance(from_line, int) or from_line < 1:
        raise InvalidOperation(f'load(from_line={show(from_line)}): lines are counted from 1 on')


def batches(
    lines: Iterable[bytes], models: Sequence[type[Model]], first: int, size: int
) -> Iterator[Batch]:
    """Lines in batches.

    Raises:
        BulkError: there are lines in a batch that make no sense.
    """
    reader = Reader(models)
    batch, server = Batch(last=first - 1), None
    servers: dict[type[Model], Hashable] = {}
    taken: set[tuple[type[Model], int]] = set()
    for number, text in enumerate(lines, 1):
        if number < first or not text.strip():
            batch.last, batch.bytes = max(batch.last, number), batch.bytes + len(text)
            continue
        line: Line | None = None
        try:
            line = reader.read(number, text)
        except LineError as error:
            batch.errors.append(error)
        if line is not None:
            row = line.model, line.arrival.id
            if line.model not in servers:
                servers[line.model] = server_of(connection_of(line.model))
            its = servers[line.model]
            is_apart = row in taken or (server is not None and its != server)
            if is_apart:
                batch.check()
                yield batch
                batch, taken = Batch(last=batch.last), set()
            taken.add(row)
            server = its
            batch.lines.append(line)
        batch.last, batch.bytes = number, batch.bytes + len(text)
        if len(batch.lines) >= size or len(batch.errors) >= _MOST_ERRORS:
            batch.check()
            yield batch
            batch, taken, server = Batch(last=number), set(), None
    batch.check()
    if batch.bytes:
        yield batch


def after(done: Loaded, batch: Batch, rows: Arrived) -> Loaded:
    """How far a load has got when a batch is in."""
    return Loaded(batch.last, done.rows + rows, done.bytes + batch.bytes)
