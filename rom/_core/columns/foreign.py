"""ForeignModel: a reference to an object that is not an entity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from rom._core.columns.base import Column
from rom._core.columns.column_owner import Holder
from rom._core.columns.relations import Reference
from rom._core.columns.signatures import Target
from rom._core.encoding.plain_values import plain
from rom._core.encoding.scores import nearest_double

if TYPE_CHECKING:
    from rom._core.columns.signatures import Yes

N = TypeVar('N')


class ForeignModel(Column[Any, Target]):
    """A reference to any object with an ``id``, of a class with a class-level ``get(id)``.

    The row holds the id, which must be an integer. ``get`` is called when the column is first read,
    not when the entity is loaded; where it returns None, the column reads as None.

    Args:
        fmodel: the class.
        required: an entity must have a value when it is created and saved.
        default: the object of a new entity that is given none.
        stored_as: the column's former name, as for every :class:`Column`.

    Example::

        class Order(rom.Model):
            customer = rom.ForeignModel(Customer)

        Order.query.filter(customer=ann)
        Order.get_by(customer=ann.id)
    """

    kind = 'an int id or an object that has one'
    is_numeric = True
    is_wide = True
    is_foreign = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: ForeignModel[N],
            fmodel: type[N],
            required: Yes,
            default: Any = None,
            *,
            stored_as: str | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: ForeignModel[N | None],
            fmodel: type[N],
            required: bool = False,
            default: Any = None,
            *,
            stored_as: str | None = None,
        ) -> None: ...

    def __init__(
        self,
        fmodel: Any,
        required: bool = False,
        default: Any = None,
        *,
        stored_as: str | None = None,
    ) -> None:
        self.fmodel = fmodel
        super().__init__(required=required, default=default, index=True, stored_as=stored_as)

    def _check_options(self) -> None:
        super()._check_options()
        if not callable(getattr(self.fmodel, 'get', None)):
            self._wrong(f'expected a class with a class-level get(id), got {self.fmodel!r}')

    def check(self, value: Any) -> Any:
        id = plain(value)
        if type(id) is int:
            found = self.fmodel.get(id)
            return self.refuse(value, 'is not the id of any object') if found is None else found
        self.id_of(value)
        return value

    def id_of(self, value: Any) -> int:
        """Return the id of an object, or the value itself where it is an id.

        Raises:
            InvalidColumnValue: the value is not an int and has no int id.
        """
        given = plain(value)
        id = plain(given if isinstance(given, int) else getattr(value, 'id', None))
        if type(id) is not int:
            has = '' if id is None else f', its id is {id!r}'
            self.refuse(value, f'is not {self.kind}; its type is {type(value).__name__}{has}')
        return id

    def absent(self) -> Any:
        default = self.default() if callable(self.default) else self.default
        return None if default is None else self.check(default)

    @property
    def lasting_default(self) -> None:
        """None, because index entries are made from stored references only."""
        return None

    def encode(self, value: Any) -> bytes:
        return b'%d' % self.id_of(value)

    def decode(self, raw: bytes) -> Any:
        return Reference(int(raw))

    def number(self, value: Any) -> float:
        return nearest_double(self.id_of(value))

    def score(self, value: Any) -> float:
        return value if isinstance(value, float) else nearest_double(self.id_of(value))

    def _read(self, entity: Holder) -> Any:
        raw = entity._stored.get(self.name)
        if raw is None:
            value = self.make_default(entity)
        else:
            value = self.fmodel.get(self.read_stored(raw, entity._key).id)
        entity._values[self.name] = value
        return value
