"""A property of the class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar('T')


class ClassProperty(Generic[T]):
    """A read-only property that works on the class as on its instances.

    Args:
        get: a function of the class, or a classmethod.

    Example::

        class User(rom.Model):
            @rom.ClassProperty
            def adults(cls):
                return cls.query.filter(age=(18, None))

        User.adults.count()
    """

    def __init__(self, get: Callable[[Any], T] | classmethod[Any, [], T]) -> None:
        self._get: Any = get.__func__ if isinstance(get, classmethod) else get
        self.__doc__ = self._get.__doc__

    def __set__(self, instance: object, value: object) -> None:
        raise AttributeError('a property of the class cannot be set on one of its instances')

    def __get__(self, instance: object, owner: type) -> T:
        value: T = self._get(owner)
        return value
