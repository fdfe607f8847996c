"""Target: the model that the annotation of a relation names.

The name is read, not evaluated, because two models may refer to each other: one of them is defined
later, or imported for type checkers only.
"""

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any, ForwardRef, NamedTuple, get_args, get_origin

from rom._core.annotations.value_types import UNIONS
from rom._core.encoding.text import show
from rom._core.entities.metaclass import ModelMeta
from rom.exceptions import ColumnError

Evaluate = Callable[[str], Any]
_LISTS = ('list', 'List', 'Sequence')
_UNIONS = ('Optional', 'Union')
# The path of the module before `Mapped` or `Ref`, which programs import from `rom`.
_PATH = re.compile(r'^rom\.[\w.]*\.(?=(Mapped|Ref)\[)')


class Target(NamedTuple):
    """The model of a relation.

    Attributes:
        name: the name of the model, which may be defined later.
        is_nullable: None is a value, too.
    """

    name: str
    is_nullable: bool


def target_of(annotation: Any, evaluate: Evaluate) -> Target:
    """Return the model that an annotation names, such as ``Team | None``.

    Args:
        annotation: the annotation within `Ref[...]`, or its text.
        evaluate: returns the object that a text stands for, or raises NameError.

    Raises:
        ColumnError: the annotation is not one model, or one model and None.

    >>> target_of('Team | None', eval)
    Target(name='Team', is_nullable=True)
    """
    parts = list(_parts(annotation))
    named = [part for part in parts if part is not None]
    if len(named) != 1:
        raise ColumnError(
            f'expected one model, or one model and None, got {show_annotation(annotation)}'
        )
    return Target(_name(named[0], evaluate), None in parts)


def item_of(annotation: Any) -> Any:
    """Return the annotation of the elements of a list.

    Raises:
        ColumnError: the annotation is not a list of one type.

    >>> item_of('list[Book]'), item_of(list[int])
    ('Book', <class 'int'>)
    """
    text = _text(annotation)
    if text is not None:
        tree = parsed(text)
        if isinstance(tree, ast.Subscript) and _last_name(tree.value) in _LISTS:
            return ast.unparse(tree.slice)
    elif getattr(get_origin(annotation), '__name__', None) in _LISTS:
        return get_args(annotation)[0]
    raise ColumnError(f'expected a list of a model, got {show_annotation(annotation)}')


def show_annotation(annotation: Any) -> str:
    """Return an annotation as its source has it, for a message."""
    text = _text(annotation)
    if text is not None:
        return text
    if type(annotation) is type:
        return annotation.__name__
    return _PATH.sub('', str(annotation))


def _text(annotation: Any) -> str | None:
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else None


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the annotation itself; None for None."""
    text = _text(annotation)
    if text is not None:
        yield from _parts_of_tree(parsed(text))
    elif get_origin(annotation) in UNIONS:
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield None if annotation is type(None) else annotation


def _parts_of_tree(tree: ast.expr) -> Iterator[Any]:
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
        yield from _parts_of_tree(tree.left)
        yield from _parts_of_tree(tree.right)
    elif isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        yield from _parts(tree.value)
    elif isinstance(tree, ast.Constant) and tree.value is None:
        yield None
    elif isinstance(tree, ast.Subscript) and _last_name(tree.value) in _UNIONS:
        inner = tree.slice
        for part in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
            yield from _parts_of_tree(part)
        if _last_name(tree.value) == 'Optional':
            yield None
    else:
        yield ast.unparse(tree)


def parsed(text: str) -> ast.expr:
    """Return the syntax tree of an annotation's text.

    Raises:
        ColumnError: the text is not an expression.
    """
    try:
        return ast.parse(text.strip(), mode='eval').body
    except SyntaxError as error:
        raise ColumnError(f'the annotation {show(text)} is not Python ({error})') from None


def _last_name(tree: ast.expr) -> str | None:
    if isinstance(tree, ast.Attribute):
        return tree.attr
    return tree.id if isinstance(tree, ast.Name) else None


def _name(part: Any, evaluate: Evaluate) -> str:
    """Return the name of a model, where it is defined; else the last part of the text."""
    model = part
    if isinstance(part, str):
        try:
            model = evaluate(part)
        except NameError:
            name = part.rpartition('.')[2]
            if name.isidentifier():
                return name
    if isinstance(model, ModelMeta):
        return model.__name__
    raise ColumnError(f'expected a model, got {show_annotation(part)}')
