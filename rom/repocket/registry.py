"""Registry of the declared models, and the protocol of their records.

Modules below :mod:`rom.repocket.record` know a record by this protocol only.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from rom.repocket.keys import Reference

if TYPE_CHECKING:
    from typing import Self

    from rom.repocket.record_schema import RecordSchema


class LazyRecord(Protocol):
    """Record as :mod:`rom.repocket.prefetch` knows it, which loads pointers and streams for it."""

    _record_schema: ClassVar[RecordSchema]
    _is_saved: bool
    #: The targets of pointers, and the contents of streams, as far as they are known.
    _resolved: dict[str, Any]
    _contents: dict[str, bytes]

    @property
    def _id(self) -> uuid.UUID: ...

    def _pending(self, name: str) -> Reference | None:
        """Return the reference of a pointer whose target is not loaded yet, else None."""


class Record(LazyRecord, Protocol):
    """Record as pointers, managers and results know it."""

    def __init__(self, /, **values: Any) -> None: ...

    @classmethod
    def _loaded(cls, rows: Iterable[tuple[bytes, dict[str, bytes]]]) -> list[Self]:
        """Return records of rows that were read together."""

    def _comparable(self, name: str) -> Any:
        """Return the value by which results are sorted."""

    def save(self) -> dict[str, Any]:
        """Write the changed fields."""


#: ``module:Class`` to the class. A class that is declared again, as in a shell, replaces the first.
MODELS: dict[str, type[Record]] = {}
