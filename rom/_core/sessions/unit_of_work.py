"""The unit of work: all of a session but the waiting."""

from __future__ import annotations

from rom._core.sessions.expiry import Expiring


class UnitOfWork(Expiring):
    """Knows entities, and writes what changed of them, all or nothing.

    Each part stands on the one before: known, reading, relating, writing, deleting,
    transferring, updating, expiring.
    """
