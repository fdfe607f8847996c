"""Common ground of the parts of a session: their steps, and checks of what programs pass.

The work of a session is done by generators, written once for both sessions. A generator yields
`RunOn(model, operation)`, and is sent the result of that operation on the connection of the model.
Session runs it at once, AsyncSession awaits it.

A *part* of a session is an object with such generators for one task, as loading or deleting. It
has the identity map of the session and the parts that it calls. The few parts that need the session
itself refer to it weakly: a circle would keep a dropped session, and its warning of unwritten
changes, until Python's garbage collector runs.
"""

from collections.abc import Callable, Generator, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops.requests import Operation
from rom._core.session_protocols import SessionLike
from rom.exceptions import ArgumentError, ORMError

if TYPE_CHECKING:
    from rom._core.query import Query

T = TypeVar('T')


class RunOn(NamedTuple):
    """An operation, with the model on whose connection it runs.

    Attributes:
        model: the model.
        operation: the operation.
        in_a_crowd: one with the same result, for a connection with many requests under way; it
            takes more round trips, and less of the server's time. None: the same.
        nearby: one with the same result, for a server that is near; as `in_a_crowd`.
    """

    model: type[Model]
    operation: Operation[Any]
    in_a_crowd: Operation[Any] | None = None
    nearby: Operation[Any] | None = None


Work: TypeAlias = Generator[RunOn, Any, T]


#: Returns the session that has a part, while it lives.
SessionRef: TypeAlias = Callable[[], SessionLike]


def check_entity(entity: object) -> None:
    """Raise ORMError for an object that is not an entity."""
    if not isinstance(entity, Model):
        raise ORMError(f'a session takes entities of models, not {show(entity)}')


def flat(objects: Iterable[Any]) -> list[Any]:
    """Return entities, and those in nested lists, as one list.

    Raises:
        ORMError: an item is neither an entity nor a list.
    """
    found: list[Any] = []
    try:
        _collect(objects, found)
    except RecursionError:
        raise ORMError('lists of entities lie too deep in one another') from None
    return found


def _collect(objects: Iterable[Any], into: list[Any]) -> None:
    for item in objects:
        if isinstance(item, (list, tuple, set, frozenset)):
            _collect(item, into)
        else:
            check_entity(item)
            into.append(item)


def model_of(query: Any) -> Any:
    """Return the model of a query.

    Raises:
        ArgumentError: the argument is not a query.
    """
    if not isinstance(query, _query_class()):
        raise ArgumentError(
            f'the session was given {show(query)}: expected a query, as User.query.filter(age=42)'
        )
    return query.model


@cache
def _query_class() -> 'type[Query[Any]]':
    """Return the class of queries; cached, because an import at each query takes its time."""
    from rom._core.query import Query

    return Query
