"""ManyToMany: a column of links to any number of entities of another model.

The row stores the ids of the linked entities, and the index has a set of rows for each of them. So
one side owns the links, as the other relations do, and the other side finds them in the index. A
read of the attribute gives a collection, which changes the links; a commit writes the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, overload

from rom._core.columns.arithmetic import Arithmetic
from rom._core.columns.base import Column
from rom._core.columns.column_owner import Holder
from rom._core.columns.expressions import And, Compare, Expression
from rom._core.columns.link_collections import LinkCollection
from rom._core.columns.links import (
    ANY,
    MOST_LINKS,
    Links,
    id_of,
    ids_in,
    in_order,
    read_ids,
    write_ids,
)
from rom._core.columns.relation_paths import RelationPath, path_of
from rom._core.columns.relations import model_called
from rom._core.columns.reverse_links import ManyToManyReverse
from rom._core.encoding.integers import LARGEST_ID
from rom._core.encoding.plain_values import plain
from rom._core.support.public_names import publish
from rom.exceptions import ColumnError, InvalidColumnValue, InvalidOperation, QueryError

if TYPE_CHECKING:
    pass

#: The effects that a delete of a linked entity can have.
ON_DELETE: Final = ('cascade', 'restrict')


class ManyToMany(Column[Any]):
    """Links to any number of entities of another model, which may have any number of links, too.

    One model declares the links and stores them. The other one declares the reverse, with `column`;
    or `related_name` declares it there. Either side adds and removes links. A read gives a
    collection: see :class:`rom.LinkCollection` and :class:`rom.ReverseLinkCollection`.

    A commit adds and removes links in one step beside other writers, who may change other links of
    the same row at the same time. A link that exists is not added twice. An entity has 10,000 links
    at most, and can be linked by any number of others.

    Args:
        ftable: the other model's name; it may be defined later.
        on_delete: the effect of deleting a linked entity: 'cascade' (its links are deleted) or
            'restrict' (the delete is refused as long as there are links). In a reverse, the effect
            of deleting an entity that has links.
        column: the column of the other model that stores the links; makes this the reverse.
        related_name: the name of the reverse on the other model.
        stored_as: the column's former name, as for every :class:`Column`.

    Raises:
        ColumnError: on_delete is unknown, or an option does not fit a reverse.
        InvalidColumnValue: something is linked that is neither an entity of the model nor an id; or
            a commit would link an entity that does not exist, or more than 10,000.

    Example::

        class Post(rom.Model):
            tags = rom.ManyToMany('Tag', related_name='posts')

        post.tags.add(news, 3)
        Post.query.filter(tags=news)
        news.posts.query.count()
    """

    kind = 'a list of entities or ids'
    is_links: ClassVar[bool] = True
    json_schema = {'type': 'array', 'items': {'type': 'integer', 'minimum': 1}}

    if not TYPE_CHECKING:  # for type checkers, a call gives a column

        def __new__(
            cls,
            ftable: Any = '',
            on_delete: str = 'cascade',
            *,
            column: str | None = None,
            related_name: str | None = None,
            stored_as: str | None = None,
        ) -> Any:
            """Return a column; or with `column`, the reverse of one."""
            if column is None:
                return super().__new__(cls)
            if related_name is not None or stored_as is not None:
                raise ColumnError(
                    'ManyToMany column: with column=..., this is the reverse, which stores '
                    'nothing; give related_name and stored_as to the column itself'
                )
            check_on_delete(on_delete)
            return ManyToManyReverse(ftable, column, on_delete)

    def __init__(
        self,
        ftable: Any,
        on_delete: str = 'cascade',
        *,
        column: str | None = None,
        related_name: str | None = None,
        stored_as: str | None = None,
    ) -> None:
        self.ftable = ftable if isinstance(ftable, str) else getattr(ftable, '__name__', '')
        self.on_delete = on_delete
        self.related_name = related_name
        super().__init__(index=True, stored_as=stored_as)

    def _check_options(self) -> None:
        super()._check_options()
        check_on_delete(self.on_delete)
        name = self.related_name
        if name is not None and not (isinstance(name, str) and name.isidentifier()):
            self._wrong(f'related_name={name!r}: expected the name of an attribute')

    def get_related_model(self) -> Any:
        """Return the model of the linked entities.

        Raises:
            ORMError: no model of that name is defined yet.

        Example::

            Post.tags.get_related_model()
        """
        return model_called(self.ftable, self.name)

    def reverse_for(self, model: Any) -> ManyToManyReverse:
        """Return a new reverse of the column of a model."""
        return ManyToManyReverse(model.__name__, self.name)

    # Values.

    def check(self, value: Any) -> Links:
        if isinstance(value, LinkCollection):
            value = value._links
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            self.refuse(value)
        links = in_order([self.target(item) for item in value])
        if len(links) > MOST_LINKS:
            self._too_many(len(links))
        return links

    def accept(self, entity: Holder, value: Any) -> Links | None:
        """Return the links to set; None for no links, because the row has no such field then."""
        return super().accept(entity, value) or None

    def target(self, value: Any) -> Any:
        """Return an entity or id that is given for a link: the id, or a new entity.

        Raises:
            InvalidColumnValue: it is neither, or the entity was deleted.
        """
        model = self.get_related_model()
        if isinstance(value, model) and value._namespace == model._namespace:
            if value._deleted:
                self.refuse(value, f'was deleted; {value._way_back}')
            known = id_of(value)
            return value if known is None else known
        id = plain(value)
        if type(id) is not int:
            kind = type(value).__name__
            self.refuse(value, f'is not an entity of {self.ftable} or an id; its type is {kind}')
        if not 0 < id <= LARGEST_ID:
            self.refuse(value, f'is not an id of {self.ftable}; expected an int of at least 1')
        return id

    def id_of(self, value: Any) -> int:
        """Return the id that a query asks for, from an entity or an int.

        Raises:
            InvalidColumnValue: the value is neither.
            InvalidOperation: the entity has no id yet, under an AsyncSession.
        """
        given = plain(value)
        if type(given) is int:
            return given
        target = self.target(value)
        id: int = target if type(target) is int else target._need_id()
        return id

    def _too_many(self, count: int) -> NoReturn:
        raise InvalidColumnValue(
            f'{self.name}: {count:,} links are too many: one row has {MOST_LINKS:,} at most, '
            f'because each read of the row reads them. Declare the relation on {self.ftable}, or '
            'use a model for the links'
        )

    def encode(self, value: Links) -> bytes:
        ids = ids_in(value)
        if len(ids) < len(value):
            raise InvalidOperation(
                f'{self.name} has a {self.ftable} that has no id yet; save that one first'
            )
        if len(ids) > MOST_LINKS:  # with those of another writer
            self._too_many(len(ids))
        # The ids of entities that were new when they were added may precede those before them.
        return write_ids(sorted(set(ids)))

    def decode(self, raw: bytes) -> Links:
        return read_ids(raw)

    def absent(self) -> Links:
        return ()

    @property
    def lasting_default(self) -> None:
        """None: a row without links has no index entries."""
        return None

    def default_keys(self, value: Links) -> list[str | bytes]:
        """Return the words of the index: the id of each link, and one for all rows with links."""
        ids = ids_in(value)
        return [ANY, *(b'%d' % id for id in ids)] if ids else []

    def to_json(self, value: Links) -> list[int]:
        return ids_in(value)

    # Entities.

    @overload  # type: ignore[override]  # a value of its own for each entity
    def __get__(self, entity: None, owner: type) -> RelationPath[Any]: ...
    @overload
    def __get__(self, entity: Holder, owner: type | None = None) -> LinkCollection: ...
    def __get__(self, entity: Holder | None, owner: type | None = None) -> Any:
        return path_of(self) if entity is None else LinkCollection(entity, self)

    def links_of(self, entity: Holder) -> Links:
        """Return the links of an entity, with unsaved changes.

        Raises:
            CorruptRowError: the stored value does not decode.
        """
        values, name = entity._values, self.name
        links: Links | None = values[name] if name in values else self._read(entity)
        return links or ()

    # Queries and updates.

    def contains(self, target: Any) -> Expression:
        """Match entities with a link to this one.

        Example::

            Post.query.where(Post.tags.contains(news))
        """
        return self._compare('==', target)

    def overlaps(self, *targets: Any) -> Expression:
        """Match entities with a link to any of these.

        Example::

            Post.query.where(Post.tags.overlaps(news, sport))
        """
        return self._compare('in_', targets)

    def contains_all(self, *targets: Any) -> Expression:
        """Match entities with links to all of these.

        Raises:
            QueryError: none is given.

        Example::

            Post.query.where(Post.tags.contains_all(news, sport))
        """
        if not targets:
            raise QueryError(f'{self.name}.contains_all(): expected one entity or id at least')
        return And(tuple(Compare(self.name, '==', target, self) for target in targets))

    def add(self, *targets: Any) -> Arithmetic:  # type: ignore[override]
        """Return the links of each row with these, for `Query.update` and `Model.upsert`.

        Example::

            Post.query.filter(author=ann).update(tags=Post.tags.add(news))
        """
        return Arithmetic('|', self, self._saved_ids(targets))

    def remove(self, *targets: Any) -> Arithmetic:  # type: ignore[override]
        """Return the links of each row without these, for `Query.update` and `Model.upsert`.

        Example::

            Post.query.update(tags=Post.tags.remove(news))
        """
        return Arithmetic('without', self, self._saved_ids(targets))

    def _saved_ids(self, targets: Iterable[Any]) -> Links:
        given = in_order([self.target(target) for target in targets])
        ids = tuple(ids_in(given))
        if len(ids) < len(given):
            self.refuse(given[-1], 'was never saved, so that no row can refer to it; save it first')
        return ids


def check_on_delete(on_delete: object) -> None:
    """Raise ColumnError for an unknown `on_delete`."""
    if on_delete not in ON_DELETE:
        raise ColumnError(
            f'ManyToMany column: on_delete is {on_delete!r}; expected one of '
            f'{", ".join(map(repr, ON_DELETE))}'
        )


publish('rom', ManyToMany)
