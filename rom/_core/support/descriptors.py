"""Descriptors: members of a class and its instances, and attributes made at their first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

if TYPE_CHECKING:
    from typing import Self

T = TypeVar('T')


class ClassProperty(Generic[T]):
    """A property of a class and of its instances.

    Assigning or deleting it on an instance calls *set* or *delete* with the class. An assignment to
    the class itself replaces the property, as Python does.

    Args:
        get: a function of the class, or a classmethod.
        set: a function of the class and the new value; None: the property is read-only.
        delete: a function of the class; None: the property cannot be deleted.

    Example::

        class User(rom.Model):
            @rom.ClassProperty
            def adults(cls):
                return cls.query.filter(age=(18, None))

        User.adults.count()
    """

    def __init__(
        self,
        get: Callable[[Any], T] | classmethod[Any, [], T],
        set: Callable[[Any, T], object] | None = None,
        delete: Callable[[Any], object] | None = None,
    ) -> None:
        self._get: Any = _function(get)
        self._set: Any = _function(set)
        self._delete: Any = _function(delete)
        self.__doc__ = self._get.__doc__

    def getter(self, get: Callable[[Any], T] | classmethod[Any, [], T]) -> Self:
        """Return the property with another function that reads it."""
        return type(self)(get, self._set, self._delete)

    def setter(self, set: Callable[[Any, T], object]) -> Self:
        """Return the property with a function that sets it.

        Example::

            @limit.setter
            def limit(cls, value):
                cls._limit = value
        """
        return type(self)(self._get, set, self._delete)

    def deleter(self, delete: Callable[[Any], object]) -> Self:
        """Return the property with a function that deletes it."""
        return type(self)(self._get, self._set, delete)

    def __get__(self, instance: object, owner: type) -> T:
        value: T = self._get(owner)
        return value

    def __set__(self, instance: object, value: T) -> None:
        if self._set is None:
            _refuse('set', 'setter')
        self._set(type(instance), value)

    def __delete__(self, instance: object) -> None:
        if self._delete is None:
            _refuse('deleted', 'deleter')
        self._delete(type(instance))


class HybridMethod:
    """A method that is called on an instance or on its class.

    Args:
        function: the method; its first argument is the instance or the class.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        bound: Callable[..., Any] = self._function.__get__(owner if instance is None else instance)
        return bound


def _function(method: Any) -> Any:
    return method.__func__ if isinstance(method, classmethod) else method


def _refuse(what: str, remedy: str) -> NoReturn:
    raise AttributeError(
        f'a property of the class cannot be {what} on one of its instances; give it a {remedy}'
    )


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
