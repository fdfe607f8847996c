"""Declaration: the columns that the annotations of one class body declare.

A class body has its annotations, and the values that it assigns. Each annotation that is a `Mapped`
or a `Ref` becomes a column, which replaces a specifier of the same name; a column that the body
assigns stays as it is. All columns are set again in the order of the body, because that is the
order of the fields in a row.
"""

import ast
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, ForwardRef, NamedTuple, get_args, get_origin

from rom._core.annotations import column_factory
from rom._core.annotations.specifiers import (
    ColumnSpecifier,
    RelatedSpecifier,
    RelationSpecifier,
)
from rom._core.annotations.targets import parsed, show_annotation
from rom._core.columns import Column, OneToMany, UnsafeColumn
from rom._core.columns.mapped import Mapped, Ref, Specifier
from rom._core.support.class_annotations import names_around, own_annotations
from rom.exceptions import ColumnError

#: Attributes of a model that are settings, whose annotations mean nothing.
SETTINGS: Final = frozenset(('unique_together', 'geo_index', 'compound_index'))
_DECLARED: Final = '_annotations_declared'
_MISSING: Final = object()


class Annotation(NamedTuple):
    """The annotation of an attribute.

    Attributes:
        head: `Mapped`, `Ref`, `ClassVar`, or None for anything else.
        inner: the part within the brackets, an object or its text.
        shown: the whole annotation, for messages.
    """

    head: Any
    inner: Any
    shown: str


class Names:
    """The names that the annotations of a class may use."""

    def __init__(self, cls: type) -> None:
        self._globals, around = names_around(cls)
        # In the body, a column hides a type of the same name, such as `date: Mapped[date]`.
        own = {n: v for n, v in vars(cls).items() if not isinstance(v, (Column, Specifier))}
        self._locals = {**around, **own, cls.__name__: cls}

    def evaluate(self, text: str) -> Any:
        """Return the object that an annotation's text stands for.

        Raises:
            NameError: a name in it is not defined.
            ColumnError: it is not a type.
        """
        try:
            return eval(text, dict(self._globals), self._locals)
        except AttributeError as error:  # a module is still being imported
            raise NameError(str(error)) from None
        except (TypeError, SyntaxError) as error:
            raise ColumnError(
                f'{text} is not a type ({error}). If an attribute of the class has the name of the '
                'type, import the module instead, as in datetime.date'
            ) from None


def declare(cls: Any) -> None:
    """Set the columns of a class that its annotations declare; once for each class.

    Raises:
        ColumnError: an annotation or a value beside it is wrong; the message names both.
    """
    if _DECLARED in vars(cls):
        return
    setattr(cls, _DECLARED, True)
    names = Names(cls)
    annotations = own_annotations(cls)
    made: dict[str, Any] = {}
    for name, annotation in annotations.items():
        assigned = vars(cls).get(name, _MISSING)
        made_of = _made(cls, name, annotation, assigned, names)
        if made_of is not None:
            made[name] = made_of
    _check_bare(cls, made)
    _set_in_order(cls, made)


def _made(cls: type, name: str, raw: Any, assigned: Any, names: Names) -> Any:
    """Return the column of an annotated attribute; None for any other attribute."""
    where = f'{cls.__name__}.{name}'
    try:
        annotation = _split(raw, names)
        if annotation.head is None:
            _check_plain(name, annotation, assigned)
            return None
        if annotation.head is ClassVar:
            return None
        return _column(annotation, assigned, names)
    except ColumnError as error:
        raise ColumnError(f'{where}: {error}') from None
    except NameError as error:
        raise ColumnError(
            f'{where}: {show_annotation(raw)}: {error}. Import it where the program runs, not only '
            'for type checkers; a related model needs Ref[...] with rom.relation()'
        ) from None


def _column(annotation: Annotation, assigned: Any, names: Names) -> Any:
    if isinstance(assigned, RelatedSpecifier):
        return column_factory.related(annotation.inner, assigned, names.evaluate)
    if isinstance(assigned, (OneToMany, UnsafeColumn)):
        raise ColumnError(
            f'a {type(assigned).__name__} needs no annotation; drop {annotation.shown}, or '
            'declare a list of entities by rom.related()'
        )
    if annotation.head is Ref:
        if not isinstance(assigned, (RelationSpecifier, Column)):
            raise ColumnError(f'{annotation.shown} needs = rom.relation(on_delete=...)')
        return column_factory.relation(annotation.inner, assigned, names.evaluate)
    if isinstance(assigned, RelationSpecifier) or getattr(assigned, 'is_relation', False):
        raise ColumnError(f'a relation needs the annotation Ref[...], not {annotation.shown}')
    if assigned is not _MISSING and not isinstance(assigned, (ColumnSpecifier, Column)):
        raise ColumnError(
            f'{annotation.shown} = {assigned!r}: use rom.column(default=...) for a default'
        )
    given: Any = ColumnSpecifier.empty() if assigned is _MISSING else assigned
    return column_factory.column(annotation.shown, annotation.inner, given, names.evaluate)


def _split(raw: Any, names: Names) -> Annotation:
    """Return the parts of an annotation, without evaluating the inner one."""
    if isinstance(raw, ForwardRef):
        raw = raw.__forward_arg__
    if not isinstance(raw, str):
        head = get_origin(raw) or raw
        inner = get_args(raw)[0] if get_args(raw) else _MISSING
        return _checked(Annotation(_head(head), inner, show_annotation(raw)))
    tree = parsed(raw)
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        return _split(tree.value, names)
    text = ast.unparse(tree.value if isinstance(tree, ast.Subscript) else tree)
    try:
        found = names.evaluate(text)
    except NameError:
        if text.rpartition('.')[2] in ('Mapped', 'Ref'):
            raise
        return Annotation(None, _MISSING, raw)
    if isinstance(tree, ast.Subscript):
        return _checked(Annotation(_head(found), ast.unparse(tree.slice), raw))
    if isinstance(found, str):
        return Annotation(None, _MISSING, raw)
    return _split(found, names)._replace(shown=raw)


def _head(found: Any) -> Any:
    return next((head for head in (Mapped, Ref, ClassVar) if found is head), None)


def _checked(annotation: Annotation) -> Annotation:
    if annotation.head in (Mapped, Ref) and annotation.inner is _MISSING:
        raise ColumnError(f'expected a type, as in {annotation.head.__name__}[...]')
    return annotation


def _check_plain(name: str, annotation: Annotation, assigned: Any) -> None:
    """Refuse an annotation that looks like a column, but is neither a Mapped nor a Ref."""
    is_column = isinstance(assigned, (Specifier, Column))
    if not is_column and (name.startswith('_') or name in SETTINGS):
        return
    wrapper = 'Ref' if isinstance(assigned, RelationSpecifier) else 'Mapped'
    raise ColumnError(
        f'expected the annotation {wrapper}[{annotation.shown}], got {annotation.shown}'
        + ('' if is_column else f'; or ClassVar[{annotation.shown}], if it is not a column')
    )


def _check_bare(cls: type, made: Mapping[str, Any]) -> None:
    for name, value in vars(cls).items():
        if isinstance(value, Specifier) and name not in made:
            raise ColumnError(
                f'{cls.__name__}.{name}: {value.call} needs an annotation, as in '
                f'{name}: {"Ref[Team]" if isinstance(value, RelationSpecifier) else "Mapped[str]"}'
            )


def _set_in_order(cls: type, made: Mapping[str, Any]) -> None:
    for name in _order(cls, made):
        value = made.get(name) or vars(cls)[name]
        if name in vars(cls):
            delattr(cls, name)
        setattr(cls, name, value)
        if name in made:
            value.__set_name__(cls, name)


def _order(cls: type, made: Iterable[str]) -> list[str]:
    """Return the names of columns in the order of the body.

    An annotation without a value leaves no trace of its place among the values. It comes before
    the values that follow the next annotation with a value.
    """
    assigned = [n for n, v in vars(cls).items() if isinstance(v, (Column, Specifier))]
    order: list[str] = []
    for name in made:
        if name in assigned:
            at = assigned.index(name)
            order += assigned[:at]
            assigned = assigned[at + 1 :]
        order.append(name)
    return list(dict.fromkeys([*order, *assigned]))
