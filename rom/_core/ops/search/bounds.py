"""Bounds: limits of the work of one call of a script."""

from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """Limits of the work of one call of a script.

    Attributes:
        page: the most rows that it reads.
        small: the most ids that it gathers at once; half as many, if it sorts them.
        budget: the candidates that it examines before it returns a position to continue from. It
            returns earlier if each candidate costs much: see lua/lib/filters.
        chunk: the candidates of its first step, more in each further step; None: chosen by the
            number of results that are wanted.
        bytes: the most bytes of rows that it reads; None: a megabyte.
    """

    page: int = 1000
    small: int = 6000
    budget: int = 20_000
    chunk: int | None = None
    bytes: int | None = None

    def as_map(self) -> dict[str, Any]:
        """Return the items of a request; a limit that is left out costs neither side time."""
        return {name: limit for name, limit in self._asdict().items() if limit is not None}


BOUNDS = Bounds()
#: A page size without a limit: each row comes with the call that finds it.
ALL_ROWS = 1_000_000_000
