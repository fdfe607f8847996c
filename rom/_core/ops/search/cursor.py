"""Cursor: the state of a search between two calls of the script."""

from __future__ import annotations

from rom._core.ops.rows import Row


class Cursor:
    """State of a search between two calls.

    Attributes:
        position: the position from which the script continues, in its own form; empty at the
            beginning; None once it has returned all matches.
        skip: the number of matches still to be skipped.
        need: the number of matches still wanted; None: all.
        ids: the ids of matches whose rows are still to be read, in order.
        known: the rows of some of `ids`, which were read already.
        seen: the ids of all matches so far, where the script may find one twice; else None.
        given: the same, where the script may refuse to continue; else None.
        counted: the number of matches returned so far.
        offset: the number of matches to skip when the search began.
        is_plain: the search uses no compound index.
        scores: the scores of matches, where they are sorted by relevance.
    """

    __slots__ = (
        'counted', 'given', 'ids', 'is_plain', 'known', 'need', 'offset', 'position', 'scores',
        'seen', 'skip',
    )  # fmt: skip

    def __init__(
        self, skip: int, need: int | None, may_repeat: bool, may_refuse: bool = False
    ) -> None:
        self.position: bytes | None = b''
        self.given: set[bytes] | None = set() if may_refuse else None
        self.counted = 0
        self.offset = skip
        self.skip = skip
        self.need = need
        self.ids: list[bytes] = []
        self.is_plain = False
        self.known: dict[bytes, Row] = {}
        self.scores: dict[bytes, float] = {}
        self.seen: set[bytes] | None = set() if may_repeat else None

    @property
    def is_done(self) -> bool:
        """True once no more results will come."""
        return not self.ids and (self.position is None or self.need == 0)
