"""This project, with two compound indexes: each city by score, and by age."""

from __future__ import annotations

from typing import Any

import rom
from benchmarks.peers.ours import Implementation as Ours


class CompoundPerson(rom.Model):
    """What every peer declares, and the compound indexes.

    An index by score gives the order of all, so each has to have a score.
    """

    _namespace = 'compound'

    email = rom.Text(required=True, unique=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    name = rom.Text(index=True, keygen=rom.FULL_TEXT)
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True)
    score = rom.Float(index=True, required=True)
    created_at = rom.Float(index=True)
    compound_index = [('city', 'score'), ('city', 'age')]


class Implementation(Ours):
    """rom, as its documents say."""

    person: Any = CompoundPerson
