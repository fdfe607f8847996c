"""Attributes that an object creates at their first use, and keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from typing import Self

T = TypeVar('T')


class made_once(Generic[T]):
    """Descriptor whose method makes a value at the first use; then the value is an attribute.

    `functools.cached_property` of Python 3.11 has a lock, which all objects share, and which a fork
    may leave locked. This descriptor has none. Two threads may each make a value, and one of them
    is kept, so the values must be interchangeable.

    >>> class Basket:
    ...     @made_once
    ...     def goods(self):
    ...         return ['a new list']
    >>> basket = Basket()
    >>> basket.goods is basket.goods
    True
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        # A descriptor without `__set__` comes after the `__dict__` of an object. So Python calls
        # this once for each object.
        return instance.__dict__.setdefault(self._make.__name__, self._make(instance))
