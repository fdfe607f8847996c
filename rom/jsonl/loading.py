"""Loading: the batches of lines, each an atomic commit, their progress, and their highest ids."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rom._core.drivers.connections import connection_of
from rom._core.drivers.server_identity import reach_of
from rom._core.encoding.integers import check_count
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops.import_rows import (
    CHOICES,
    ImportCounts,
    OnConflict,
    RowRejectedError,
    import_rows,
)
from rom._core.ops.requests import Operation
from rom.exceptions import BulkError, InvalidOperation, LineError
from rom.jsonl.line import Line, Reader, check_models

# If every line is wrong, as of a wrong file, the first errors suffice.
_MOST_ERRORS = 20

# The beginning of a line that `line_of` wrote. It suffices, so such lines are not parsed as JSON.
_HEAD = re.compile(rb'\{"model": "([^"\\]+)", "id": (\d{1,18}),')

# The number of lines of each model that are checked, those with the highest ids first.
_KEPT = 100


@dataclass(frozen=True, slots=True)
class Loaded:
    """The progress of a load.

    Attributes:
        line: the number of the last line that is done; 0: no line is.
        rows: the numbers of rows inserted, updated, unchanged and skipped.
        bytes: the length of the input up to there.
    """

    line: int = 0
    rows: ImportCounts = field(default_factory=ImportCounts)
    bytes: int = 0


@dataclass(slots=True)
class Batch:
    """Lines for one commit.

    Attributes:
        lines: valid lines, of different rows on one server.
        errors: the errors of invalid lines.
        last: the number of the last line that was read.
        bytes: the length of all its lines, including empty ones.
    """

    lines: list[Line] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    last: int = 0
    bytes: int = 0

    def write(self, on_conflict: OnConflict) -> Operation[ImportCounts]:
        """Write the rows, all or nothing.

        Raises:
            BulkError: a line is refused; the error names it.
        """
        try:
            return (yield from import_rows([line.row for line in self.lines], on_conflict))
        except RowRejectedError as error:
            number = self.lines[error.index].number
            raise self._refusal([LineError(f'line {number}: {error.cause}', number)]) from None

    def check(self) -> None:
        """Refuse a batch with invalid lines.

        Raises:
            BulkError: there are some.
        """
        if self.errors:
            raise self._refusal(self.errors)

    def _refusal(self, errors: Sequence[LineError]) -> BulkError:
        numbers = [line.number for line in self.lines] + [error.number for error in self.errors]
        lines = f'{min(numbers)} to {max(numbers)}' if len(numbers) > 1 else f'{numbers[0]}'
        return BulkError(
            f'{errors[0]}. Nothing of its batch (line {lines}) was written; all '
            'earlier lines are loaded',
            errors,
        )


def check_arguments(models: Sequence[type[Model]], on_conflict: str, from_line: int) -> None:
    """Check the arguments of a load."""
    check_models('load', models)
    if on_conflict not in CHOICES:
        choices = ', '.join(map(repr, CHOICES))
        raise InvalidOperation(
            f'load(on_conflict=...): expected one of {choices}, got {show(on_conflict)}'
        )
    check_count('load(from_line=...)', from_line)


def read_batches(
    lines: Iterable[bytes], models: Sequence[type[Model]], first: int, size: int
) -> Iterator[Batch]:
    """Yield the lines in batches, each for one server and with each row once.

    Raises:
        BulkError: a batch has invalid lines.
    """
    reader = Reader(models)
    batch, server = Batch(last=first - 1), None
    servers: dict[type[Model], Hashable] = {}
    taken: set[tuple[type[Model], int]] = set()
    for number, text in enumerate(_as_bytes('load', lines), 1):
        if number < first or not text.strip():
            batch.last, batch.bytes = max(batch.last, number), batch.bytes + len(text)
            continue
        line: Line | None = None
        try:
            line = reader.read(number, text)
        except LineError as error:
            batch.errors.append(error)
        if line is not None:
            row = line.model, line.row.id
            if line.model not in servers:
                head = line.model._schema.keys.head
                servers[line.model] = reach_of(connection_of(line.model), head)
            own = servers[line.model]
            is_apart = row in taken or (server is not None and own != server)
            if is_apart:
                batch.check()
                yield batch
                batch, taken = Batch(last=batch.last), set()
            taken.add(row)
            server = own
            batch.lines.append(line)
        batch.last, batch.bytes = number, batch.bytes + len(text)
        if len(batch.lines) >= size or len(batch.errors) >= _MOST_ERRORS:
            batch.check()
            yield batch
            batch, taken, server = Batch(last=number), set(), None
    batch.check()
    if batch.bytes:
        yield batch


def _as_bytes(where: str, lines: Iterable[Any]) -> Iterator[bytes]:
    """Yield lines as bytes.

    Raises:
        InvalidOperation: there are no lines, but the whole text or something else; or a line is
            neither bytes nor str.
    """
    if isinstance(lines, (str, bytes, bytearray)) or not isinstance(lines, Iterable):
        raise InvalidOperation(
            f'{where}: expected lines, such as a file that is open for reading bytes, got '
            f'{show(lines)}'
        )
    for number, line in enumerate(lines, 1):
        if isinstance(line, (bytes, bytearray)):
            yield bytes(line)
        elif isinstance(line, str):
            yield line.encode('utf-8', 'surrogatepass')
        else:
            raise InvalidOperation(f'{where}: line {number}: expected bytes, got {show(line)}')


def progress_after(done: Loaded, batch: Batch, rows: ImportCounts) -> Loaded:
    """Return the progress of a load after a batch was written."""
    return Loaded(batch.last, done.rows + rows, done.bytes + batch.bytes)


def highest_ids(lines: Iterable[bytes], models: Iterable[type[Model]]) -> dict[type[Model], int]:
    """Return the highest id of each model in valid lines.

    Checking every line would take as long as loading it. So only the lines with the highest ids are
    kept, and checked at the end.
    """
    models = tuple(models)
    check_models('reserve', models)
    named: dict[str, type[Model]] = {}
    for model in models:
        named[model._namespace] = named[model.__name__] = model
    reader = Reader(named.values())
    kept: dict[type[Model], list[tuple[int, int, bytes]]] = {}
    for number, (name, id, text) in enumerate(_ids(_as_bytes('reserve', lines))):
        if name in named:
            _keep(kept.setdefault(named[name], []), (id, number, text))
    highest = {model: _highest_valid(reader, those) for model, those in kept.items()}
    return {model: id for model, id in highest.items() if id}


def _keep(heap: list[tuple[int, int, bytes]], line: tuple[int, int, bytes]) -> None:
    if len(heap) < _KEPT:
        heapq.heappush(heap, line)
    elif line[0] > heap[0][0]:
        heapq.heapreplace(heap, line)


def _highest_valid(reader: Reader, heap: Iterable[tuple[int, int, bytes]]) -> int:
    for id, number, text in sorted(heap, reverse=True):
        try:
            reader.read(number, text)
        except LineError:
            continue
        return id
    return 0


def _ids(lines: Iterable[bytes]) -> Iterator[tuple[str, int, bytes]]:
    for text in lines:
        head = _HEAD.match(text)
        if head is not None:
            yield head[1].decode('utf-8', 'replace'), int(head[2]), text
            continue
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            continue
        name, id = (data.get('model'), data.get('id')) if isinstance(data, Mapping) else (0, 0)
        if isinstance(name, str) and isinstance(id, int) and 0 < id < 2**63:
            yield name, id, text
