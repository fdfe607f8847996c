"""The metaclass of models, which makes a schema of a class body and registers the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, get_origin

from rom._core.columns import Column, OneToMany, PrimaryKey, UnsafeColumn
from rom._core.columns.mapped import Mapped, Ref, Specifier
from rom._core.columns.primary_key import OWN_ID
from rom._core.entities.client_names import CLIENT_NAMES, look_behind
from rom._core.entities.related_names import add_reverses, reverses_with
from rom._core.model_registry import MODELS, register
from rom._core.schema_builder import build
from rom._core.support.class_annotations import own_annotations
from rom.exceptions import ColumnError

# Names with a meaning in a class body, a constructor, `get_by` or `update`; no column may have one.
_SETTINGS = frozenset((*CLIENT_NAMES, '_extra_ok', '_limit', '_numeric', '_blocksize'))


# An annotation's text that declares a column.
_DECLARES: Final = re.compile(r'(rom\.)?(Mapped|Ref)\[')


class ModelMeta(type):
    """Metaclass that builds the schema of each model and registers the model."""

    def __new__(
        meta, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any
    ) -> ModelMeta:
        if not any(isinstance(base, ModelMeta) for base in bases):
            model = super().__new__(meta, name, bases, body, **options)
            MODELS[name] = model
            return model
        model = super().__new__(meta, name, bases, body, **options)
        look_behind(model, _root_of(model))
        if body.get('_is_root', False):
            return model  # a base without columns, such as TypedModel
        declare_columns = getattr(model, '_declare_columns', None)
        if declare_columns is not None:
            declare_columns()
        else:
            _check_annotations(model)
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
            getattr(model, 'compound_index', None),
            getattr(model, '_soft_delete', None),
            (
                getattr(model, '_shards', None),
                getattr(model, '_shard_by', None),
                getattr(model, '_shard_with', None),
            ),
        )
        if schema.placement is not None:
            from rom._core.sharding.limits import join_group

            join_group(schema, MODELS)
        model._schema = schema  # type: ignore[attr-defined]
        model._columns = dict(schema.columns)  # type: ignore[attr-defined]
        model._namespace = schema.keys.namespace  # type: ignore[attr-defined]
        model._pkey = schema.primary  # type: ignore[attr-defined]
        model._is_checked = False  # type: ignore[attr-defined]
        _check_lists(model)
        reverses = reverses_with(model)
        register(name, schema.keys.namespace, model)
        add_reverses(reverses)
        return model


def _root_of(model: type) -> type:
    """Return the last model among the bases of a model: `rom.Model`."""
    return next(base for base in reversed(model.__mro__) if isinstance(base, ModelMeta))


def is_model(value: object) -> bool:
    """Return whether a value is a model with columns; `rom.Model` and `rom.TypedModel` are not."""
    return isinstance(value, ModelMeta) and '_schema' in vars(value)


def _columns(model: type) -> dict[str, Column[Any]]:
    """Return the columns of a new model, with those of its bases and a primary key.

    As in Python's attribute look-up, a class overrides its bases. Any other object of the name of a
    column, such as None, removes the column.
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
    """Raise ColumnError for a column object that is declared under two names.

    A column object keeps its first name. Under a second one, in this model or another, it would
    still read and write the first.
    """
    for base in model.__mro__:
        for attribute, value in vars(base).items():
            if isinstance(value, Specifier):
                raise ColumnError(
                    f'{base.__name__}.{attribute}: {value.call} is for classes whose columns are '
                    'declared by annotations; derive the class from rom.TypedModel, or from '
                    'rom.Mixin if it is not a model'
                )
            if isinstance(value, (Column, OneToMany, UnsafeColumn)) and value.name != attribute:
                raise ColumnError(
                    f'{model.__name__}.{attribute}: this column object already has the name '
                    f'{value.name!r}; create another one, as in {attribute} = '
                    f'{type(value).__name__}(...)'
                )


def _check_annotations(model: type) -> None:
    """Raise ColumnError for an annotation that declares a column, in a class that reads none."""
    for attribute, annotation in own_annotations(model).items():
        head = get_origin(annotation) or annotation
        text = annotation if isinstance(annotation, str) else ''
        if head is Mapped or head is Ref or _DECLARES.match(text):
            raise ColumnError(
                f'{model.__name__}.{attribute}: annotations declare the columns of a '
                'rom.TypedModel only; derive the model from it'
            )


def _check_free(model: type, columns: Mapping[str, Column[Any] | UnsafeColumn]) -> None:
    """Raise ColumnError for a column whose name is an attribute of every model or entity.

    Private attributes count, too.
    """
    root = _root_of(model)
    own = {name for base in root.__mro__ for name in vars(base).get('__annotations__', ())}
    for attribute, column in columns.items():
        if attribute == 'id' or (attribute == OWN_ID and isinstance(column, PrimaryKey)):
            continue
        if attribute in own or attribute in _SETTINGS or hasattr(root, attribute):
            raise ColumnError(
                f'{model.__name__}.{attribute}: every model has an attribute of that name; '
                'rename the column'
            )


def _with_primary(model: type, columns: dict[str, Column[Any]]) -> dict[str, Column[Any]]:
    """Return the columns with a primary key; a declared one replaces the automatic one."""
    primaries = {name: key for name, key in columns.items() if isinstance(key, PrimaryKey)}
    if any(not key.is_automatic for key in primaries.values()):
        made = {name for name, key in primaries.items() if key.is_automatic}
        return {name: column for name, column in columns.items() if name not in made}
    if not primaries:
        if 'id' in columns:
            raise ColumnError(
                f'{model.__name__}.id is not a primary key, but its name is that of the default '
                'one; declare it as a PrimaryKey, or add a PrimaryKey of another name'
            )
        primary = PrimaryKey()
        primary.name, primary.is_automatic = 'id', True
        model.id = primary  # type: ignore[attr-defined]
        columns['id'] = primary
    return columns


def _unsafe(model: type) -> dict[str, UnsafeColumn]:
    """Return the UnsafeColumns of a new model, as `_columns` returns the others."""
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
    """Raise ColumnError where several columns could belong to a OneToMany of or to this model.

    A OneToMany without any column raises when it is read, because a base model may declare it for
    its subclasses.
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
