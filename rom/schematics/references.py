"""References: fields that store the primary key of another object, and return that object.

The first access to a reference loads it for all objects that were read together, in one round trip.
Otherwise a loop over objects would need a round trip for each. A reference may name its model; the
registry of models holds weak references.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from schematics.exceptions import ConversionError
from schematics.models import Model
from schematics.types import BaseType
from schematics.undefined import Undefined

from rom.schematics.state import state_of

_models: weakref.WeakValueDictionary[str, type[Any]] = weakref.WeakValueDictionary()


def register(model: type[Any]) -> None:
    """Register a model, in place of an earlier one of the same name."""
    _models[model.__name__] = model


def named(name: str) -> type[Any] | None:
    """Return the model with a name, or None."""
    return _models.get(name)


def models() -> list[type[Any]]:
    """Return all models."""
    return list(_models.values())


class ReferenceType(BaseType):  # type: ignore[misc]
    """Field that refers to another object by its primary key, and loads it on first access.

    An object that is no longer stored gives None. ``book['author']`` returns the primary key, and
    loads nothing.

    Args:
        model: the model that it refers to, or its name if it is not defined yet.
        **options: the arguments of the schematics type.

    Example::

        class Book(models.Model, SimpleRedisMixin):
            pk = types.StringType()
            author = ReferenceType(Author)

        Book({'author': ann}).set()
        [book.author.name for book in Book.all()]       # two round trips
    """

    primitive_type = str
    native_type = str

    def __init__(self, model: type[Any] | str, **options: Any) -> None:
        super().__init__(**options)
        self._model = model

    @property
    def model(self) -> type[Any]:
        """The model that the field refers to.

        Raises:
            TypeError: no model has that name.
        """
        if not isinstance(self._model, str):
            return self._model
        found = named(self._model)
        if found is None:
            raise TypeError(
                f'{self!r}: expected the name of a model, got {self._model!r}; define or import it'
            )
        return found

    def _setup(self, field_name: str | None, owner_model: Any) -> None:
        super()._setup(field_name, owner_model)
        if field_name is not None:  # a reference in a list has no name, and stays a primary key
            setattr(owner_model, field_name, Reference(field_name))
            owner_model.__getitem__ = _bare_item
            owner_model.get = _bare_get

    def to_native(self, value: Any, context: Any = None) -> str | None:
        if isinstance(value, Model):
            if not isinstance(value, self.model):
                raise ConversionError(
                    f'expected a {self.model.__name__} or its primary key, got a '
                    f'{type(value).__name__}'
                )
            return _pk_of(value)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return str(value)
        raise ConversionError(
            f'expected a {self.model.__name__} or its primary key, got {type(value).__name__}'
        )

    def to_primitive(self, value: Any, context: Any = None) -> str | None:
        return self.to_native(value)


def _pk_of(instance: Any) -> str:
    """Return the primary key of an object; fill it in if it has none, for a later `set()`."""
    if instance._data.get('pk') in (None, ''):
        instance._data.converted['pk'] = instance.__primary_key__
    return str(instance._data['pk'])


def _bare(instance: Any, name: str) -> Any:
    """Return the value of a field; a reference gives its primary key, and loads nothing."""
    if isinstance(instance._schema.fields.get(name), ReferenceType):
        return instance._data.get(name)
    return getattr(instance, name)


def _bare_item(instance: Any, name: str) -> Any:
    if name not in instance._schema.fields:
        raise KeyError(name)
    return _bare(instance, name)


def _bare_get(instance: Any, name: str, default: Any = None) -> Any:
    try:
        return _bare(instance, name)
    except AttributeError:
        return default


class Reference:
    """Descriptor of a reference on its model."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return owner._schema.fields[self.name]
        pk = instance._data.get(self.name, Undefined)
        if pk is None or pk is Undefined:
            return None
        known = state_of(instance).references.get(self.name)
        if known is None or known[0] != pk:
            self._load(instance)
            known = state_of(instance).references[self.name]
        return known[1]

    def __set__(self, instance: Any, value: Any) -> None:
        field = instance._schema.fields[self.name]
        pk = None if value is None else field.to_native(value)
        instance._data.converted[self.name] = pk
        references = state_of(instance).references
        references.pop(self.name, None)
        if isinstance(value, Model):
            references[self.name] = (str(pk), value)

    def __delete__(self, instance: Any) -> None:
        del instance._data[self.name]

    def _load(self, instance: Any) -> None:
        """Load the targets of this object and of all objects that were read with it."""
        group = state_of(instance).group
        together = [instance] if group is None else [instance, *group.members()]
        by_pk: dict[str, list[Any]] = {}
        for member in together:
            pk = member._data.get(self.name)
            known = state_of(member).references.get(self.name)
            if isinstance(pk, str) and (known is None or known[0] != pk):
                by_pk.setdefault(pk, []).append(member)
        pks = list(by_pk)
        model = instance._schema.fields[self.name].model
        for pk, found in zip(pks, model._load(pks), strict=True):
            for member in by_pk[pk]:
                state_of(member).references[self.name] = (pk, found)


def related(one_or_model: Any, field: Any, objects: Iterable[Any] | None = None) -> Any:
    """Return the objects that refer to this one, in one round trip if the reference is indexed.

    Args:
        field: the :class:`ReferenceType`, as ``Book.author``, or its name, as ``'Book.author'``.
        objects: for a call on the model, the objects: ``Author.related(Book.author, authors)``.

    Returns:
        A list of objects. For a call on the model, a dict of such lists by primary key.

    Raises:
        TypeError: the field is not a reference to this model.
        StrictPerformanceException: all objects would have to be read.

    Example::

        ann.related(Book.author)
        Author.related(Book.author, [ann, bob])['ann']
    """
    is_model = isinstance(one_or_model, type)
    model = one_or_model if is_model else type(one_or_model)
    field = _reference(model, field)
    owner, name = field.owner_model, field.name
    if not is_model:
        return owner.filter(**{name: one_or_model})
    if objects is None:
        raise TypeError(
            f'{model.__name__}.related({owner.__name__}.{name}): call it on an object, or pass a '
            'list of objects'
        )
    found: dict[str, list[Any]] = {_pk_of(one): [] for one in objects}
    if found:
        for referring in owner.filter(**{f'{name}__in': list(found)}):
            found[referring[name]].append(referring)
    return found


def _reference(model: type[Any], field: Any) -> Any:
    if isinstance(field, str):
        owner, _, name = field.rpartition('.')
        candidates = [
            kind
            for other in models()
            if not owner or other.__name__ == owner
            if isinstance(kind := _fields(other).get(name), ReferenceType)
            and issubclass(model, kind.model)
        ]
        if len(candidates) != 1:
            raise TypeError(
                f'{model.__name__}.related({field!r}): expected the name of one reference, got '
                f"{len(candidates)} of this name; name the model, too, as in 'Book.author'"
            )
        return candidates[0]
    if not isinstance(field, ReferenceType) or not issubclass(model, field.model):
        raise TypeError(
            f'{model.__name__}.related(): expected a reference to this model, got {field!r}'
        )
    return field


def _fields(model: type[Any]) -> dict[str, Any]:
    schema = getattr(model, '_schema', None)
    return {} if schema is None else dict(schema.fields)
