"""BaseRedisMixin: the methods of a stored schematics model, for every layer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rom._core.drivers.connections import connection_of
from rom._core.drivers.eviction_warning import noticed
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.text import show
from rom._core.ops.requests import Operation
from rom._core.sharding.limits import objection_to_settings
from rom._core.support.descriptors import ClassProperty, HybridMethod
from rom.schematics import references, transactions
from rom.schematics.conditions import EQUAL, Condition, conditions_of
from rom.schematics.exceptions import (
    ClauseError,
    MultipleFound,
    NotFound,
    RedisMixinException,
)
from rom.schematics.fields import fields_of
from rom.schematics.keys import ModelKeys, pk_of_clauses, pk_of_object
from rom.schematics.layers.base import PAGE, Layer, Task, milliseconds_of, parts_with
from rom.schematics.loading import load, refuse_scans, search
from rom.schematics.references import related
from rom.schematics.state import state_of
from rom.schematics.transactions import remove_all, write

if TYPE_CHECKING:
    from typing import Self

T = TypeVar('T')


class BaseRedisMixin:
    """Base of the mixins of all layers. To use a layer of your own, set `__layer__` in a subclass.

    Attributes:
        __layer__: the layout of objects in Redis, a :class:`rom.schematics.layers.Layer`.
        __redis_client__: the client; None for the default client of rom.
        __expire__: the number of seconds after which objects expire; None: never.
        __strict_performance__: raise, instead of reading all objects.
        __prefix__: the prefix of the keys; default: the name of the class.
        __unique_together__: the fields that form the primary key if `pk` and `id` have no value.

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
    #: The name of `__unique_together__` in redis-schematics.
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
        if problem := objection_to_settings(cls.__name__, vars(cls)):
            raise RedisMixinException(problem)
        references.register(cls)

    # Methods that a model may override.

    @HybridMethod
    def __key_pattern__(self_or_class: Any, *parts: Any) -> str:
        """Return the key of the prefix and these parts, joined by colons."""
        return ':'.join(map(str, (self_or_class.__prefix__, *parts)))

    @property
    def key(self) -> str:
        """The key of this object, ``Class:pk``."""
        found: str = self.__key_pattern__(self.__primary_key__)
        return found

    @property
    def __primary_key__(self) -> str:
        """The primary key. If the fields give none, a new UUID at each access."""
        return pk_of_object(self) or str(uuid.uuid4())

    @staticmethod
    def __serializer__(obj: Any) -> str | bytes:
        """Encode an object that is stored as one string."""
        return json.dumps(obj)

    @staticmethod
    def __deserializer__(dump: bytes) -> Any:
        """Decode what `__serializer__` returned."""
        return json.loads(dump)

    def __json__(self) -> Any:
        """Return the primitive; ``json.dumps`` calls this after `patches.patch_json()`."""
        return self.to_primitive()

    # Methods of one object.

    def set(self, only: Iterable[str] | None = None, if_unchanged: bool = False) -> None:
        """Validate and store the object; fill in its primary key if it has none.

        Args:
            only: write these fields only, of an object that is stored already. Needs a layer that
                stores each field by itself.
            if_unchanged: write only if the stored object is as this one was last read or set. If
                this one was neither, write only if the key is free.

        Raises:
            schematics.exceptions.DataError: the object is not valid; nothing was written.
            DataRaceError: another writer changed the stored object; nothing was written.
            NotFound: with `only`, the object is not stored.
            ValueError: the model has no such field.
            InvalidOperation: with `only`, the layer stores an object as a whole.
            UniqueKeyViolation: a value that must be unique belongs to another object.

        Example::

            vanilla.set()
            vanilla.set(only=['amount_kg'])
            vanilla.set(if_unchanged=True)
        """
        cls, layer = type(self), self.__layer__
        fields = fields_of(cls)
        parts = None if only is None else parts_with(layer, fields, only)
        self._validate()
        raw = layer.encode(fields, self.to_primitive())
        if parts is not None:
            raw = {name: raw[name] for name in parts}
        state, pk = state_of(self), str(self._data.get('pk'))
        before = state.seen_as(pk)
        task = Task(
            layer, ModelKeys(self), pk, raw, parts is not None, if_unchanged, before,
            milliseconds_of(cls, self.__expire__),
        )  # fmt: skip

        def seen() -> None:
            state.stored(pk, raw if parts is None else {**(state.seen_as(pk) or {}), **raw})

        transactions.run_task(self._client(), task, seen)

    def refresh(self) -> None:
        """Load the stored values into this object.

        Raises:
            NotFound: the object is no longer stored.

        Example::

            vanilla.refresh()
        """
        keys, pk = ModelKeys(self), pk_of_object(self)
        [found] = self._run(load(self.__layer__, keys, [pk])) if pk else [None]
        if found is None:
            raise NotFound(f'{type(self).__name__} {show(pk)} is not stored')
        self._data = found._data
        state, fresh = state_of(self), state_of(found)
        state.stored(fresh.pk, fresh.seen)
        state.group = None
        state.references.clear()

    def delete(self) -> None:
        """Remove the object from Redis, if it is stored.

        Example::

            vanilla.delete()
        """
        pk = pk_of_object(self)
        if pk is None:
            return
        state = state_of(self)

        def forget() -> None:
            state.stored(None, None)

        transactions.run_task(self._client(), Task(self.__layer__, ModelKeys(self), pk), forget)

    related = HybridMethod(related)

    # Methods of the model.

    @classmethod
    def match(cls, /, **clauses: Any) -> Self:
        """Return the one object that meets all conditions, by primary key if the arguments give it.

        Raises:
            NotFound, MultipleFound: no object matches, or several do.
            ValueError: the model has no such field, or the field does not accept the value.
            StrictPerformanceException: all objects would have to be read.

        Example::

            IceCream.match(id='vanilla')
            IceCream.match(best_before__gte=datetime.now())
        """
        conditions = conditions_of(fields_of(cls), clauses)
        keys = cls._keys(conditions)
        given = {c.field.name: c.value for c in conditions if c.sign == EQUAL}
        pk = pk_of_clauses(cls, given)
        if pk is None:
            return cls._only(cls._search(keys, conditions), clauses)
        [found] = cls._run(load(cls.__layer__, keys, [pk]))
        if found is not None:
            values = found._data
            if not all(c.holds(values.get(c.field.name)) for c in conditions):
                found = None
        return cls._only([] if found is None else [found], clauses)

    @classmethod
    def match_for_pk(cls, pk: Any) -> Self:
        """Return the object with a primary key.

        Raises:
            NotFound: no object has this primary key.

        Example::

            IceCream.match_for_pk('vanilla')
        """
        keys = cls._keys()
        [found] = cls._run(load(cls.__layer__, keys, [_pk_in(cls, pk)]))
        return cls._only([] if found is None else [found], {'pk': pk})

    @classmethod
    def match_for_values(cls, /, **clauses: Any) -> Self:
        """Return the one object that meets all conditions.

        Raises:
            NotFound, MultipleFound, ValueError, StrictPerformanceException: as for :meth:`match`.

        Example::

            IceCream.match_for_values(amount_kg__gte=30)
        """
        return cls._only(cls.filter(**clauses), clauses)

    @classmethod
    def all(cls) -> list[Self]:
        """Return all objects, in no particular order.

        Raises:
            StrictPerformanceException: the model forbids it.
            CorruptRowError: an object cannot be read. The ``entities`` of the error are the others.

        Example::

            IceCream.all()
        """
        keys = cls._keys()
        refuse_scans(cls)
        return cls._search(keys, ())

    @classmethod
    def filter(cls, /, **clauses: Any) -> list[Self]:
        """Return the objects that meet all conditions.

        A field name alone tests for equality. It may be followed by one of ``__gt __gte __lt __lte
        __eq __not __in __exclude __startswith __endswith``.

        Raises:
            ValueError: the model has no such field, or the field does not accept the value.
            StrictPerformanceException: all objects would have to be read.
            CorruptRowError: an object cannot be read. The ``entities`` of the error are the other
                matches.

        Example::

            IceCream.filter(amount_kg__gte=30, flavour__in=['Vanilla', 'Chocolate'])
        """
        conditions = conditions_of(fields_of(cls), clauses)
        keys = cls._keys(conditions)
        return cls._search(keys, conditions)

    @classmethod
    def delete_all(cls) -> int:
        """Remove all objects, and return their number. Strict models allow this, too.

        Raises:
            CorruptRowError: an object cannot be read, and may belong to another program. All others
                are removed.

        Example::

            IceCream.delete_all()
        """
        transactions.refuse_inside('delete_all()')
        keys = cls._keys()
        return cls._run(remove_all(cls.__layer__, keys))

    @classmethod
    def delete_filter(cls, /, **clauses: Any) -> int:
        """Remove the objects that meet all conditions, and return their number.

        Raises:
            ValueError, StrictPerformanceException, CorruptRowError: as for :meth:`filter`.

        Example::

            IceCream.delete_filter(best_before__lt=datetime.now())
        """
        transactions.refuse_inside('delete_filter()')
        found = cls.filter(**clauses)
        tasks = [Task(cls.__layer__, ModelKeys(one), str(one.pk)) for one in found]
        for start in range(0, len(tasks), PAGE):
            cls._run(write(tasks[start : start + PAGE]))
        return len(found)

    # Private methods.

    @classmethod
    def _client(cls) -> Any:
        return cls.__redis_client__ if cls.__redis_client__ is not None else connection_of(cls)

    @classmethod
    def _run(cls, operation: Operation[T]) -> T:
        client = cls._client()
        return SyncDriver(client).run(noticed(client, operation))

    @classmethod
    def _keys(cls, conditions: Iterable[Condition] = ()) -> ModelKeys:
        """Return the keys of the objects that have the values of these conditions."""
        template = cls()
        for condition in conditions:
            if condition.sign == EQUAL and condition.value is not None:
                template._data.converted[condition.field.name] = condition.value
        return ModelKeys(template)

    @classmethod
    def _search(cls, keys: ModelKeys, conditions: Iterable[Condition]) -> list[Self]:
        return cls._run(search(cls.__layer__, keys, tuple(conditions)))

    @classmethod
    def _load(cls, pks: list[str]) -> list[Self | None]:
        keys = cls._keys()
        return cls._run(load(cls.__layer__, keys, pks))

    @classmethod
    def _only(cls, found: list[Self], clauses: Mapping[str, Any]) -> Self:
        if len(found) == 1:
            return found[0]
        shown = ', '.join(f'{name}={show(value)}' for name, value in clauses.items())
        if found:
            raise MultipleFound(
                f'{len(found)} {cls.__name__} match {shown}; add conditions, or use filter()'
            )
        raise NotFound(f'no {cls.__name__} matches {shown}')

    def _validate(self) -> None:
        """Fill in the primary key and validate; restore the object if it is not valid."""
        fields_of(type(self)).pk  # noqa: B018 - raises if the model has no such field
        data = self._data
        before, valid = dict(data.converted), dict(data.valid)
        if data.get('pk') in (None, ''):
            data.converted['pk'] = self.__primary_key__
        try:
            self.validate()
        except BaseException:
            data.converted, data.valid = before, valid
            raise


def _pk_in(cls: Any, pk: Any) -> str:
    """Return a primary key as keys have it."""
    try:
        return str(pk)
    except Exception:  # an int with very many digits, or any object
        raise ClauseError(f'{cls.__name__}: expected a primary key, got {show(pk)}') from None
