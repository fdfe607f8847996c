"""Removal of expired entities, a block at a time, while other programs run.

A block is found in one round trip and removed in another. The commit checks that the expiry of each
row is unchanged, so that a row that was written anew meanwhile stays. It also reports which rows
existed, so that of two programs that remove the same entity only one counts it.

A row that cannot be removed must not keep the others from it: a block that fails is halved, again
and again, until the row is alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rom._core.encoding.integers import ENDLESS, check_count
from rom._core.encoding.text import show
from rom._core.entities.metaclass import is_model
from rom._core.model import Model
from rom._core.ops.rows import Row
from rom._core.sessions.deletion import DeleteOptions
from rom._core.sessions.deletion_plan import PendingDelete, RowRef
from rom._core.sessions.hooks import call_hook
from rom._core.sessions.parts import RunOn, Work
from rom._core.support.clock import elapsed
from rom.exceptions import (
    BulkError,
    CorruptRowError,
    InvalidColumnValue,
    InvalidOperation,
    RestrictError,
    UniqueKeyViolation,
)

if TYPE_CHECKING:
    from rom._core.sessions.deletion import Deleter
    from rom._core.sessions.loading import Loader

# Errors about one row, after which the others are still removed.
_OF_ONE_ROW = (CorruptRowError, InvalidColumnValue, RestrictError, UniqueKeyViolation)


class Expirer:
    """The part of a session that removes expired entities.

    Args:
        loader: makes entities of the rows whose hooks are called.
        deleter: removes the rows.
    """

    __slots__ = ('_deleter', '_loader')

    def __init__(self, loader: Loader, deleter: Deleter) -> None:
        self._loader = loader
        self._deleter = deleter

    def expire(
        self, model: type[Model], limit: int | None, blocksize: int, on_delete: bool, hooks: bool
    ) -> Work[int]:
        """Remove expired entities of a model, in blocks; return their number."""
        from rom._core.ops.expired_rows import due

        limit, blocksize = _check(model, limit, blocksize)
        options = DeleteOptions(bool(on_delete), bool(hooks), is_shared=True, is_hard=True)
        removed, position = 0, None
        errors: list[Exception] = []
        while limit is None or removed < limit:
            count = blocksize if limit is None else min(blocksize, limit - removed)
            count = min(count, ENDLESS)
            begun = elapsed()
            found = yield RunOn(model, due(model._schema, count, position))
            errors += found.broken
            chosen, hooked = self._choose(model, found.rows, begun, hooks, errors)
            removed += yield from self._remove_all(chosen, hooked, options, errors)
            position = found.position
            if position is None:
                break
        if errors:
            raise BulkError(
                f'{len(errors)} entities of {model.__name__} have expired and could not be '
                f'removed, {removed} others were; the first of them: {errors[0]}. `errors` has all',
                errors,
                removed,
            )
        return removed

    def _choose(
        self,
        model: type[Model],
        rows: list[Row],
        begun: float,
        hooks: bool,
        errors: list[Exception],
    ) -> tuple[dict[RowRef, PendingDelete], dict[RowRef, Model]]:
        """Return the rows to delete, and their entities; one whose hook raises is left out."""
        expiry = model._schema.expiry
        assert expiry is not None
        chosen: dict[RowRef, PendingDelete] = {}
        hooked: dict[RowRef, Model] = {}
        for row in rows:
            if hooks:
                entity = hooked[model, row.id] = self._loader.adopt(model, row, begun)
                try:
                    call_hook(entity, '_before_delete')
                except Exception as error:
                    errors.append(error)
                    continue
                if entity._deleted:
                    continue  # by the hook
            chosen[model, row.id] = PendingDelete(row.stored, (expiry,))
        return chosen, hooked

    def _remove_all(
        self,
        chosen: dict[RowRef, PendingDelete],
        hooked: dict[RowRef, Model],
        options: DeleteOptions,
        errors: list[Exception],
    ) -> Work[int]:
        """Remove rows, and return their number; add the errors of the others to the list."""
        waiting, removed = [chosen] if chosen else [], 0
        while waiting:
            block = waiting.pop()
            try:
                removed += len((yield from self._deleter.remove(block, hooked, options)))
            except _OF_ONE_ROW as error:
                if len(block) == 1:
                    errors.append(error)
                else:
                    items = list(block.items())
                    half = len(items) // 2
                    waiting += [dict(items[half:]), dict(items[:half])]
        return removed


def _check(model: Any, limit: Any, blocksize: Any) -> tuple[int | None, int]:
    if not is_model(model):
        raise InvalidOperation(f'expire takes a model, not {show(model)}')
    if model._schema.expiry is None:
        raise InvalidOperation(
            f'{model.__name__} never expires: declare when, with a column such as '
            'expire_at = rom.ExpireAt()'
        )
    where, every = f'expire({model.__name__})', ', or None for all'
    most = None if limit is None else check_count(f'{where}: limit', limit, otherwise=every)
    return most, check_count(f'{where}: blocksize', blocksize)
