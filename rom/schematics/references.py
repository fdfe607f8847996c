"""References: a field that stores another object's primary key, and reads as that object.

Objects that were read together know of each other. When one of them is asked for what it refers
to, that is read for all of them, in one trip.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schematics.exceptions import ConversionError
from schematics.models import Model
from schematics.types import BaseType
from schematics.undefined import Undefined

from rom.schematics import registry
from rom.schematics.states import state_of


class ReferenceType(BaseType):  # type: ignore[misc]
    """Another object: stored is its primary key, and it is loaded when it is first read.

    An object that is gone reads as None. ``book['author']`` is the primary key, without a trip.

    Args:
        model: the model that it refers to; or its name, where that is not defined yet.

    Example::

        class Book(models.Model, SimpleRedisMixin):
            pk = types.StringType()
            author = ReferenceType(Author)

        Book({'author': ann}).set()
        [book.author.name for book in Book.all()]       # two trips
    """

    primitive_type = str
    native_type = str

    def __init__(self, model: type[Any] | str, **options: Any) -> None:
        super().__init__(**options)
        self._model = model

    @property
    def model(self) -> type[Any]:
        """The model that it refers to.

        Raises:
            TypeError: none has that name.
        """
        if not isinstance(self._model, str):
            return self._model
        found = registry.named(self._model)
        if found is None:
            raise TypeError(f'{self!r}: no model is called {self._model!r}; define or import it')
        return found

    def _setup(self, field_name: str | None, owner_model: Any) -> None:
        super()._setup(field_name, owner_model)
        if field_name is not None:  # within a list it has none, and is the bare primary key
            setattr(owner_model, field_name, Reference(field_name))
            owner_model.__getitem__ = _bare_item
            owner_model.get = _bare_get

    def to_native(self, value: Any, context: Any = None) -> str | None:
        if isinstance(value, Model):
            if not isinstance(value, self.model):
                raise ConversionError(
                    f'takes a {self.model.__name__} or its primary key, not a '
                    f'{type(value).__name__}'
                )
            return _pk_of(value)
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return str(value)
        raise ConversionError(
            f'takes a {self.model.__name__} or its primary key, not {type(value).__name__}'
        )

    def to_primitive(self, value: Any, context: Any = None) -> str | None:
        return self.to_native(value)


def _pk_of(instance: Any) -> str:
    """An object's primary key; one that has none gets one, to be stored with later."""
    if instance._data.get('pk') in (None, ''):
        instance._data.converted['pk'] = instance.__primary_key__
    return str(instance._data['pk'])


def _bare(instance: Any, name: str) -> Any:
    """A field's value, of a reference the primary key: nothing is loaded."""
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
    """The descriptor of a reference."""

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
        """Read what this object refers to, and all that were read with it."""
        batch = state_of(instance).batch
        together = [instance] if batch is None else [instance, *batch.members()]
        asked: dict[str, list[Any]] = {}
        for member in together:
            pk = member._data.get(self.name)
            known = state_of(member).references.get(self.name)
            if isinstance(pk, str) and (known is None or known[0] != pk):
                asked.setdefault(pk, []).append(member)
        pks = list(asked)
        model = instance._schema.fields[self.name].model
        for pk, found in zip(pks, model._load(pks), strict=True):
            for member in asked[pk]:
                state_of(member).references[self.name] = (pk, found)


def related(one_or_model: Any, field: Any, objects: Iterable[Any] | None = None) -> Any:
    """What refers to an object: ``ann.related(Book.author)``; read in one go, if that is indexed.

    Args:
        field: the :class:`ReferenceType`, as ``Book.author``, or by name, as ``'Book.author'``.
        objects: called on the model, ``Author.related(Book.author, authors)``, of several objects.

    Returns:
        A list of objects; for several, a dict of such lists by primary key.

    Raises:
        TypeError: no reference to this model.
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
            for other in registry.models()
            if not owner or other.__name__ == owner
            if isinstance(kind := _fields(other).get(name), ReferenceType)
            and issubclass(model, kind.model)
        ]
        if len(candidates) != 1:
            raise TypeError(
                f'{model.__name__}.related({field!r}): {len(candidates)} references are called '
                "that; name the model too, as in 'Book.author'"
            )
        return candidates[0]
    if not isinstance(field, ReferenceType) or not issubclass(model, field.model):
        raise TypeError(f'{model.__name__}.related(): {field!r} is no reference to this model')
    return field


def _fields(model: type[Any]) -> dict[str, Any]:
    schema = getattr(model, '_schema', None)
    return {} if schema is None else dict(schema.fields)
