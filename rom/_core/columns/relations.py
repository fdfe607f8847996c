"""Relations: columns that refer to entities of a model.

Loading an entity does not load the entities that it refers to. The row holds an id; the first read
of the attribute loads the entity, for all entities that were loaded together, in one round trip.
Under an AsyncSession the program must load it first, because reading an attribute cannot await.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from rom._core.columns.base import Column
from rom._core.columns.column_owner import Holder
from rom._core.columns.mapped import Ref
from rom._core.columns.relation_paths import RelationPath, path_of
from rom._core.columns.signatures import Target
from rom._core.encoding.integers import LARGEST_ID
from rom._core.encoding.plain_values import plain
from rom._core.encoding.scores import nearest_double
from rom._core.model_registry import MODELS
from rom.exceptions import InvalidOperation, ORMError

if TYPE_CHECKING:
    from rom._core.columns.signatures import Yes

N = TypeVar('N')

ON_DELETE: Final = ('no action', 'restrict', 'cascade', 'set null', 'set default')


def model_called(ftable: str, column: str) -> Any:
    """Return the model of this name or namespace.

    Raises:
        ORMError: the model is not defined; the message names the column that refers to it.
    """
    found = MODELS.get(ftable)
    if found is None:
        raise ORMError(
            f'{column} refers to the model {ftable!r}, which is not defined; define it, or import '
            f'its module. Defined are: {", ".join(sorted(MODELS))}'
        )
    return found


class Reference:
    """The id of an entity that is not loaded, as a row stores it."""

    __slots__ = ('_id',)

    def __init__(self, id: int) -> None:
        self._id: int | None = id

    @property
    def id(self) -> int | None:
        """The id, for a keygen that gets the values of several columns."""
        return self._id


class GivenId(Reference):
    """An id that was assigned to a relation; a read or a save looks the entity up.

    Until then it takes the place of an entity that is saved and not deleted.
    """

    __slots__ = ()

    _id: int
    _new = _deleted = False

    @property
    def id(self) -> int:
        """The id that was assigned."""
        return self._id

    def __repr__(self) -> str:
        return f'<id {self._id}>'


class NobodysId(GivenId):
    """An assigned id under which a look-up found no entity: it reads as None, and is not saved."""

    __slots__ = ()

    _deleted = True


class _Relation(Ref[Target], Column[Any, Target]):
    """A column that holds the id of another entity."""

    is_numeric = True
    is_wide = True
    is_relation = True
    kind = 'an entity or its id'

    def __init__(
        self,
        ftable: Any,
        on_delete: str | None = None,
        required: bool = False,
        default: Any = None,
        unique: bool = False,
        *,
        stored_as: str | None = None,
    ) -> None:
        self.ftable = ftable if isinstance(ftable, str) else getattr(ftable, '__name__', '')
        self.on_delete = on_delete
        super().__init__(
            required=required, default=default, unique=unique, index=True, stored_as=stored_as
        )

    def _check_options(self) -> None:
        super()._check_options()
        if self.on_delete not in ON_DELETE:
            said = 'is missing' if self.on_delete is None else f'is {self.on_delete!r}'
            self._wrong(f'on_delete {said}; expected one of {", ".join(map(repr, ON_DELETE))}')
        if self.on_delete == 'set null' and self.required:
            self._wrong("a required column cannot have on_delete='set null': choose another, or "
                        'leave out required=True')  # fmt: skip
        if self.on_delete == 'set default' and self.required and self.default is None:
            self._wrong("a required column with on_delete='set default' needs a default")

    def get_related_model(self) -> Any:
        """Return the model that the column refers to.

        Raises:
            ORMError: no model of that name is defined yet.

        Example::

            Book.author.get_related_model()
        """
        return model_called(self.ftable, self.name)

    def check(self, value: Any) -> Any:
        model = self.get_related_model()
        if isinstance(value, model) and value._namespace == model._namespace:
            return value
        if isinstance(value, GivenId):
            return value
        id = plain(value)
        if type(id) is not int:
            kind = type(value).__name__
            self.refuse(value, f'is not an entity of {self.ftable} or an id; its type is {kind}')
        if not 0 < id <= LARGEST_ID:
            self.refuse(value, f'is not an id of {self.ftable}; expected an int of at least 1')
        return GivenId(id)

    def accept(self, entity: Holder, value: Any) -> Any:
        value = super().accept(entity, value)
        if value._deleted:
            self.refuse(value, f'was deleted; {value._way_back}')
        return value

    def make_default(self, entity: Holder) -> Any:
        """Return the default, or None where the default entity was deleted."""
        default = self.plain_default()
        return None if default is None or default._deleted else self.accept(entity, default)

    def plain_default(self) -> Any:
        """Return the declared default, or the result of its function, deleted or not."""
        default = self.default() if callable(self.default) else self.default
        return None if default is None else self.check(default)

    def absent(self) -> Any:
        """Return the default where it is a stored entity, else None."""
        default = self.plain_default()
        return None if default is None or default._deleted or default._id is None else default

    @property
    def lasting_default(self) -> None:
        """None: index entries are made from stored references only, because deletes follow them."""
        return None

    def encode(self, value: Any) -> bytes:
        id = value._id
        if value._deleted:
            raise InvalidOperation(
                f'{self.name} refers to {value._key}, which was deleted; assign another entity, or '
                'first save that one with force=True'
            )
        if id is None:
            raise InvalidOperation(
                f'{self.name} refers to a {self.ftable} that has no id yet; save that one first'
            )
        return b'%d' % id

    def decode(self, raw: bytes) -> Any:
        if not raw.isdigit():
            raise ValueError('expected an id of decimal digits')
        return Reference(int(raw))

    def number(self, value: Any) -> float:
        return nearest_double(value._id)

    def id_of(self, value: Any) -> int:
        """Return the id that a query asks for, from an entity or an int.

        Raises:
            InvalidColumnValue: the value is neither.
        """
        given = plain(value)
        if type(given) is int:
            return given
        checked = self.check(value)
        id: int | None = checked.id if isinstance(checked, GivenId) else checked._need_id()
        assert id is not None
        return id

    def score(self, value: Any) -> float:
        return value if isinstance(value, float) else nearest_double(self.id_of(value))

    @overload  # type: ignore[override]  # a path, to lead on to the other model
    def __get__(self, entity: None, owner: type) -> RelationPath[Target]: ...
    @overload
    def __get__(self, entity: object, owner: type | None = None) -> Target: ...
    def __get__(self, entity: Any, owner: type | None = None) -> Any:
        if entity is None:
            return path_of(self)
        value: Any = super().__get__(entity, owner)
        if value is None:
            return value
        if type(value) is GivenId:
            entity._load_relation(self.name)
            value = entity._values[self.name]
        return None if value._deleted else value

    def _read(self, entity: Holder) -> Any:
        raw = entity._stored.get(self.name)
        if raw is None:
            value = entity._values[self.name] = self.make_default(entity)
            return value
        self.read_stored(raw, entity._key)  # raises where the stored value is not an id
        entity._load_relation(self.name)
        return entity._values[self.name]


class ManyToOne(_Relation[Target]):
    """A reference to an entity of another model; many may refer to the same one.

    Args:
        ftable: the other model's name, which may be defined later; or the model.
        on_delete: the effect of deleting the other entity: 'no action', 'restrict' (the delete is
            refused), 'cascade' (this entity is deleted, too), 'set null', 'set default'.
        required: an entity must have a value when it is created and saved.
        default: the entity that a new entity refers to, or a function that returns it.
        stored_as: the column's former name, as for every :class:`Column`.

    Raises:
        ColumnError: on_delete is missing, unknown, or contradicts `required`.

    Example::

        author = rom.ManyToOne('Author', on_delete='cascade')
        Book.query.filter(author=ann)
        Book.get_by(author=5)
    """

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: ManyToOne[N],
            ftable: type[N],
            on_delete: str | None = None,
            *,
            required: Yes,
            default: Any = None,
            stored_as: str | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: ManyToOne[N | None],
            ftable: type[N],
            on_delete: str | None = None,
            required: bool = False,
            default: Any = None,
            *,
            stored_as: str | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: ManyToOne[Any],
            ftable: str,
            on_delete: str | None = None,
            required: bool = False,
            default: Any = None,
            *,
            stored_as: str | None = None,
        ) -> None: ...

    def __init__(
        self,
        ftable: Any,
        on_delete: str | None = None,
        required: bool = False,
        default: Any = None,
        *,
        stored_as: str | None = None,
    ) -> None:
        super().__init__(ftable, on_delete, required, default, stored_as=stored_as)


class OneToOne(_Relation[Target]):
    """A reference to an entity of another model; with ``unique=True``, at most one refers to it.

    The other arguments are those of :class:`ManyToOne`.

    Example::

        passport = rom.OneToOne('Passport', on_delete='set null', unique=True)
    """

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: OneToOne[N],
            ftable: type[N],
            on_delete: str | None = None,
            *,
            required: Yes,
            default: Any = None,
            unique: bool = False,
            stored_as: str | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: OneToOne[N | None],
            ftable: type[N],
            on_delete: str | None = None,
            required: bool = False,
            default: Any = None,
            unique: bool = False,
            *,
            stored_as: str | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: OneToOne[Any],
            ftable: str,
            on_delete: str | None = None,
            required: bool = False,
            default: Any = None,
            unique: bool = False,
            *,
            stored_as: str | None = None,
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    can_be_unique = True
