"""Commits of one row: which of them are lists, and what they write."""

from typing import Any

import pytest
import redis

import rom
from rom._core.encoding.keygens import FULL_TEXT, IDENTITY
from rom._core.ops.commits import lone_row
from rom._core.ops.commits.attempts import Attempt
from rom._core.writes.planner import plan
from tests.support.servers import dump


class LoneBox(rom.Model):
    name = rom.Text(unique=True, index=True, keygen=IDENTITY)
    note = rom.Text(index=True, prefix=True, suffix=True, keygen=FULL_TEXT)
    size = rom.Integer(index=True)
    both = rom.Text(index=True, keygen2=lambda name, values: [f'{values["name"]}{values["size"]}'])


class LoneLinks(rom.Model):
    boxes = rom.ManyToMany('LoneBox')


class LoneMortal(rom.Model):
    size = rom.Integer(index=True)
    dies_at = rom.ExpireAt()


def parts_of(entity: rom.Model) -> frozenset[str] | None:
    """The parts of the script for a list; None: the write needs a map."""
    change = entity._change(False, False)
    assert change is not None
    attempt = Attempt(b'head:')
    attempt._begin()
    script = lone_row.request_of(plan(change), attempt)
    return script and script.parts


@pytest.mark.one_server
@pytest.mark.usefixtures('on_client')
def test_which_writes_are_lists() -> None:
    box = LoneBox(name='a', size=1)
    assert 'lone_insert' in (parts_of(box) or ())
    assert parts_of(LoneBox(note=' '.join(f'w{number}' for number in range(3000)))) is None
    box.save()
    box.size = 2
    assert 'lone_update' in (parts_of(box) or ())
    box.name = 'b'  # releases a unique value
    assert parts_of(box) is None
    assert parts_of(LoneLinks()) is None
    mortal = LoneMortal(size=1)
    assert parts_of(mortal) is not None
    mortal.save()
    mortal.size = 2  # the script must compare the time of its expiry
    assert parts_of(mortal) is None
    rom.session.rollback()


CHANGES: list[dict[str, Any]] = [
    {'size': 2}, {'size': None}, {'note': 'a c c d'}, {'note': None, 'size': 3}, {'note': ''},
]  # fmt: skip


def written(raw: redis.Redis, start: dict[str, Any]) -> list[dict[bytes, Any]]:
    """All data after an insert, and after each change; notes and times of epochs apart."""
    found = []
    box = LoneBox(**start)
    for change in [{}, *CHANGES]:
        for name, value in change.items():
            setattr(box, name, value)
        box.save()
        data = dump(raw)
        found.append({k: v for k, v in data.items() if b':done:' not in k and b'epochs' not in k})
    box.delete()
    return found


@pytest.mark.usefixtures('on_client')
@pytest.mark.parametrize(
    'start',
    [{'name': 'x', 'note': 'a b', 'size': 1}, {'note': 'a b a'}, {'name': 'x', 'size': 0}, {}],
)
def test_both_forms_write_the_same(
    raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, start: dict[str, Any]
) -> None:
    LoneBox().save()
    counter = raw.get('LoneBox:id:')
    as_lists = written(raw, start)
    raw.set('LoneBox:id:', counter or b'')
    monkeypatch.setattr(lone_row, 'MOST_ITEMS', 0)
    assert written(raw, start) == as_lists
