"""This project's rom.schematics: its IndexedRedisMixin."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rom
from benchmarks.operations import QUERIES
from benchmarks.peers.models import Fields, Models
from rom.schematics import IndexedRedisMixin, transaction

ROOT = Path(__file__).resolve().parents[2]
assert Path(rom.__file__).is_relative_to(ROOT), f'{rom.__file__} is not the rom of this checkout'


class Person(Fields, IndexedRedisMixin):
    """The indexes are those that the fields ask for."""


class Implementation(Models):
    """rom.schematics, as its documents say."""

    person = Person
    cannot = {
        operation.name: 'measured for models of rom; here it is the filter that is compared'
        for operation in QUERIES
        if not operation.of
    }

    def write(self, people: Iterable[Any]) -> None:
        with transaction():
            for person in people:
                person.set()
