"""ManyToManyReverse: the entities whose links lead to an entity, found in the index.

Nothing is stored on this side. A change made here changes the links of the other entities, which
must be at hand for that: a blocking session loads those that are given as ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from rom._core.columns.column_owner import Holder
from rom._core.columns.link_collections import LinkCollection
from rom._core.columns.one_to_many import OneToMany
from rom._core.columns.relation_paths import path_of
from rom._core.encoding.plain_values import plain
from rom._core.support.public_names import publish
from rom.exceptions import InvalidColumnValue, InvalidOperation


class ManyToManyReverse(OneToMany):
    """The reverse of a ManyToMany column: ``rom.ManyToMany('Post', column='tags')``.

    Args:
        ftable: the model with the column; it may be defined later.
        column: the name of the column.
        on_delete: the effect of deleting an entity that has links in that column.
    """

    def __init__(self, ftable: Any, column: str, on_delete: str = 'cascade') -> None:
        super().__init__(ftable, column)
        self.on_delete = on_delete

    def candidates(self, model: Any, other: Any) -> list[str]:
        names = (model.__name__, model._namespace)
        found = [name for name in other._schema.links if other._columns[name].ftable in names]
        return [name for name in found if name == self.column]

    def linking_column(self, model: Any) -> Any:
        """Return the column that stores the links.

        Raises:
            ORMError: the other model is not defined.
            ColumnError: it has no such column.
        """
        other = self.get_related_model()
        return other._columns[self.referring_column(model, other)]

    def targets_in(self, row: Any, name: str) -> list[int]:
        raw = row.stored.get(name)
        return [int(id) for id in raw.split(b',') if id.isdigit()] if raw else []

    def __get__(self, entity: Any, owner: Any = None) -> Any:
        return path_of(self) if entity is None else ReverseLinkCollection(entity, self)

    def _refuse(self, entity: Holder) -> None:
        raise InvalidOperation(
            f'{type(entity).__name__}.{self.name} cannot be assigned, because {self.ftable} stores '
            f'the links; call {self.name}.add(...), .remove(...) or .set([...])'
        )


class ReverseLinkCollection(Collection[Any]):
    """The entities whose links lead to this one, in the order of their ids.

    A read shows what is saved; each reads from the server again, unless ``load`` has read the list.
    There may be very many, so `query` gives pages of them. Ids can be given instead of entities:
    a blocking session loads those entities, an AsyncSession must know them.

    Example::

        news.posts.query.order_by('-created_at').limit(0, 20).all()
        news.posts.add(post, 3)
        rom.session.commit()
    """

    __slots__ = ('_entity', '_reverse')

    def __init__(self, entity: Any, reverse: Any) -> None:
        self._entity = entity
        self._reverse = reverse

    def _linking(self) -> Any:
        return self._reverse.linking_column(type(self._entity))

    @property
    def query(self) -> Any:
        """A query of the linked entities, for filters, counts and pages.

        Example::

            news.posts.query.count()
        """
        other = self._reverse.get_related_model()
        return other.query.filter(**{self._linking().name: self._entity})

    @property
    def ids(self) -> list[int]:
        """The ids of the linked entities; a round trip, unless the list is loaded.

        Example::

            news.posts.ids
        """
        loaded = self._loaded
        if loaded is not None:
            return [one._id for one in loaded]
        if self._entity._id is None:
            return []
        self._entity._no_hidden_io(self._reverse.name)
        found: list[int] = self._entity._session_here.ids(self.query)
        return found

    def add(self, *targets: Any) -> None:
        """Add a link of each of these entities to this one.

        Raises:
            InvalidColumnValue: an argument is neither an entity of the model nor the id of one.
            InvalidOperation: under an AsyncSession, an id whose entity the session does not know.

        Example::

            news.posts.add(post, 3)
        """
        found = self._entities(targets)
        for one in found:
            self._links_of(one).add(self._entity)
        loaded = self._loaded
        if loaded is not None:
            more = [one for one in found if one not in loaded]
            self._keep([*loaded, *more])

    def remove(self, *targets: Any) -> None:
        """Remove the link of each of these entities to this one.

        Raises:
            InvalidColumnValue, InvalidOperation: as for `add`.

        Example::

            news.posts.remove(post, 3)
        """
        found = self._entities(targets)
        for one in found:
            self._links_of(one).remove(self._entity)
        loaded = self._loaded
        if loaded is not None:
            self._keep([one for one in loaded if one not in found])

    def set(self, targets: Iterable[Any]) -> None:
        """Make these the linked entities. This loads all that are linked now.

        Raises:
            InvalidColumnValue, InvalidOperation: as for `add`.

        Example::

            news.posts.set([post, 3])
        """
        wanted, now = self._entities(list(targets)), self._read()
        self.remove(*(one for one in now if one not in wanted))
        self.add(*wanted)

    def clear(self) -> None:
        """Remove the links of all entities to this one. This loads all of them.

        For many, update them in blocks, which loads none:
        ``news.posts.query.update(tags=Post.tags.remove(news), _blocksize=1000)``.

        Example::

            news.posts.clear()
        """
        self.remove(*self._read())

    @property
    def _loaded(self) -> list[Any] | None:
        loaded: list[Any] | None = self._entity._related.get(self._reverse.name)
        return loaded

    def _keep(self, entities: list[Any]) -> None:
        entity = self._entity
        entity._related = {**entity._related, self._reverse.name: entities}

    def _links_of(self, other: Any) -> LinkCollection:
        return LinkCollection(other, self._linking())

    def _read(self) -> list[Any]:
        loaded = self._loaded
        found = self._entity._load_related(self._reverse.name) if loaded is None else loaded
        return [one for one in found if not one._deleted]

    def _entities(self, targets: Iterable[Any]) -> list[Any]:
        """Return the entities that are given, those of ids included.

        Raises:
            InvalidColumnValue, InvalidOperation: as for `add`.
        """
        other = self._reverse.get_related_model()
        given = [one if isinstance(one, other) else self._id_in(one) for one in targets]
        ids = list(dict.fromkeys(one for one in given if type(one) is int))
        if not ids:
            return given
        session = self._entity._session_here
        if session.is_async:
            found = [session._identity.find(f'{other._namespace}:{id}') for id in ids]
        else:
            found = session.get(other, ids)
        by_id = {one._id: one for one in found if one is not None}
        for id in ids:
            if id not in by_id:
                self._unknown(id, session.is_async)
        return [by_id[one] if type(one) is int else one for one in given]

    def _id_in(self, given: Any) -> int:
        id = plain(given)
        if type(id) is not int:
            raise InvalidColumnValue(
                f'{self._where}: expected an entity of {self._reverse.ftable} or an id, got '
                f'{given!r:.80}'
            )
        return id

    def _unknown(self, id: int, is_async: bool) -> None:
        model = self._reverse.ftable
        if is_async:
            raise InvalidOperation(
                f'{self._where}: the session does not know {model} {id}, and a method of an '
                f'attribute cannot wait for it: await s.get({model}, {id}) first'
            )
        raise InvalidColumnValue(f'{self._where}: {id}: no {model} has this id')

    @property
    def _where(self) -> str:
        return f'{type(self._entity).__name__}.{self._reverse.name}'

    def __len__(self) -> int:
        if self._loaded is not None:
            return len(self._read())
        if self._entity._id is None:
            return 0
        self._entity._no_hidden_io(self._reverse.name)
        count: int = self._entity._session_here.count(self.query)
        return count

    def __contains__(self, target: object) -> bool:
        if isinstance(target, self._reverse.get_related_model()):
            return self._entity in self._links_of(target)
        return self._id_in(target) in self.ids

    def __iter__(self) -> Iterator[Any]:
        return iter(self._read())

    def __getitem__(self, place: Any) -> Any:
        return self._read()[place]

    def __repr__(self) -> str:
        return f'<{self._entity._key}.{self._reverse.name}: links from {self._reverse.ftable}>'


publish('rom', ManyToManyReverse, ReverseLinkCollection)
