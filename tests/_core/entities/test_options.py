"""Options of a model that stand in a base behind `rom.Model`: they count as those in front."""

from __future__ import annotations

from typing import Any

import pytest

import rom

SHARDS = rom.Shards('basesbehind', 4)


class InPartitions:
    _shards = SHARDS
    _shard_by = 'place'


class SoftlyDeleted:
    _soft_delete = 'gone'


class Kept:
    _keep_index_data = True


def options_of(model: Any) -> tuple[Any, ...]:
    schema = model._schema
    placement = schema.placement
    group = None if placement is None else (placement.group, placement.by)
    return group, schema.soft_delete, schema.keep_index_data


@pytest.mark.parametrize('is_behind', [False, True], ids=['in front', 'behind'])
def test_options_of_bases(is_behind: bool) -> None:
    bases = (InPartitions, SoftlyDeleted)
    columns = {'place': rom.Integer(required=True), 'gone': rom.DateTime(index=True)}
    every = (rom.Model, *bases) if is_behind else (*bases, rom.Model)
    base: Any = type('OptionsOfBases', every, columns)
    assert options_of(base) == ((SHARDS, 'place'), 'gone', False)
    assert base._shards is SHARDS and base._soft_delete == 'gone'
    further: Any = type('OptionsFurther', (base,), {'name': rom.Text()})
    assert options_of(further) == options_of(base)
    kept = (rom.Model, Kept) if is_behind else (Kept, rom.Model)
    assert options_of(type('OptionsKept', kept, {}))[2]


def test_classes_in_front_come_first() -> None:
    class Other:
        _soft_delete = 'late'

    class InFront(Other, rom.Model, SoftlyDeleted):
        gone = rom.DateTime(index=True)
        late = rom.DateTime(index=True)

    class Own(rom.Model, SoftlyDeleted, InPartitions):
        _soft_delete = None
        _shards = None
        _shard_by = None
        gone = rom.DateTime(index=True)

    assert options_of(InFront)[1] == 'late'
    assert options_of(Own) == (None, None, False)


def test_models_by_annotations() -> None:
    class TypedBehind(rom.TypedModel, InPartitions):
        place: rom.Mapped[int]

    assert options_of(TypedBehind)[0] == (SHARDS, 'place')
