"""The unit of work: all of a session but the waiting."""

from __future__ import annotations

from rom.sessions.reading import Reading
from rom.sessions.writing import Writing


class UnitOfWork(Reading, Writing):
    """Knows entities, and writes what changed of them, all or nothing."""
