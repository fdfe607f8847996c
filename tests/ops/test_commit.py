"""Committing, with replies sent by hand: what happens between an objection and the next try."""

from collections.abc import Callable
from typing import Any

import pytest

from rom.changes import Change
from rom.columns import ExpireAt, Text
from rom.encoding.keygens import IDENTITY
from rom.exceptions import DataRaceError
from rom.ops.commit import commit
from rom.ops.requests import Command, Script
from tests.ops.search_support import model_of

SCHEMA = model_of(until=ExpireAt(), name=Text(index=True, keygen=IDENTITY))._schema
STORED = {'id': b'1', 'until': b'5.0', 'name': b'old'}


def delete(**more: Any) -> Change:
    return Change(SCHEMA, 'delete', 1, STORED, {}, {}, **more)


def after(change: Change, fresh: dict[str, bytes]) -> Callable[[list[bytes]], Any]:
    """The commit's next step, once the name had changed and the row was found to be `fresh`."""
    running = commit([change], b'done', tell_gone=True)
    assert isinstance(next(running), Script)
    asked = running.send([b'race', b'Thing:1', b'name'])
    assert isinstance(asked, Command)
    assert asked.args[0] == 'HMGET'
    assert isinstance(running.send([fresh.get(name) for name in SCHEMA.names]), Script)
    return running.send


def test_a_delete_is_tried_again_on_the_fresh_row() -> None:
    for change in (delete(), delete(rests_on=('until',))):
        with pytest.raises(StopIteration) as done:
            after(change, {**STORED, 'name': b'new'})([b'ok', b'0'])
        assert done.value.value.gone == {0}


def test_not_if_what_it_rests_on_changed_meanwhile() -> None:
    moved = {**STORED, 'until': b'9e9', 'name': b'new'}
    with pytest.raises(DataRaceError):
        after(delete(rests_on=('until',)), moved)
    with pytest.raises(StopIteration):
        after(delete(), moved)([b'ok', b'1'])
    with pytest.raises(StopIteration):  # what is gone is the script's to find
        after(delete(rests_on=('until',)), {})([b'ok', b'0'])
