"""This project."""

from __future__ import annotations

from pathlib import Path

import rom
from benchmarks.peers.program import Program

ROOT = Path(__file__).resolve().parents[2]
assert Path(rom.__file__).is_relative_to(ROOT), f'{rom.__file__} is not the rom of this checkout'


class Implementation(Program):
    """rom, as its documents say."""

    def commit(self) -> None:
        # 10,000 of these entities have more entries than one commit may write; the handwritten
        # peer sends 1,000 at a time, too.
        rom.session.commit(batch=1000)
