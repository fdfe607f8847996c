"""Columns made of an annotated type and what a class body assigns beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_origin

from rom._core.annotations.constraints import options_of
from rom._core.annotations.kinds import CHOSEN, Kind, NoKind, kind_of
from rom._core.annotations.specifiers import (
    NOT_GIVEN,
    ColumnSpecifier,
    RelatedSpecifier,
    RelationSpecifier,
)
from rom._core.annotations.targets import item_of, target_of
from rom._core.annotations.value_types import ValueType, value_type
from rom._core.columns import Column, Json, ManyToOne, OneToMany, OneToOne, PrimaryKey
from rom._core.columns.column_rules import ColumnOptions, ColumnRules
from rom._core.columns.index_only import IndexOnly
from rom._core.columns.mapped import Specifier
from rom._core.encoding.text import show_names
from rom.exceptions import ColumnError

Evaluate = Callable[[str], Any]


def column(
    shown: str, annotation: Any, given: ColumnSpecifier | Column[Any], evaluate: Evaluate
) -> Column[Any]:
    """Return the column of an attribute.

    Args:
        shown: the whole annotation, for messages.
        annotation: the type, or its text.
        given: the options; or the column itself, which has to fit the type.
        evaluate: returns the object that a text stands for.

    Raises:
        ColumnError: the type has no column, the options do not fit it, or the column does not.
    """
    type = value_type(annotation, evaluate)
    if isinstance(type.form, (Specifier, Column)):
        raise ColumnError(
            'the type is hidden by the attribute of its name; import its module instead, as in '
            'datetime.date'
        )
    if isinstance(given, Column):
        return _fitted(shown, type, given, evaluate)
    kind = _kind(shown, type)
    options = _merged(shown, {**kind.options}, options_of(type.metadata), given.options)
    if kind.keygen is not None and options.get('index') and not options.get('keygen2'):
        options.setdefault('keygen', kind.keygen)
    options |= _required(shown, type.is_nullable, given.default)
    if kind.item is not None:
        kind = kind._replace(arguments=(_item(shown, kind.item, evaluate),))
    made = _constructed(shown, kind, options)
    if isinstance(made, Json):
        made.value_type = type.form
    return made


def _item(shown: str, annotation: Any, evaluate: Evaluate) -> Column[Any]:
    """Return the column of the elements of a collection."""
    type = value_type(annotation, evaluate)
    if type.is_nullable:
        raise ColumnError(f'{shown}: an element cannot be None')
    kind = _kind(shown, type)
    if kind.item is not None:
        raise ColumnError(f'{shown}: an element cannot be a collection; use rom.Json()')
    return _constructed(shown, kind, _merged(shown, {**kind.options}, options_of(type.metadata)))


def relation(
    annotation: Any, given: RelationSpecifier | Column[Any], evaluate: Evaluate
) -> Column[Any]:
    """Return the column of a relation.

    Raises:
        ColumnError: the annotation is not a model, or the options do not fit it.
    """
    target = target_of(annotation, evaluate)
    if isinstance(given, Column):
        if not isinstance(given, (ManyToOne, OneToOne)) or given.ftable != target.name:
            raise ColumnError(
                f'the annotation is a relation to {target.name}; use rom.relation(on_delete=...)'
            )
        return _with_requirement('Ref[...]', target.is_nullable, given)
    options = dict(given.options)
    options |= _required(f'Ref[{target.name}]', target.is_nullable, given.default)
    if options.pop('unique'):
        return OneToOne(target.name, unique=True, **options)
    return ManyToOne(target.name, **options)


def related(annotation: Any, given: RelatedSpecifier, evaluate: Evaluate) -> OneToMany:
    """Return the list of the entities that refer to a model.

    Raises:
        ColumnError: the annotation is not a list of a model.
    """
    target = target_of(item_of(annotation), evaluate)
    if target.is_nullable:
        raise ColumnError(f'expected a list of {target.name}, without None')
    return OneToMany(target.name, given.column)


def _kind(shown: str, type: ValueType) -> Kind:
    try:
        return kind_of(type.form)
    except NoKind as error:
        raise ColumnError(f'{shown}: {error}') from None


def _required(shown: str, is_nullable: bool, default: Any) -> dict[str, Any]:
    if default is None and not is_nullable:
        raise ColumnError(f'{shown}: default=None needs an annotation with None, as in str | None')
    options = {} if default is NOT_GIVEN else {'default': default}
    return {'required': not is_nullable, **options}


def _merged(shown: str, *given: dict[str, Any]) -> dict[str, Any]:
    """Return options from several places; validators add up, another option is given once."""
    options: dict[str, Any] = {}
    for more in given:
        for name, value in more.items():
            if name == 'validators':
                options[name] = (*options.get(name, ()), *value)
            elif options.setdefault(name, value) != value:
                raise ColumnError(
                    f'{shown}: the annotation gives {name}={options[name]!r}, and rom.column() '
                    f'gives {value!r}; drop one of them'
                )
    return options


def _constructed(shown: str, kind: Kind, options: dict[str, Any]) -> Column[Any]:
    takes = inspect.signature(kind.column.__init__).parameters
    unknown = options.keys() - takes.keys() - ColumnOptions.__annotations__.keys()
    if unknown:
        raise ColumnError(
            f'{shown} is a column of the kind {kind.column.__name__}, which has no option '
            f'{show_names(sorted(unknown))}'
        )
    try:
        return kind.column(*kind.arguments, **options)
    except ColumnError as error:
        raise ColumnError(f'{shown}: {error}') from None


def _fitted(shown: str, type: ValueType, given: Column[Any], evaluate: Evaluate) -> Column[Any]:
    """Return a column that a class body declares itself, with what the annotation adds."""
    name = given.__class__.__name__
    if isinstance(given, IndexOnly):
        raise ColumnError(f'an IndexOnly holds no value; drop the annotation {shown}')
    _check_kind(shown, type, given, evaluate)
    options = options_of(type.metadata)
    most = options.pop('max_length', None)
    if most is not None and getattr(given, 'max_length', most) is None:
        given.max_length = most  # type: ignore[attr-defined]
    elif most is not None and getattr(given, 'max_length', None) != most:
        raise ColumnError(
            f'{shown}: the annotation gives max_length={most}, and {name} does not; drop one of '
            'them'
        )
    if options.pop('tz', getattr(given, 'zone', None) is not None) != (
        getattr(given, 'zone', None) is not None
    ):
        raise ColumnError(f'{shown}: the values have a zone; declare {name}(tz=True)')
    if options:
        rules = given.rules or ColumnRules(None, ())
        given.rules = ColumnRules(rules.choices, (*rules.validators, *options['validators']))
    if isinstance(given, Json) and type.form is not Any:
        given.value_type = type.form
    return _with_requirement(shown, type.is_nullable, given)


def _check_kind(shown: str, type: ValueType, given: Column[Any], evaluate: Evaluate) -> None:
    """Refuse a column of a class that the type does not choose."""
    if type.form is Any or not isinstance(given, CHOSEN):
        return
    try:
        kind: Kind | None = kind_of(type.form)
    except NoKind:
        kind = None
    origin = get_origin(type.form) or type.form
    if isinstance(given, Json):
        is_same = kind is None or kind.column is Json or origin in Json.accepts
    else:
        is_same = kind is not None and isinstance(given, kind.column)
        if kind is not None and kind.item is not None and is_same:
            element = value_type(kind.item, evaluate)
            item: Any = given
            return _check_kind(shown, element, item.item, evaluate)
        if kind is not None and kind.arguments:
            is_same = kind.arguments == (getattr(given, 'of', None),)
    if not is_same:
        raise ColumnError(
            f'{given.__class__.__name__} is not a column of {shown}; change one of them, or leave '
            'the kind to the annotation by rom.column()'
        )


def _with_requirement(shown: str, is_nullable: bool, given: Column[Any]) -> Column[Any]:
    """Return a column that is required where its annotation has no None."""
    if given.required and is_nullable:
        raise ColumnError(f'{shown} has None, but the column is required; drop one of them')
    if not isinstance(given, PrimaryKey):
        given.required = not is_nullable
        given._check_options()
    return given
