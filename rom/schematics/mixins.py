"""The mixins: a layer each, and for each a model that has `pk` already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schematics import models, types

from rom.schematics.base import BaseRedisMixin
from rom.schematics.conditions import conditions_of
from rom.schematics.layers.fields import FieldHashLayer, FieldLayer, ObjectHashLayer
from rom.schematics.layers.indexed import IndexedLayer
from rom.schematics.layers.whole import HashLayer, SimpleLayer
from rom.schematics.ordering import in_order
from rom.schematics.shapes import shape_of

if TYPE_CHECKING:
    from typing import Self

# Rows that `sweep` removes at once.
_BATCH = 500


class SimpleRedisMixin(BaseRedisMixin):
    """Each object is a string ``Class:pk``, as redis-schematics has it. It expires by itself.

    Example::

        class IceCream(models.Model, SimpleRedisMixin):
            __expire__ = 3600
            pk = types.StringType()
    """

    __layer__ = SimpleLayer()


class _OneHash(BaseRedisMixin):
    @property
    def __set_key__(self) -> str:
        """The hash; a property of your own may look at fields that have defaults."""
        found: str = self.__prefix__
        return found


class HashRedisMixin(_OneHash):
    """All objects are in one hash ``Class``, as redis-schematics has it. The hash expires.

    Example::

        class IceCream(models.Model, HashRedisMixin):
            pk = types.StringType()
    """

    __layer__ = HashLayer()


class FieldRedisMixin(BaseRedisMixin):
    """Each field is a string ``Class:pk:field``. An object expires, with all its fields.

    Example::

        class IceCream(models.Model, FieldRedisMixin):
            pk = types.StringType()
            amount_kg = types.IntType()

        vanilla.set(only=['amount_kg'])
    """

    __layer__ = FieldLayer()


class FieldHashRedisMixin(_OneHash):
    """Each field is a hash ``Class:field``, with the value of each object. The hashes expire.

    Example::

        class IceCream(models.Model, FieldHashRedisMixin):
            pk = types.StringType()
    """

    __layer__ = FieldHashLayer()


class ObjectHashRedisMixin(BaseRedisMixin):
    """Each object is a hash ``Class:pk``, with a field each. It expires by itself.

    Example::

        class IceCream(models.Model, ObjectHashRedisMixin):
            pk = types.StringType()
    """

    __layer__ = ObjectHashLayer()


class IndexedRedisMixin(BaseRedisMixin):
    """Each object is a row of rom's, with indexes of the fields whose metadata asks for them.

    ``metadata={'index': True}``: filters by this field are answered by the server, in one trip.
    ``'prefix'`` and ``'suffix'``: so are ``__startswith`` and ``__endswith``, and with ``'prefix'``
    the order. ``'unique'``: no two objects have one value. An object that has expired is found no
    more; :meth:`sweep` removes it.

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
        """What ``filter`` finds, sorted; objects without a value at the end.

        The server sorts and cuts, where indexes answer all that is asked; else it is done here.

        Args:
            *fields: by which to sort; ``'-name'`` the largest first.
            offset: leave out so many.
            limit: stop after so many.
            **clauses: as for ``filter``.

        Raises:
            ValueError: no such field, or a value that is none of it.
            StrictPerformanceException: all objects would have to be read.

        Example::

            IceCream.ordered('-amount_kg', limit=20, flavour='Vanilla')
        """
        conditions = conditions_of(shape_of(cls), clauses)
        home = cls._home(conditions)
        return cls._run(in_order(cls.__layer__, home, conditions, fields, offset, limit))

    @classmethod
    def sweep(cls, limit: int | None = None) -> int:
        """Remove what has expired; returns how many objects that was.

        It may run beside programs that write, and in several places at once.

        Args:
            limit: at most so many; None: all.

        Raises:
            CorruptRowError: of what has expired, a key holds something else than an object; the
                others are gone.

        Example::

            while IceCream.sweep(limit=1000):
                time.sleep(1)
        """
        home = cls._home()
        return cls._run(cls.__layer__.sweep(home, limit, _BATCH))


class SimpleRedisModel(models.Model, SimpleRedisMixin):  # type: ignore[misc]
    """A model with ``pk``, stored as :class:`SimpleRedisMixin` does."""

    pk = types.StringType()


class HashRedisModel(models.Model, HashRedisMixin):  # type: ignore[misc]
    """A model with ``pk``, stored as :class:`HashRedisMixin` does."""

    pk = types.StringType()


class FieldRedisModel(models.Model, FieldRedisMixin):  # type: ignore[misc]
    """A model with ``pk``, stored as :class:`FieldRedisMixin` does."""

    pk = types.StringType()


class FieldHashRedisModel(models.Model, FieldHashRedisMixin):  # type: ignore[misc]
    """A model with ``pk``, stored as :class:`FieldHashRedisMixin` does."""

    pk = types.StringType()


class ObjectHashRedisModel(models.Model, ObjectHashRedisMixin):  # type: ignore[misc]
    """A model with ``pk``, stored as :class:`ObjectHashRedisMixin` does."""

    pk = types.StringType()


class IndexedRedisModel(models.Model, IndexedRedisMixin):  # type: ignore[misc]
    """A model with ``pk``, stored as :class:`IndexedRedisMixin` does."""

    pk = types.StringType()
