"""This project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import rom
from benchmarks.peers.program import Program

ROOT = Path(__file__).resolve().parents[2]
assert Path(rom.__file__).is_relative_to(ROOT), f'{rom.__file__} is not the rom of this checkout'


class Implementation(Program):
    """rom, as its documents say."""

    def commit_new(self) -> None:
        # 10,000 of these entities have 105,014 entries, more than one commit may write.
        rom.session.commit(batch=5000)

    def total(self, city: str) -> float:
        total: float = self.person.query.filter(city=city).sum('score')
        return total

    def facets(self, low: int, high: int) -> Mapping[str, int]:
        found: Mapping[str, int] = self.person.query.filter(age=(low, high)).facets('city')
        return found
