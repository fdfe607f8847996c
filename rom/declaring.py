"""Declaring: the metaclass, which turns a class body into a schema, and registers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rom.columns import Column, OneToMany, PrimaryKey, UnsafeColumn
from rom.columns.scalars import OWN_ID
from rom.exceptions import ColumnError
from rom.registry import MODELS, register
from rom.schema import build

# What programs say in a class body or to a constructor, to `get_by` or `update`, but columns.
_SETTINGS = frozenset(('_conn', 'CONN', '_extra_ok', '_limit', '_numeric', '_blocksize'))


class ModelMeta(type):
    """Builds and registers the schema of each model."""

    def __new__(
        meta, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any
    ) -> ModelMeta:
        if not any(isinstance(base, ModelMeta) for base in bases):
            model = super().__new__(meta, name, bases, body, **options)
            MODELS[name] = model
            return model
        model = super().__new__(meta, name, bases, body, **options)
        _check_objects(model)
        columns = _columns(model)
        schema = build(
            name,
            columns,
            body.get('_namespace'),
            getattr(model, 'unique_together', None),
            bool(getattr(model, '_keep_index_data', False)),
            _lists(model),
            _unsafe(model),
            getattr(model, 'geo_index', None),
        )
        model._schema = schema  # type: ignore[attr-defined]
        model._columns = dict(schema.columns)  # type: ignore[attr-defined]
        model._namespace = schema.keys.namespace  # type: ignore[attr-defined]
        model._pkey = schema.primary  # type: ignore[attr-defined]
        model._is_checked = False  # type: ignore[attr-defined]
        _check_lists(model)
        register(name, schema.keys.namespace, model)
        return model


def _columns(model: type) -> dict[str, Column[Any]]:
    """The columns of a new model: those of its bases, its own, and the id if it lacks one.

    They are gathered in the order in which Python looks attributes up. Something else of a column's
    name, such as None, takes the column away.
    """
    columns: dict[str, Column[Any]] = {}
    for base in reversed(model.__mro__):
        for attribute, value in vars(base).items():
            if isinstance(value, Column):
                columns[attribute] = value
            else:
                columns.pop(attribute, None)
    _check_free(model, columns)
    return _with_primary(model, columns)


def _check_objects(model: type) -> None:
    """A column object knows the one name that it was declared by.

    Under another name, in the same model or another, it would go on reading and writing the first.
    """
    for base in model.__mro__:
        for attribute, value in vars(base).items():
            if isinstance(value, (Column, OneToMany, UnsafeColumn)) and value.name != attribute:
                raise ColumnError(
                    f'{model.__name__}.{attribute}: this column object is called {value.name!r} '
                    f'already, and has one name: declare another, as {attribute} = '
                    f'{type(value).__name__}(...)'
                )


def _check_free(model: type, columns: Mapping[str, Column[Any] | UnsafeColumn]) -> None:
    """Raise ColumnError for a column of a name that models and entities have for themselves.

    Whether it begins with an underscore makes no difference.
    """
    root = next(base for base in reversed(model.__mro__) if isinstance(base, ModelMeta))
    own = {name for base in root.__mro__ for name in vars(base).get('__annotations__', ())}
    for attribute, column in columns.items():
        if attribute == 'id' or (attribute == OWN_ID and isinstance(column, PrimaryKey)):
            continue
        if attribute in own or attribute in _SETTINGS or hasattr(root, attribute):
            raise ColumnError(
                f'{model.__name__}.{attribute}: every model has something of that name; '
                'call the column something else'
            )


def _with_primary(model: type, columns: dict[str, Column[Any]]) -> dict[str, Column[Any]]:
    """The columns with a primary key: a declared one takes the place of one that was made."""
    primaries = {name: key for name, key in columns.items() if isinstance(key, PrimaryKey)}
    if any(not key.is_automatic for key in primaries.values()):
        made = {name for name, key in primaries.items() if key.is_automatic}
        return {name: column for name, column in columns.items() if name not in made}
    if not primaries:
        if 'id' in columns:
            raise ColumnError(
                f'{model.__name__}.id is no primary key, yet would stand in the place of one: '
                'declare it as a PrimaryKey, or declare a PrimaryKey of another name beside it'
            )
        primary = PrimaryKey()
        primary.name, primary.is_automatic = 'id', True
        model.id = primary  # type: ignore[attr-defined]
        columns['id'] = primary
    return columns


def _unsafe(model: type) -> dict[str, UnsafeColumn]:
    """The UnsafeColumns of a new model, as `_columns` gathers the others."""
    found: dict[str, UnsafeColumn] = {}
    for base in reversed(model.__mro__):
        for attribute, value in vars(base).items():
            if isinstance(value, UnsafeColumn):
                found[attribute] = value
            else:
                found.pop(attribute, None)
    _check_free(model, found)
    return found


def _lists(model: type) -> dict[str, OneToMany]:
    return {
        attribute: value
        for base in reversed(model.__mro__)
        for attribute, value in vars(base).items()
        if isinstance(value, OneToMany)
    }


def _check_lists(model: Any) -> None:
    """No OneToMany between this model and those there are may have several columns to choose from.

    One that has none is for its reader to find out: a base model may declare it for its children.
    """
    names = (model.__name__, model._namespace)
    known = {**MODELS, model.__name__: model}
    for other in {*known.values()}:
        if not hasattr(other, '_schema'):
            continue  # Model itself
        for one in other._schema.lists.values():
            target = model if one.ftable in names else known.get(one.ftable)
            if target is None or model not in (other, target):
                continue
            if len(one.candidates(other, target)) > 1:
                one.referring_column(other, target)
