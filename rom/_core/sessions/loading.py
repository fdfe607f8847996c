"""Loading entities: by id or unique value, from rows that others have read, and again (refresh)."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rom._core.encoding.integers import LARGEST_ID, read_id
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops import load_rows
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.sessions.parts import RunOn, SessionRef, Work, flat
from rom._core.sessions.write_outcomes import settle_all
from rom._core.support.clock import elapsed
from rom.exceptions import CorruptRowError, EntityDeletedError, InvalidOperation

if TYPE_CHECKING:
    from rom._core.sessions.identity_map import IdentityMap

M = TypeVar('M', bound=Model)


class Loader:
    """The part of a session that makes entities of rows, and finds those that it tracks.

    Methods that take rows also take `begun`, the time at which these were requested, in seconds of
    `elapsed`: a row that was requested before its entity was saved is out of date.
    """

    __slots__ = ('_identity', '_session')

    def __init__(self, identity: IdentityMap, session: SessionRef) -> None:
        self._identity = identity
        self._session = session

    def get(self, model: Any, ids: Any = None) -> Work[Any]:
        """Return an entity by id, or a list of entities by a list of ids."""
        if isinstance(model, (str, bytes)):
            return self._identity.find(str(model))
        if isinstance(ids, (list, tuple, set, frozenset, range, Iterator)):
            asked = [
                id if type(id) is int and 0 <= id <= LARGEST_ID else _as_id(model, id) for id in ids
            ]
            return (yield from self.get_many(model, asked))
        id = _as_id(model, ids)
        known = self.find(model, id)
        if known is not None:
            return known
        begun = elapsed()
        row = yield from self.rows(model, load_rows.load_one(model._schema, id), begun)
        return None if row is None else self.adopt(model, row, begun)

    def find(self, model: type[Model], id: int) -> Model | None:
        """Return the tracked entity, unless the server must tell whether it is to be found."""
        known = self._identity.find(f'{model._namespace}:{id}')
        if known is not None and (known._seems_expired or known._is_soft_deleted):
            return None
        return known

    def get_many(self, model: type[M], ids: Sequence[int]) -> Work[list[M]]:
        """Return the entities of these ids that exist, in their order."""
        known: dict[int, Any] = dict.fromkeys(ids)
        if not self._identity.is_empty:
            known = {id: self.find(model, id) for id in known}
        missing = [id for id, entity in known.items() if entity is None]
        if missing:
            make = partial(self.adopt_each, model, begun=elapsed())
            adopted: list[M] = yield RunOn(model, load_rows.load(model._schema, missing, make=make))
            note_batch(adopted)
            if len(adopted) == len(ids):
                return adopted  # each id was given once, and none was tracked
            known |= {id: entity for entity in adopted if (id := entity.id) is not None}
        return [entity for id in ids if (entity := known[id]) is not None]

    def rows(
        self,
        model: type[M],
        operation: Operation[Any],
        begun: float,
        in_a_crowd: Operation[Any] | None = None,
        nearby: Operation[Any] | None = None,
    ) -> Work[Any]:
        """Run an operation that reads rows, and return its result; see `RunOn`.

        Raises:
            CorruptRowError: it carries the entities of the other rows.
        """
        try:
            return (yield RunOn(model, operation, in_a_crowd, nearby))
        except CorruptRowError as error:
            error.entities = self.adopt_all(model, error.entities, begun)
            raise

    def adopt(self, model: type[M], row: Row, begun: float) -> M:
        """Return the entity of a row: the tracked one, or a new object."""
        [entity] = self.adopt_each(model, (row,), begun)
        return entity

    def adopt_all(self, model: type[M], rows: Iterable[Row], begun: float) -> list[M]:
        """Return the entities of rows that were found together."""
        found = self.adopt_each(model, rows, begun)
        note_batch(found)
        return found

    def adopt_each(
        self, model: type[M], rows: Iterable[Row], begun: float, weakly: bool = False
    ) -> list[M]:
        """Return the entities of some rows of a result; at its end, `note_batch` is called.

        Args:
            model: the model of the rows.
            rows: the rows.
            begun: when they were requested.
            weakly: hold new entities weakly.
        """
        found: list[Any] = self._identity.adopt(model, rows, self._session(), begun, weakly)
        return found

    def refresh(self, *objects: Any, force: bool = False) -> Work[None]:
        """Read the rows of entities again; with *force*, give up unsaved changes."""
        once = list({id(entity): entity for entity in flat(objects)}.values())
        yield from settle_all(once, force)
        models: dict[type[Model], list[Model]] = {}
        for entity in once:
            _check_refreshable(entity, force)
            models.setdefault(type(entity), []).append(entity)
        broken: CorruptRowError | None = None
        gone: list[Model] = []
        for model, group in models.items():
            try:
                rows = yield from self._rows_again(model, group)
            except CorruptRowError as error:
                broken, rows = error, list(error.entities)
                error.entities = []
            else:
                there = {row.id for row in rows}
                gone += [entity for entity in group if entity._id not in there]
            self._begin_again(group, rows)
        if gone:
            raise _are_gone(gone) from broken
        if broken is not None:
            raise broken

    def refresh_all(self, force: bool = False) -> Work[None]:
        """Read the rows of all tracked entities again."""
        yield from self.refresh(*(e for e in self._identity if not e._new), force=force)

    def _rows_again(self, model: type[Model], group: Sequence[Model]) -> Work[list[Row]]:
        schema, ids = model._schema, [id for entity in group if (id := entity._id) is not None]
        if len(ids) == 1:
            row = yield RunOn(model, load_rows.load_one(schema, ids[0], with_deleted=True))
            return [] if row is None else [row]
        operation = load_rows.load(schema, list(dict.fromkeys(ids)), with_deleted=True)
        rows: list[Row] = yield RunOn(model, operation)
        return rows

    def _begin_again(self, group: Sequence[Model], rows: Iterable[Row]) -> None:
        """Reset entities to their rows, without the changes of the program."""
        seen_at, by_id = elapsed(), {row.id: row for row in rows}
        for entity in group:
            row = by_id.get(entity._id)  # type: ignore[arg-type]
            if row is not None:
                entity._begin(row.id, row.stored, seen_at)
                self._identity.add(entity)


def note_batch(found: Sequence[Model]) -> None:
    """Note which entities were found together, so that they load a relation together."""
    if len(found) > 1 and found[0]._schema.refers:
        batch: list[weakref.ref[Model]] = [weakref.ref(entity) for entity in found]
        for entity in found:
            entity._batch = batch


def _are_gone(gone: Sequence[Model]) -> EntityDeletedError:
    named = ', '.join(entity._key for entity in gone[:5])
    more = f' and {len(gone) - 5} more' if len(gone) > 5 else ''
    return EntityDeletedError(
        f'{named}{more}: gone, because another writer deleted it, or it has expired. The other '
        'entities were refreshed',
        gone[0]._namespace,
        gone[0]._id,
    )


def _check_refreshable(entity: Model, force: bool) -> None:
    if entity._new or (entity._modified and not force):
        raise InvalidOperation(
            f'{entity._key} {"is new" if entity._new else "has changes that are not saved"}'
            f', and cannot be refreshed; {"save it" if entity._new else "force=True"} '
            f'{"first" if entity._new else "gives them up"}'
        )


def _as_id(model: type[Model], id: Any) -> int:
    number = read_id(id)
    if number is None:
        where = getattr(model, '__name__', show(model))
        raise InvalidOperation(
            f'{where}.get: expected an id, an integer of 1 or more, got {show(id)}'
        )
    return number
