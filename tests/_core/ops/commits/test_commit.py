"""A commit that is tried again on the fresh row: by an operation that is sent its replies."""

from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest

import rom
from rom._core.encoding.keygens import IDENTITY
from rom._core.ops.commits.attempts import forget_doubts
from rom._core.ops.commits.commit import commit
from rom._core.ops.requests import Command, Script
from rom._core.writes.changes import Change
from rom.columns import ExpireAt, Text
from tests._core.ops.search.search_support import model_of


class RetriedBox(rom.Model):
    _namespace = 'retried'
    size = rom.Integer()
    flag = rom.Text()
    label = rom.Text(index=True, keygen2=lambda name, values: [f'{values[name]}{values["flag"]}'])


def row(**stored: bytes) -> list[bytes | None]:
    return [stored.get(name) for name in RetriedBox._schema.names]


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """Operations that a test leaves in the middle end with it, and not within the next one."""
    yield
    OPERATIONS.clear()
    forget_doubts()


OPERATIONS: list[Any] = []


def started(**more: Any) -> tuple[Any, Any]:
    stored = {'id': b'1', 'size': b'5', 'flag': b'a', 'label': b'x'}
    wanted = {'label': b'y', 'size': b'6'}
    values = {'label': 'y', 'size': 6}
    change = Change(RetriedBox._schema, 'update', 1, stored, wanted, values, **more)
    operation = commit([change])
    OPERATIONS.append(operation)
    return operation, next(operation)


def expected(script: Script) -> dict[bytes, Any]:
    request = msgpack.unpackb(script.request, raw=True)
    if isinstance(request, list):  # of one change, see lua/lib/lone_update.lua
        count = request[4]
        return dict(zip(request[7 : 7 + count], request[7 + count : 7 + 2 * count], strict=True))
    [[_, fields, found, _]] = request[b'old'][b'updates']
    return dict(zip(fields, found, strict=True))


def test_a_column_that_a_keygen_looked_at_is_looked_at_again() -> None:
    operation, script = started()
    assert expected(script)[b'flag'] == b'a'
    read = operation.send([b'race', b'retried:1', b'flag'])
    assert isinstance(read, Command)
    again = operation.send(row(id=b'1', size=b'5', flag=b'b', label=b'x'))
    assert expected(again)[b'flag'] == b'b'


@pytest.mark.parametrize('more', [{}, {'depends_on': ('flag', 'size')}])
def test_what_is_written_must_still_be_as_it_was(more: Any) -> None:
    """Between the race and the look at the fresh row, yet another writer may come."""
    operation, script = started(**more)
    assert expected(script)[b'size'] == b'5'
    try:
        operation.send([b'race', b'retried:1', b'flag'])
    except rom.DataRaceError:
        assert more  # it rests on the flag
        return
    again = operation.send(row(id=b'1', size=b'7', flag=b'b', label=b'x'))
    assert expected(again)[b'size'] == b'5'
    with pytest.raises(rom.DataRaceError):
        operation.send([b'race', b'retried:1', b'size'])


def test_what_a_change_rests_on_is_compared() -> None:
    _, script = started(depends_on=RetriedBox._schema.names)
    assert expected(script) == {
        b'label': b'x', b'size': b'5', b'flag': b'a', b'-index-data-': False,
    }  # fmt: skip
    _, script = started()
    assert b'size' in expected(script)


def test_a_forced_change_takes_the_row_as_it_is() -> None:
    operation, _ = started(forced=True)
    operation.send([b'race', b'retried:1', b'size'])
    again = operation.send(row(id=b'1', size=b'7', flag=b'b', label=b'x'))
    assert expected(again)[b'size'] == b'7'


# --- links --------------------------------------------------------------------------------------


class RetriedTag(rom.Model):
    name = rom.Text()


class RetriedPost(rom.Model):
    tags = rom.ManyToMany('RetriedTag')


@pytest.mark.parametrize(
    ('wanted', 'between', 'then', 'written'),
    [
        (b'6', b'6', b'5,6', b'6'),  # what was removed came back
        (b'6', None, b'5', False),
        (b'5,6,7', b'5,6,7', b'6', b'6,7'),  # what was added went away, and another with it
        (b'6,7', b'7', b'5,8', b'7,8'),
    ],
)
def test_links_are_changed_as_asked_at_each_try(
    wanted: bytes, between: bytes | None, then: bytes, written: bytes | bool
) -> None:
    values = {'tags': tuple(map(int, wanted.split(b',')))}
    stored = {'id': b'1', 'tags': b'5,6'}
    change = Change(RetriedPost._schema, 'update', 1, stored, {'tags': wanted}, values)
    operation = commit([change])
    OPERATIONS.append(operation)
    script = next(operation)
    for found in (between, then):
        operation.send([b'race', b'RetriedPost:1', b'tags'])
        fresh = {'id': b'1', 'tags': found}
        script = operation.send([fresh.get(name) for name in RetriedPost._schema.names])
    [[_, fields, found, becomes]] = msgpack.unpackb(script.request, raw=True)[b'old'][b'updates']
    place = fields.index(b'tags')
    assert (found[place], becomes[place]) == (then, written)


# --- deletes -------------------------------------------------------------------------------------

SCHEMA = model_of(until=ExpireAt(), name=Text(index=True, keygen=IDENTITY))._schema
STORED = {'id': b'1', 'until': b'5.0', 'name': b'old'}


def delete(**more: Any) -> Change:
    return Change(SCHEMA, 'delete', 1, STORED, {}, {}, **more)


def after(change: Change, fresh: dict[str, bytes]) -> Callable[[list[bytes]], Any]:
    """The commit's next step, once the name had changed and the row was found to be `fresh`."""
    running = commit([change], tell_gone=True)
    assert isinstance(next(running), Script)
    asked = running.send([b'race', b'Thing:1', b'name'])
    assert isinstance(asked, Command)
    assert asked.args[0] == 'HMGET'
    assert isinstance(running.send([fresh.get(name) for name in SCHEMA.names]), Script)
    return running.send


def test_a_delete_is_tried_again_on_the_fresh_row() -> None:
    for change in (delete(), delete(depends_on=('until',))):
        with pytest.raises(StopIteration) as done:
            after(change, {**STORED, 'name': b'new'})([b'ok', b'0'])
        assert done.value.value.gone == {0}


def test_not_if_what_it_rests_on_changed_meanwhile() -> None:
    moved = {**STORED, 'until': b'9e9', 'name': b'new'}
    with pytest.raises(rom.DataRaceError):
        after(delete(depends_on=('until',)), moved)([b'race', b'Thing:1', b'until'])
    with pytest.raises(StopIteration):
        after(delete(), moved)([b'ok', b'1'])
    with pytest.raises(StopIteration):  # what is gone is the script's to find
        after(delete(depends_on=('until',)), {})([b'ok', b'0'])
