"""Journals: what each actor intends, written down before it is tried, and what it was told.

A line is written with one `write` to the file's end, so it survives the writer's SIGKILL. Times are
of the system's monotonic clock, which all processes share.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRY, ACKNOWLEDGED, REFUSED, UNKNOWN, WRONG = 'try', 'ok', 'no', 'unknown', 'wrong'


class Journal:
    """One actor's.

    Args:
        folder: of all journals of a round.
        actor: its name, which no other has.
    """

    def __init__(self, folder: Path, actor: str) -> None:
        self.actor = actor
        self._count = 0
        self._file = os.open(folder / actor, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def new_operation(self) -> str:
        """Return an id: letters and digits, one word to a full-text index."""
        self._count += 1
        return f'{self.actor}n{self._count}'

    def write(self, op: str, event: str, **details: Any) -> None:
        """Append a line."""
        line = json.dumps([time.monotonic(), op, event, details])
        os.write(self._file, line.encode() + b'\n')

    def close(self) -> None:
        os.close(self._file)


@dataclass(frozen=True)
class Event:
    """A line of a journal."""

    time: float
    op: str
    kind: str
    details: dict[str, Any]

    def __str__(self) -> str:
        held = {name: value for name, value in self.details.items() if value is not None}
        told = ' '.join(f'{name}={value}' for name, value in held.items())
        return f'{self.time:.6f} {self.op} {self.kind} {told}'.rstrip()


@dataclass
class Deed:
    """An operation, with all tries and all that was answered.

    Attributes:
        act: its kind (`tests/faults/acts.py`).
        row: what it is about, for people: 'shelf 3'.
        what: what the act wrote down of itself.
    """

    op: str
    act: str = ''
    row: str = ''
    what: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """ACKNOWLEDGED, REFUSED or UNKNOWN; a try without an answer is unknown."""
        for event in reversed(self.events):
            if event.kind != WRONG:
                return UNKNOWN if event.kind == TRY else event.kind
        return UNKNOWN

    @property
    def tried_at(self) -> float:
        """The time of the last try."""
        return next((e.time for e in reversed(self.events) if e.kind == TRY), 0.0)

    @property
    def told_at(self) -> float:
        """The time of the last line."""
        return self.events[-1].time

    @property
    def result(self) -> Any:
        """What the acknowledged call returned."""
        return self.events[-1].details.get('result')

    def errors(self) -> Iterator[Event]:
        """The answers that were refusals, or make no sense."""
        return (event for event in self.events if event.kind in (REFUSED, WRONG))


def read(folder: Path, names: str = '*') -> dict[str, Deed]:
    """Return the deeds of the journals in a folder, by operation.

    Args:
        folder: of all journals.
        names: a pattern for the names of the actors.
    """
    deeds: dict[str, Deed] = {}
    for path in sorted(folder.glob(names)):
        for event in _events(path):
            deed = deeds.setdefault(event.op, Deed(event.op))
            if not deed.act:
                deed.what = dict(event.details)
                deed.act, deed.row = deed.what.pop('act'), deed.what.pop('row')
            deed.events.append(event)
    return deeds


def _events(path: Path) -> Iterator[Event]:
    for line in path.read_bytes().splitlines():
        yield Event(*json.loads(line))
