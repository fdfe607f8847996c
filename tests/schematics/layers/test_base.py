"""A layer of a user's own: one small class."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import redis

from rom._core.ops.commits.raw_commands import Check, Step
from rom._core.ops.requests import Command, Operation
from rom.exceptions import DataRaceError
from rom.schematics import BaseRedisMixin, transaction
from rom.schematics.keys import ModelKeys
from rom.schematics.layers import Layer, Raw, Task
from tests.schematics.support import fill, model, pks


class ListLayer(Layer):
    """Each object is a list of names and values."""

    has_parts = False

    def write(self, task: Task) -> list[Step]:
        assert task.raw is not None
        pairs = [(name.encode(), value) for name, value in task.raw.items() if value is not None]
        key = task.keys.key(task.pk)
        return [(b'DEL', key), (b'RPUSH', key, *(part for pair in pairs for part in pair))]

    def remove(self, keys: ModelKeys, pk: str) -> list[Step]:
        return [(b'DEL', keys.key(pk))]

    def expect(self, keys: ModelKeys, pk: str, raw: Raw) -> list[Check]:
        there = [(name.encode(), value) for name, value in raw.items() if value is not None]
        parts = tuple(part for pair in there for part in pair)
        return [Check((b'LRANGE', keys.key(pk), b'0', b'-1'), parts or (None,))]

    def load(self, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        found: list[Raw | None] = []
        for pk in pks:
            parts = yield Command('LRANGE', keys.key(pk), 0, -1)
            pairs = zip(parts[::2], parts[1::2], strict=True)
            found.append({name.decode(): value for name, value in pairs} or None)
        return found

    def page(self, keys: ModelKeys, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        cursor, found_keys = yield Command('SCAN', cursor, 'MATCH', keys.pattern(), 'TYPE', 'list')
        pks = [pk for key in found_keys if (pk := keys.pk_of(key)) is not None]
        raws = yield from self.load(keys, pks)
        return {pk: raw for pk, raw in zip(pks, raws, strict=True) if raw}, cursor


class ListMixin(BaseRedisMixin):
    __layer__ = ListLayer()


@pytest.mark.one_server
def test_a_layer_of_ones_own(raw: redis.Redis) -> None:
    kind = model(ListMixin, raw)
    fill(kind)
    assert raw.type('IceCream:vanilla') == b'list'
    assert pks(kind.filter(amount_kg__gte=30, flavour__not=None)) == ['vanilla']
    mine, theirs = kind.match(id='vanilla'), kind.match(id='vanilla')
    theirs.amount_kg = 1
    theirs.set(if_unchanged=True)
    with pytest.raises(DataRaceError), transaction():
        kind.match(id='choc').delete()
        mine.set(if_unchanged=True)
    assert kind.delete_filter(amount_kg=1) == 1
    assert kind.delete_all() == 3
