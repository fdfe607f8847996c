"""The tree of errors, and what each carries."""

import copy
import inspect
import pickle
from typing import Any

import pytest

import rom
from rom import exceptions
from rom.exceptions import (
    ArgumentError,
    BulkError,
    ColumnError,
    CorruptRowError,
    DataRaceError,
    EntityDeletedError,
    InDoubtError,
    InvalidColumnValue,
    InvalidOperation,
    LineError,
    MigrationError,
    MissingColumn,
    ModelMovedError,
    NotReplicatedError,
    ORMError,
    QueryError,
    RestrictError,
    ServerError,
    ServerUnavailable,
    StaleEntityError,
    TransferError,
    UniqueKeyViolation,
    UnsafeError,
)

PARENTS: dict[type[Exception], tuple[type[Exception], ...]] = {
    UniqueKeyViolation: (ORMError,),
    InvalidOperation: (ORMError,),
    ColumnError: (ORMError,),
    BulkError: (ORMError,),
    LineError: (ORMError,),
    MigrationError: (ORMError,),
    ModelMovedError: (InvalidOperation,),
    QueryError: (InvalidOperation,),
    ArgumentError: (QueryError, TypeError, ValueError),
    TransferError: (InvalidOperation, ValueError),
    RestrictError: (InvalidOperation,),
    DataRaceError: (InvalidOperation,),
    EntityDeletedError: (InvalidOperation,),
    InDoubtError: (ORMError,),
    NotReplicatedError: (ORMError,),
    StaleEntityError: (EntityDeletedError,),
    MissingColumn: (ColumnError,),
    InvalidColumnValue: (ColumnError,),
    UnsafeError: (ColumnError,),
    CorruptRowError: (ORMError,),
    ServerError: (ORMError,),
    ServerUnavailable: (ORMError, ConnectionError),
    ORMError: (Exception,),
}
ALL = [
    error
    for error in vars(exceptions).values()
    if inspect.isclass(error)
    and issubclass(error, Exception)
    and not issubclass(error, Warning)
    and error.__name__[0] != '_'
]
CONFLICTS: list[Any] = [
    UniqueKeyViolation, DataRaceError, EntityDeletedError, StaleEntityError
]  # fmt: skip
EXAMPLES: list[Any] = [
    *[error('m', 'users', 5, ('a', 'b')) for error in CONFLICTS],
    UniqueKeyViolation('m', 'users', None, ('a',), value='x', holder=7),
    BulkError('m', [QueryError('q'), DataRaceError('r', 'users', 1)]),
    *[error('m') for error in ALL if error not in (*CONFLICTS, BulkError, CorruptRowError)],
]


@pytest.mark.parametrize('error', PARENTS)
def test_the_tree(error: type[Exception]) -> None:
    for parent in PARENTS[error]:
        assert issubclass(error, parent)
    others = set(PARENTS) - set(PARENTS[error]) - {error, ORMError}
    grand = {p for parent in PARENTS[error] for p in parent.__mro__}
    assert not [other for other in others if issubclass(error, other) and other not in grand]


def test_every_error_is_in_the_tree_and_says_when_it_is_raised() -> None:
    assert set(ALL) == set(PARENTS)
    for error in ALL:
        assert error.__doc__


def test_every_error_is_in_the_package() -> None:
    for error in ALL:
        assert getattr(rom, error.__name__) is error


def test_a_deleted_entity_is_no_race() -> None:
    assert not issubclass(EntityDeletedError, DataRaceError)
    assert not issubclass(DataRaceError, EntityDeletedError)


def test_a_unique_violation_is_no_invalid_operation() -> None:
    assert not issubclass(UniqueKeyViolation, InvalidOperation)


@pytest.mark.parametrize('error', CONFLICTS)
def test_conflicts_carry_what_they_are_about(error: Any) -> None:
    raised = error('taken', 'users', 5, ['a', 'b'])
    assert raised.args == ('taken', 'users', 5)
    assert str(raised) == 'taken'
    assert (raised.namespace, raised.id, raised.columns) == ('users', 5, ('a', 'b'))


@pytest.mark.parametrize('error', CONFLICTS)
def test_a_message_alone_is_enough(error: Any) -> None:
    raised = error('taken')
    assert raised.args == ('taken', None, None)
    assert (raised.namespace, raised.id, raised.columns) == (None, None, ())


def test_a_unique_violation_knows_the_value_and_its_holder() -> None:
    raised = UniqueKeyViolation('taken', 'users', 5, ('email',), value='x', holder=7)
    assert (raised.value, raised.holder) == ('x', 7)
    assert raised.args == ('taken', 'users', 5)


def test_a_bulk_error_has_the_errors() -> None:
    inner = [QueryError('a'), RestrictError('b')]
    raised = BulkError('two', inner)
    assert raised.errors == inner is not raised.errors
    assert str(raised) == 'two'
    assert BulkError('none').errors == []


def test_a_corrupt_row_has_the_key_the_column_and_the_bytes() -> None:
    raised = CorruptRowError('m', key='users:5', column='a', value=b'\xff', entities=(1, 2))
    assert (raised.key, raised.column, raised.value) == ('users:5', 'a', b'\xff')
    assert raised.entities == [1, 2]
    assert str(raised) == 'm'
    bare = CorruptRowError('m', 'users:5')
    assert (bare.column, bare.value, bare.entities) == (None, None, [])


@pytest.mark.parametrize('again', [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize('error', EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_can_be_sent_to_another_process(error: Any, again: Any) -> None:
    sent = again(error)
    assert type(sent) is type(error)
    assert str(sent) == str(error)
    assert sent.args == error.args
    for name, value in vars(error).items():
        assert repr(getattr(sent, name)) == repr(value)


@pytest.mark.parametrize('again', [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_corrupt_row_can_be_sent_to_another_process(again: Any) -> None:
    sent = again(CorruptRowError('m', key='users:5', column='a', value=b'x'))
    assert (sent.key, sent.column, sent.value, str(sent)) == ('users:5', 'a', b'x', 'm')


def test_a_lost_server_is_a_connection_error_to_programs_that_know_no_rom() -> None:
    with pytest.raises(ConnectionError):
        raise ServerUnavailable('gone')
