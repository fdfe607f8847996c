"""The unit of work: a session without the methods that run its steps."""

from __future__ import annotations

from rom._core.sessions.expiry import Expiring


class UnitOfWork(Expiring):
    """Tracks entities and commits their changes atomically.

    Each part inherits from the one before: known, reading, relating, writing, deleting,
    transferring, updating, expiring.
    """
