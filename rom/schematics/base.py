"""BaseRedisMixin: what a schematics model gets from this package, whatever the layer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rom.classproperty import ClassProperty
from rom.drivers.connection import connection_of
from rom.drivers.eviction import noticed
from rom.drivers.sync import SyncDriver
from rom.encoding.text import show
from rom.exceptions import InvalidOperation
from rom.ops.requests import Operation
from rom.schematics import registry, transactions
from rom.schematics.conditions import EQUAL, Condition, conditions_of, unknown_field
from rom.schematics.exceptions import MultipleFound, NotFound
from rom.schematics.homes import Home
from rom.schematics.layers.base import PAGE, Layer, Task
from rom.schematics.primary_keys import asked_pk, own_pk
from rom.schematics.reading import load, refuse_scans, search
from rom.schematics.references import related
from rom.schematics.shapes import shape_of
from rom.schematics.states import state_of
from rom.schematics.writing import remove_all, write

if TYPE_CHECKING:
    from typing import Self

T = TypeVar('T')


class Either:
    """A method that works on an object, and on its class."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        bound: Callable[..., Any] = self._function.__get__(owner if instance is None else instance)
        return bound


class BaseRedisMixin:
    """What all layers have in common. A layer of your own is a mixin that names it.

    Attributes:
        __layer__: how objects are laid out in Redis; a :class:`rom.schematics.layers.Layer`.
        __redis_client__: the client; None: rom's connection.
        __expire__: objects go after so many seconds; None: they stay.
        __strict_performance__: what would read every object raises instead.
        __prefix__: what the keys begin with; the class's name.
        __unique_together__: the fields that make up the primary key, where there is no other.

    Example::

        class IceCream(models.Model, SimpleRedisMixin):
            pk = types.StringType()
            id = types.StringType()
            amount_kg = types.IntType()

        IceCream({'id': 'vanilla', 'amount_kg': 42}).set()
        IceCream.match(id='vanilla').amount_kg
    """

    __layer__: ClassVar[Layer]
    __redis_client__: ClassVar[Any] = None
    __expire__: Any = None
    __strict_performance__: Any = False
    __unique_together__: Any = ()
    #: The name that redis-schematics had for it.
    __unique_args__: Any = ()
    __prefix__: Any = ClassProperty(lambda cls: cls.__name__)

    if TYPE_CHECKING:
        pk: Any
        _data: Any
        _schema: Any
        validate: Any
        to_primitive: Any

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.register(cls)

    # What a model may say otherwise.

    @Either
    def __key_pattern__(self_or_class: Any, *parts: Any) -> str:
        """The key that has these parts, behind the prefix."""
        return ':'.join(map(str, (self_or_class.__prefix__, *parts)))

    @property
    def key(self) -> str:
        """The key of this object, ``Class:pk``."""
        found: str = self.__key_pattern__(self.__primary_key__)
        return found

    @property
    def __primary_key__(self) -> str:
        """The primary key; made up where there is none yet, and then another one each time."""
        return own_pk(self) or str(uuid.uuid4())

    @staticmethod
    def __serializer__(obj: Any) -> str | bytes:
        """What is stored of an object that is one string."""
        return json.dumps(obj)

    @staticmethod
    def __deserializer__(dump: bytes) -> Any:
        """What `__serializer__` was given."""
        return json.loads(dump)

    def __json__(self) -> Any:
        """For ``json.dumps``, after :func:`rom.schematics.patches.patch_json`."""
        return self.to_primitive()

    # An object.

    def set(self, only: Iterable[str] | None = None, if_unchanged: bool = False) -> None:
        """Store the object. It is validated first, and gets its primary key.

        Args:
            only: just these fields, of an object that is stored. For layers that keep each field.
            if_unchanged: only if nobody has changed what is stored since this object was read or
                set last; if it was neither, only if nothing is stored.

        Raises:
            schematics.exceptions.DataError: the object is not valid; nothing was written.
            DataRaceError: it has changed; nothing was written.
            NotFound: there is no such object of which to write just some fields.
            ValueError: no such field.
            InvalidOperation: the layer stores an object as a whole.
            UniqueKeyViolation: a value that must be unique belongs to another object.

        Example::

            vanilla.set()
            vanilla.set(only=['amount_kg'])
            vanilla.set(if_unchanged=True)
        """
        cls, layer = type(self), self.__layer__
        shape = shape_of(cls)
        parts = None if only is None else _parts(cls, layer, only)
        self._validate()
        raw = layer.encode(shape, self.to_primitive())
        if parts is not None:
            raw = {name: raw[name] for name in parts}
        state, pk = state_of(self), str(self._data.get('pk'))
        before = state.seen_as(pk)
        task = Task(
            layer, Home(self), pk, raw, parts is not None, if_unchanged, before,
            _milliseconds(self.__expire__),
        )  # fmt: skip

        def seen() -> None:
            state.stored(pk, raw if parts is None else {**(state.seen_as(pk) or {}), **raw})

        transactions.carry_out(self._client(), task, seen)

    def refresh(self) -> None:
        """Take what is stored.

        Raises:
            NotFound: it is not stored any more.

        Example::

            vanilla.refresh()
        """
        home, pk = Home(self), own_pk(self)
        [found] = self._run(load(self.__layer__, home, [pk])) if pk else [None]
        if found is None:
            raise NotFound(f'{type(self).__name__} {show(pk)} is not stored')
        self._data = found._data
        state, fresh = state_of(self), state_of(found)
        state.stored(fresh.pk, fresh.seen)
        state.batch = None
        state.references.clear()

    def delete(self) -> None:
        """Remove the object from Redis; nothing happens if it is not there.

        Example::

            vanilla.delete()
        """
        pk = own_pk(self)
        if pk is None:
            return
        state = state_of(self)

        def gone() -> None:
            state.stored(None, None)

        transactions.carry_out(self._client(), Task(self.__layer__, Home(self), pk), gone)

    related = Either(related)

    # All objects.

    @classmethod
    def match(cls, /, **clauses: Any) -> Self:
        """The one object for which this holds. The primary key is used where the arguments say it.

        Raises:
            NotFound, MultipleFound: there is none, there are several.
            ValueError: no such field, or a value that is none of it.
            StrictPerformanceException: all objects would have to be read.

        Example::

            IceCream.match(id='vanilla')
            IceCream.match(best_before__gte=datetime.now())
        """
        conditions = conditions_of(shape_of(cls), clauses)
        home = cls._home(conditions)
        given = {c.field.name: c.value for c in conditions if c.sign == EQUAL}
        pk = asked_pk(cls, given)
        if pk is None:
            return cls._only(cls._search(home, conditions), clauses)
        [found] = cls._run(load(cls.__layer__, home, [pk]))
        if found is not None:
            values = found._data
            if not all(c.holds(values.get(c.field.name)) for c in conditions):
                found = None
        return cls._only([] if found is None else [found], clauses)

    @classmethod
    def match_for_pk(cls, pk: Any) -> Self:
        """The object with a primary key.

        Raises:
            NotFound: there is none.

        Example::

            IceCream.match_for_pk('vanilla')
        """
        home = cls._home()
        [found] = cls._run(load(cls.__layer__, home, [str(pk)]))
        return cls._only([] if found is None else [found], {'pk': pk})

    @classmethod
    def match_for_values(cls, /, **clauses: Any) -> Self:
        """The one object for which this holds.

        Raises:
            NotFound, MultipleFound, ValueError, StrictPerformanceException: as for :meth:`match`.

        Example::

            IceCream.match_for_values(amount_kg__gte=30)
        """
        return cls._only(cls.filter(**clauses), clauses)

    @classmethod
    def all(cls) -> list[Self]:
        """All objects, in no particular order.

        Raises:
            StrictPerformanceException: the model forbids it.
            CorruptRowError: one cannot be read; its ``entities`` are the others.

        Example::

            IceCream.all()
        """
        home = cls._home()
        refuse_scans(cls)
        return cls._search(home, ())

    @classmethod
    def filter(cls, /, **clauses: Any) -> list[Self]:
        """The objects for which all of this holds.

        A field's name stands for equality; behind it may be one of ``__gt __gte __lt __lte __eq
        __not __in __exclude __startswith __endswith``.

        Raises:
            ValueError: no such field, or a value that is none of it.
            StrictPerformanceException: all objects would have to be read.
            CorruptRowError: one cannot be read; its ``entities`` are the others that match.

        Example::

            IceCream.filter(amount_kg__gte=30, flavour__in=['Vanilla', 'Chocolate'])
        """
        conditions = conditions_of(shape_of(cls), clauses)
        home = cls._home(conditions)
        return cls._search(home, conditions)

    @classmethod
    def delete_all(cls) -> int:
        """Remove all objects; returns how many there were. A strict model allows it.

        Raises:
            CorruptRowError: one cannot be read, and may belong to somebody else; the others are
                gone.

        Example::

            IceCream.delete_all()
        """
        transactions.refuse('delete_all()')
        home = cls._home()
        return cls._run(remove_all(cls.__layer__, home))

    @classmethod
    def delete_filter(cls, /, **clauses: Any) -> int:
        """Remove the objects for which all of this holds; returns how many there were.

        Raises:
            ValueError, StrictPerformanceException, CorruptRowError: as for :meth:`filter`.

        Example::

            IceCream.delete_filter(best_before__lt=datetime.now())
        """
        transactions.refuse('delete_filter()')
        found = cls.filter(**clauses)
        tasks = [Task(cls.__layer__, Home(one), str(one.pk)) for one in found]
        for start in range(0, len(tasks), PAGE):
            cls._run(write(tasks[start : start + PAGE]))
        return len(found)

    # Within.

    @classmethod
    def _client(cls) -> Any:
        return cls.__redis_client__ if cls.__redis_client__ is not None else connection_of(cls)

    @classmethod
    def _run(cls, operation: Operation[T]) -> T:
        client = cls._client()
        return SyncDriver(client).run(noticed(client, operation))

    @classmethod
    def _home(cls, conditions: Iterable[Condition] = ()) -> Home:
        """Where the objects are that have the values asked for."""
        template = cls()
        for condition in conditions:
            if condition.sign == EQUAL and condition.value is not None:
                template._data.converted[condition.field.name] = condition.value
        return Home(template)

    @classmethod
    def _search(cls, home: Home, conditions: Iterable[Condition]) -> list[Self]:
        return cls._run(search(cls.__layer__, home, tuple(conditions)))

    @classmethod
    def _load(cls, pks: list[str]) -> list[Self | None]:
        home = cls._home()
        return cls._run(load(cls.__layer__, home, pks))

    @classmethod
    def _only(cls, found: list[Self], clauses: Mapping[str, Any]) -> Self:
        if len(found) == 1:
            return found[0]
        asked = ', '.join(f'{name}={show(value)}' for name, value in clauses.items())
        if found:
            raise MultipleFound(
                f'{len(found)} {cls.__name__} match {asked}; ask for more, or filter()'
            )
        raise NotFound(f'no {cls.__name__} matches {asked}')

    def _validate(self) -> None:
        """Fill in the primary key, and validate; leave an object that is not valid as it was."""
        shape_of(type(self)).pk  # noqa: B018 - that there is one
        data = self._data
        before, valid = dict(data.converted), dict(data.valid)
        if data.get('pk') in (None, ''):
            data.converted['pk'] = self.__primary_key__
        try:
            self.validate()
        except BaseException:
            data.converted, data.valid = before, valid
            raise


def _parts(cls: Any, layer: Layer, only: Iterable[str]) -> list[str]:
    """The parts that have these fields."""
    if not layer.has_parts:
        raise InvalidOperation(
            f'{cls.__name__} is stored as a whole, so set(only=...) cannot be; use set(), or a '
            'layer that keeps each field by itself, such as FieldRedisMixin'
        )
    shape = shape_of(cls)
    names = [only] if isinstance(only, str) else list(only)
    for name in names:
        if name not in shape.fields:
            raise ValueError(unknown_field(shape, name, ' to set'))
    return [layer.part_of(shape, name) for name in names if name != 'pk']


def _milliseconds(seconds: Any) -> int | None:
    if seconds is None:
        return None
    found = int(seconds * 1000)
    if found <= 0:
        raise ValueError(f'__expire__ must be more than 0 seconds, or None, not {show(seconds)}')
    return found
