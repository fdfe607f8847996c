"""Value types: an annotated type in its parts: the type itself, None, and metadata."""

import types
from collections.abc import Callable
from typing import Annotated, Any, ForwardRef, Literal, NamedTuple, Union, get_args, get_origin

UNIONS = (Union, types.UnionType)


class ValueType(NamedTuple):
    """A type as an annotation has it.

    Attributes:
        form: the type, without None and metadata.
        is_nullable: None is a value, too.
        metadata: the metadata of all `Annotated` around the type.
    """

    form: Any
    is_nullable: bool
    metadata: tuple[Any, ...]


def value_type(annotation: Any, evaluate: Callable[[str], Any]) -> ValueType:
    """Return the parts of a type.

    Args:
        annotation: the type, or its text.
        evaluate: returns the object that a text stands for.

    >>> value_type(Annotated[int | None, 'years'], eval)
    ValueType(form=<class 'int'>, is_nullable=True, metadata=('years',))
    """
    form, is_nullable, metadata = annotation, False, ()
    while True:
        if isinstance(form, (str, ForwardRef)):
            form = evaluate(form if isinstance(form, str) else form.__forward_arg__)
        elif get_origin(form) is Annotated:
            metadata = (*form.__metadata__, *metadata)
            form = form.__origin__
        elif get_origin(form) in UNIONS and type(None) in get_args(form):
            is_nullable = True
            form = _without_none(form)
        elif get_origin(form) is Literal and None in get_args(form):
            is_nullable = True
            form = Literal[tuple(value for value in get_args(form) if value is not None)]
        elif hasattr(form, '__supertype__'):  # a NewType
            form = form.__supertype__
        elif type(form).__name__ == 'TypeAliasType':  # type Name = ...
            form = form.__value__
        else:
            return ValueType(form, is_nullable, metadata)


def _without_none(form: Any) -> Any:
    rest = tuple(part for part in get_args(form) if part is not type(None))
    return Union[rest]  # noqa: UP007  # of a tuple
