"""Mixins, one for each layer, and for each mixin a model that declares `pk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schematics import models, types

from rom._core.encoding.integers import check_count
from rom.schematics.base import BaseRedisMixin
from rom.schematics.conditions import conditions_of
from rom.schematics.exceptions import ClauseError
from rom.schematics.fields import fields_of
from rom.schematics.layers.fields import FieldHashLayer, FieldLayer, ObjectHashLayer
from rom.schematics.layers.indexed import IndexedLayer
from rom.schematics.layers.whole import HashLayer, SimpleLayer
from rom.schematics.loading import search_sorted

if TYPE_CHECKING:
    from typing import Self

# The number of rows that `sweep` removes in one commit.
_BATCH = 500


class SimpleRedisMixin(BaseRedisMixin):
    """Mixin that stores each object as a string ``Class:pk``, as redis-schematics does.

    An object expires by itself.

    Example::

        class IceCream(models.Model, SimpleRedisMixin):
            __expire__ = 3600
            pk = types.StringType()
    """

    __layer__ = SimpleLayer()


class _OneHash(BaseRedisMixin):
    @property
    def __set_key__(self) -> str:
        """The key of the hash. An override may read fields that have defaults."""
        found: str = self.__prefix__
        return found


class HashRedisMixin(_OneHash):
    """Mixin that stores all objects in one hash ``Class``, as redis-schematics does.

    The hash expires as a whole.

    Example::

        class IceCream(models.Model, HashRedisMixin):
            pk = types.StringType()
    """

    __layer__ = HashLayer()


class FieldRedisMixin(BaseRedisMixin):
    """Mixin that stores each field as a string ``Class:pk:field``.

    An object expires with all its fields.

    Example::

        class IceCream(models.Model, FieldRedisMixin):
            pk = types.StringType()
            amount_kg = types.IntType()

        vanilla.set(only=['amount_kg'])
    """

    __layer__ = FieldLayer()


class FieldHashRedisMixin(_OneHash):
    """Mixin that stores each field of all objects in a hash ``Class:field``.

    The hashes expire as a whole.

    Example::

        class IceCream(models.Model, FieldHashRedisMixin):
            pk = types.StringType()
    """

    __layer__ = FieldHashLayer()


class ObjectHashRedisMixin(BaseRedisMixin):
    """Mixin that stores each object as a hash ``Class:pk``.

    An object expires by itself.

    Example::

        class IceCream(models.Model, ObjectHashRedisMixin):
            pk = types.StringType()
    """

    __layer__ = ObjectHashLayer()


class IndexedRedisMixin(BaseRedisMixin):
    """Mixin that stores each object as a row of rom, with the indexes that field metadata declares.

    ``metadata={'index': True}``: Redis answers filters by this field, in one round trip.
    ``'prefix'`` and ``'suffix'``: it also answers ``__startswith`` and ``__endswith``; with
    ``'prefix'``, it sorts, too. ``'unique'``: no two objects have the same value. Searches do not
    find an expired object; :meth:`sweep` removes it.

    Example::

        class IceCream(models.Model, IndexedRedisMixin):
            pk = types.StringType()
            amount_kg = types.IntType(metadata={'index': True})
    """

    __layer__ = IndexedLayer()

    @classmethod
    def ordered(
        cls, *fields: str, offset: int = 0, limit: int | None = None, **clauses: Any
    ) -> list[Self]:
        """Return what ``filter`` finds, sorted; objects without a value come last.

        If indexes answer all conditions and the order, Redis sorts and returns only the objects
        from `offset` to `limit`. Else all matches are loaded and sorted in the program.

        Args:
            *fields: the fields to sort by; ``'-name'`` means descending.
            offset: the number of objects to skip.
            limit: the largest number of objects to return.
            **clauses: the conditions, as for ``filter``.

        Raises:
            ValueError: the model has no such field, the field does not accept the value, or
                `offset` or `limit` is not an int of at least 0.
            StrictPerformanceException: all objects would have to be read.

        Example::

            IceCream.ordered('-amount_kg', limit=20, flavour='Vanilla')
        """
        conditions = conditions_of(fields_of(cls), clauses)
        keys = cls._keys(conditions)
        return cls._run(search_sorted(cls.__layer__, keys, conditions, fields, offset, limit))

    @classmethod
    def sweep(cls, limit: int | None = None) -> int:
        """Remove expired objects, and return their number.

        Several programs may run it at once, while others write.

        Args:
            limit: the largest number of objects to remove; None: all.

        Raises:
            ValueError: the limit is not an int of at least 0.
            CorruptRowError: a key of an expired object holds another Redis type. The others are
                removed.

        Example::

            while IceCream.sweep(limit=1000):
                time.sleep(1)
        """
        where = f'{cls.__name__}.sweep(limit=...)'
        most = None if limit is None else check_count(where, limit, 0, error=ClauseError)
        return cls._run(cls.__layer__.sweep(cls._keys(), most, _BATCH))


class SimpleRedisModel(models.Model, SimpleRedisMixin):  # type: ignore[misc]
    """Model with a field ``pk``, stored as by :class:`SimpleRedisMixin`."""

    pk = types.StringType()


class HashRedisModel(models.Model, HashRedisMixin):  # type: ignore[misc]
    """Model with a field ``pk``, stored as by :class:`HashRedisMixin`."""

    pk = types.StringType()


class FieldRedisModel(models.Model, FieldRedisMixin):  # type: ignore[misc]
    """Model with a field ``pk``, stored as by :class:`FieldRedisMixin`."""

    pk = types.StringType()


class FieldHashRedisModel(models.Model, FieldHashRedisMixin):  # type: ignore[misc]
    """Model with a field ``pk``, stored as by :class:`FieldHashRedisMixin`."""

    pk = types.StringType()


class ObjectHashRedisModel(models.Model, ObjectHashRedisMixin):  # type: ignore[misc]
    """Model with a field ``pk``, stored as by :class:`ObjectHashRedisMixin`."""

    pk = types.StringType()


class IndexedRedisModel(models.Model, IndexedRedisMixin):  # type: ignore[misc]
    """Model with a field ``pk``, stored as by :class:`IndexedRedisMixin`."""

    pk = types.StringType()
