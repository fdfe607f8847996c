"""The record of a move: what is refused to begin, and what another program has stored there."""

from typing import Any

import pytest
import redis

import rom
from tests.support.moving import GROUP, PARTITIONS, after, assert_moved, before, fill, forget
from tests.support.servers import dump

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]
DECLARED = f'{{{GROUP}}}:shards'


def refusal(model: Any, kind: type[Exception] = rom.InvalidOperation, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        list(rom.maintenance.shard(model, GROUP, **options))
    return str(caught.value)


def test_nothing_to_move(raw: redis.Redis) -> None:
    said = refusal(after())
    assert "expected rows in the namespace 'Resident', found none" in said
    assert raw.dbsize() == 0


def test_rows_without_a_live_bitmap(raw: redis.Redis) -> None:
    fill(before(), 3)
    raw.delete('Resident:id:live')
    stored = dump(raw)
    assert 'rom reindex' in refusal(after())
    assert dump(raw) == stored


def test_rows_in_both_places(raw: redis.Redis) -> None:
    model = after()
    model(name='here').save()
    rom.session.rollback()
    fill(before(), 3)
    stored = dump(raw)
    assert 'has its rows already' in refusal(after())
    assert dump(raw) == stored


@pytest.mark.parametrize(('field', 'value'), [('partitions', '8'), ('tags', '7')])
def test_another_declaration(raw: redis.Redis, field: str, value: str) -> None:
    fill(before(), 3)
    raw.hset(DECLARED, field, value)
    stored = dump(raw)
    assert f'{field} as' in refusal(after())
    assert dump(raw) == stored


def test_another_group(raw: redis.Redis) -> None:
    fill(before(), 9)
    next(iter(steps := rom.maintenance.shard(after(), GROUP, batch=2)))
    next(steps)
    steps.close()
    stored = dump(raw)
    forget('Resident')
    other = type('Resident', (rom.Model,), {'_shards': rom.Shards('city', 3), 'age': rom.Integer()})
    with pytest.raises(rom.InvalidOperation, match="moved into the group 'town', not 'city'"):
        list(rom.maintenance.shard(other, 'city'))
    assert {k: v for k, v in dump(raw).items() if not k.startswith(b'{city}')} == stored


@pytest.mark.parametrize(
    'fields', [{'phase': 'x'}, {'token': '-'}, {'after': 'a'}, {'group': GROUP, 'phase': 'moved'}]
)
def test_a_record_that_rom_did_not_write(raw: redis.Redis, fields: dict[str, str]) -> None:
    fill(before(), 3)
    raw.hset('Resident:id:moved', mapping=fields)
    stored = dump(raw)
    said = refusal(after(), rom.CorruptRowError if 'group' not in fields else rom.ORMError)
    assert 'Resident:id:moved should hold the record of a move' in said
    assert dump(raw) == stored


def test_fields_without_a_column_are_not_lost(raw: redis.Redis) -> None:
    expected = fill(before(), 9)
    raw.hset('Resident:4', 'fax', '7')
    said = refusal(after(), batch=3)
    assert 'Resident:4: the row has fields that Resident does not declare' in said
    assert before().get(4).age == 4  # nothing was given up
    rom.session.rollback()
    raw.hdel('Resident:4', 'fax')
    model = after()
    list(rom.maintenance.shard(model, GROUP))
    assert_moved(model, expected)


def test_a_row_that_does_not_decode(raw: redis.Redis) -> None:
    expected = fill(before(), 9)
    raw.hset('Resident:4', 'age', 'x')
    assert 'age' in refusal(after(), rom.CorruptRowError)
    raw.hset('Resident:4', 'age', '4')
    model = after()
    list(rom.maintenance.shard(model, GROUP))
    assert_moved(model, expected)


def test_a_unique_value_with_two_owners(raw: redis.Redis) -> None:
    expected = fill(before(), 4)
    raw.hset('Resident:4', 'email', 'e1')
    said = refusal(after(), rom.UniqueKeyViolation)
    assert "email='e1' belongs to {town}Resident:" in said
    raw.hset('Resident:4', 'email', 'e4')
    model = after()
    list(rom.maintenance.shard(model, GROUP))
    assert_moved(model, expected)


def test_another_namespace(raw: redis.Redis) -> None:
    expected = fill(before(_namespace='{app}Resident'), 7)
    model = after()
    assert "'Resident', found none" in refusal(model)
    steps = rom.maintenance.shard(model, GROUP, batch=3, source='{app}Resident')
    for _ in steps:
        if raw.hget(b'{app}Resident:id:moved', 'phase') != b'moved':
            with pytest.raises(rom.ModelMovedError, match=r"in the namespace '\{app\}Resident'"):
                model.get(1)
    assert_moved(model, expected)
    assert raw.hget(DECLARED, 'partitions') == b'%d' % PARTITIONS


def test_two_namespaces(raw: redis.Redis) -> None:
    """Their rows have the same ids, so one move would remove the copies of the other."""
    fill(before(), 5)
    expected = fill(before(_namespace='{app}Resident'), 9)
    model = after()
    for _ in (steps := rom.maintenance.shard(model, GROUP, batch=2, source='{app}Resident')):
        if raw.type('{app}Resident:1') == b'string':
            break
    steps.close()
    stored = dump(raw)
    said = refusal(model, source='Resident')
    assert "being moved from the namespace '{app}Resident', not 'Resident'" in said
    assert dump(raw) == stored
    list(rom.maintenance.shard(model, GROUP, source='{app}Resident'))
    assert_moved(model, expected)
