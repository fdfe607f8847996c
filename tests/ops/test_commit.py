"""A commit that is tried again on the fresh row: by an operation that is sent its replies."""

from typing import Any

import msgpack
import pytest

import rom
from rom.changes import Change
from rom.ops.commit import commit
from rom.ops.requests import Command, Script


class RetriedBox(rom.Model):
    _namespace = 'retried'
    size = rom.Integer()
    flag = rom.Text()
    label = rom.Text(index=True, keygen2=lambda name, values: [f'{values[name]}{values["flag"]}'])


def row(**stored: bytes) -> list[bytes | None]:
    return [stored.get(name) for name in RetriedBox._schema.names]


def started(**more: Any) -> tuple[Any, Any]:
    stored = {'id': b'1', 'size': b'5', 'flag': b'a', 'label': b'x'}
    wanted = {'label': b'y', 'size': b'6'}
    values = {'label': 'y', 'size': 6}
    change = Change(RetriedBox._schema, 'update', 1, stored, wanted, values, **more)
    operation = commit([change], b'done')
    return operation, next(operation)


def expected(script: Script) -> dict[bytes, Any]:
    [[_, fields, found, _]] = msgpack.unpackb(script.request, raw=True)[b'updates']
    return dict(zip(fields, found, strict=True))


def test_a_column_that_a_keygen_looked_at_is_looked_at_again() -> None:
    operation, script = started()
    assert expected(script)[b'flag'] == b'a'
    read = operation.send([b'race', b'retried:1', b'flag'])
    assert isinstance(read, Command)
    again = operation.send(row(id=b'1', size=b'5', flag=b'b', label=b'x'))
    assert expected(again)[b'flag'] == b'b'


@pytest.mark.parametrize('more', [{}, {'rests_on': ('flag', 'size')}])
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
    _, script = started(rests_on=RetriedBox._schema.names)
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
