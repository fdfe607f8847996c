"""Sessions as modules below them use them: protocols, because those cannot import a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Protocol


class SessionLike(Protocol):
    """A session, blocking or to be awaited."""

    is_async: bool
    _connection: Any  # the client for all models; None: that of each model
    _identity: Any
    _entered: list[Any]
    _before: Any  # a weak reference to the own session that its context had before it
    # Positions in one sequence over all sessions: when it was made, and when it was entered.
    _made_at: int
    _entered_at: int

    def add(self, entity: Any) -> None:
        """Track an entity in this session, and in no other one."""

    def forget(self, entity: Any) -> None:
        """Stop tracking an entity."""

    def rollback(self) -> None:
        """Forget all entities."""

    def _end(self) -> None: ...


class BlockingSession(SessionLike, Protocol):
    """A blocking session: the methods that are the long form of those of models and queries."""

    def get(self, model: Any, ids: Any) -> Any: ...
    def get_by(self, model: Any, /, **value: Any) -> Any: ...
    def all(self, query: Any) -> list[Any]: ...
    def first(self, query: Any) -> Any: ...
    def count(self, query: Any) -> int: ...
    def exists(self, query: Any) -> bool: ...
    def one(self, query: Any) -> Any: ...
    def ids(self, query: Any) -> list[int]: ...
    def sum(self, query: Any, column: str) -> Any: ...
    def avg(self, query: Any, column: str) -> Any: ...
    def min(self, query: Any, column: str) -> Any: ...
    def max(self, query: Any, column: str) -> Any: ...
    def facets(self, query: Any, column: str) -> Counter[Any]: ...
    def page(
        self, query: Any, size: int, after: str | None = None, before: str | None = None
    ) -> Any: ...
    def explain(self, query: Any, run: bool = False, of: Any = 'all') -> Any: ...
    def stream(self, query: Any, pagesize: int = 500) -> Iterator[Any]: ...
    def cached_result(self, query: Any, timeout: int) -> str: ...
    def delete_all(self, query: Any, blocksize: int = 100) -> int: ...
    def update_all(self, query: Any, /, _blocksize: int | None = None, **values: Any) -> int: ...
    def get_or_create(
        self, model: Any, defaults: Mapping[str, Any] | None = None, /, **unique: Any
    ) -> tuple[Any, bool]: ...
    def upsert(
        self,
        model: Any,
        values: Mapping[str, Any] | None = None,
        create: Mapping[str, Any] | None = None,
        /,
        **unique: Any,
    ) -> tuple[Any, bool]: ...
    def save(self, *objects: Any, full: bool = False, force: bool = False) -> int: ...
    def delete(self, *objects: Any) -> None: ...
    def refresh(self, *objects: Any, force: bool = False) -> None: ...
    def transfer(
        self,
        source: Any,
        other: Any,
        attr: str,
        value: Any,
        txn_model: Any,
        txn_attr: str,
        decimal_places: int = 0,
        refresh_entities: bool = True,
        refresh_index: bool = True,
    ) -> None: ...
    def expire(
        self,
        model: Any,
        limit: int | None = None,
        blocksize: int = 1000,
        on_delete: bool = False,
        hooks: bool = False,
    ) -> int: ...
