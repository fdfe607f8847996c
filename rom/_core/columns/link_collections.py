"""LinkCollection: the links of one entity as the program reads and changes them.

The collection holds nothing itself: it reads and sets the value of the column. So each change makes
the entity pending, and a commit writes it with everything else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from rom._core.columns.links import Links, id_of, ids_in
from rom._core.support.public_names import publish


class LinkCollection(Collection[Any]):
    """The entities that one entity is linked to, in the order of their ids.

    Ids can be given instead of entities everywhere. The methods change the entity, not the server:
    the next commit writes the changes, beside those of other writers. None of them makes a round
    trip. The first read of the entities loads them, for all entities that were loaded together;
    under an AsyncSession, load them before: ``await s.load(posts, 'tags')``.

    Example::

        post.tags.add(news, 3)
        post.tags.remove(sport)
        post.save()
        [tag.name for tag in post.tags]
    """

    __slots__ = ('_column', '_entity')

    def __init__(self, entity: Any, column: Any) -> None:
        self._entity = entity
        self._column = column

    @property
    def _links(self) -> Links:
        links: Links = self._column.links_of(self._entity)
        return links

    @property
    def ids(self) -> list[int]:
        """The ids of the linked entities, without new ones that have none yet. No round trip.

        Example::

            post.tags.ids       # [1, 3]
        """
        return ids_in(self._links)

    @property
    def query(self) -> Any:
        """A query of the linked entities, for filters and pages.

        Example::

            post.tags.query.filter(kind='topic').order_by('name').all()
        """
        model = self._column.get_related_model()
        return model.query.filter(**{model._pkey: self.ids})

    def add(self, *targets: Any) -> None:
        """Add links to these entities; those that exist stay.

        Raises:
            InvalidColumnValue: an argument is neither an entity of the model nor an id, or was
                deleted. Nothing was added.

        Example::

            post.tags.add(news, 3)
        """
        links = self._links
        self._put([*links, *targets])

    def remove(self, *targets: Any) -> None:
        """Remove the links to these entities; those that do not exist make no difference.

        Raises:
            InvalidColumnValue: an argument is neither an entity of the model nor an id.

        Example::

            post.tags.remove(news, 3)
        """
        gone = [self._key_of(target) for target in targets]
        self._put([link for link in self._links if self._key_of(link) not in gone])

    def set(self, targets: Iterable[Any]) -> None:
        """Replace the links by those to these entities, as an assignment does.

        Links that another writer adds meanwhile stay.

        Raises:
            InvalidColumnValue: `targets` is not a list of entities or ids.

        Example::

            post.tags.set([news, 3])
        """
        if isinstance(targets, (str, bytes)) or not isinstance(targets, Iterable):
            self._column.accept(self._entity, targets)  # raises
        self._put(list(targets))

    def clear(self) -> None:
        """Remove all links.

        Example::

            post.tags.clear()
        """
        self._put([])

    def _put(self, given: list[Any]) -> None:
        entity, name = self._entity, self._column.name
        links = self._column.accept(entity, given)
        # Keep the entities that the program gave, so that a read need not load them.
        known = {id: one for one in given if type(one) is not int and (id := id_of_any(one))}
        if known:
            entity._related = {
                **entity._related,
                name: {**entity._related.get(name, {}), **known},
            }
        if (links or ()) != self._links:
            entity._set(name, links)

    def _key_of(self, target: Any) -> Any:
        """Return the id of a target, or the new entity itself."""
        if getattr(target, '_deleted', False):
            return id_of(target)
        return self._column.target(target)

    def __len__(self) -> int:
        return len(self._links)

    def __contains__(self, target: object) -> bool:
        return self._key_of(target) in self._links

    def __iter__(self) -> Iterator[Any]:
        return iter(self._found())

    def __getitem__(self, place: Any) -> Any:
        return self._found()[place]

    def _found(self) -> list[Any]:
        """Return the linked entities that exist."""
        links, entity, name = self._links, self._entity, self._column.name
        if any(type(link) is int and link not in entity._related.get(name, ()) for link in links):
            entity._load_links(name)
        known = entity._related.get(name, {})
        found = [known[link] if type(link) is int else link for link in links]
        return [one for one in found if one is not None and not one._deleted]

    def __repr__(self) -> str:
        entity, column = self._entity, self._column
        return f'<{entity._key}.{column.name}: {list(self._links)!r}>'


def id_of_any(given: Any) -> int | None:
    """Return the id of an entity; None for anything else."""
    id = getattr(given, '_id', None)
    return id if type(id) is int else None


publish('rom', LinkCollection)
