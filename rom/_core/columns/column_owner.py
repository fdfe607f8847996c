"""Protocols of the entity that holds the values of a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Keyed(Protocol):
    """An object that messages name by the key of its row."""

    @property
    def _key(self) -> str: ...


class Holder(Keyed, Protocol):
    """An entity, as its columns see it."""

    _values: dict[str, Any]
    _stored: Mapping[str, bytes]
    _seen: Mapping[str, bytes]
    _related: Mapping[str, Any]
    _deleted: bool
    _session: Any

    @property
    def _session_here(self) -> Any: ...

    def _set(self, name: str, value: Any) -> None: ...

    def _look_into(self) -> None: ...

    def _need_id(self) -> int | None: ...

    def _load_relation(self, name: str) -> None: ...

    def _load_links(self, name: str) -> None: ...

    def _load_related(self, name: str) -> list[Any]: ...
