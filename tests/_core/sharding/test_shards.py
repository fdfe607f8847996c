"""Groups: names, numbers, and the tags of partitions."""

import os
from typing import Any

import pytest

import rom
from rom._core.sharding.tags import SLOTS, number_of_value, slot_of_tag


@pytest.mark.parametrize('count', [1, 3, 64, 512])
def test_tags_divide_the_slots_and_have_one_width(count: int) -> None:
    shards = rom.Shards('shop', count)
    tags = [shards.tag(number) for number in range(count)]
    assert [slot_of_tag(tag.encode()) * count // SLOTS for tag in tags] == list(range(count))
    assert len({len(tag) for tag in tags}) == 1 and len(set(tags)) == count


def test_slots_are_those_of_the_client_library() -> None:
    from redis.crc import key_slot

    for tag in (b'shop:017.0068', b'x', 'é'.encode()):
        assert slot_of_tag(tag) == key_slot(tag)


@pytest.mark.parametrize('name', ['', 'a{b', 'a}', 'a:b', 5, None, b'shop', '\ud800'])
def test_names_that_are_refused(name: Any) -> None:
    with pytest.raises(rom.ORMError):
        rom.Shards(name, 4)


@pytest.mark.parametrize('count', [0, -1, 513, True, 4.0, '4', None])
def test_numbers_that_are_refused(count: Any) -> None:
    with pytest.raises(rom.ORMError, match='expected an int from 1 to 512'):
        rom.Shards('shop', count)


def test_new_rows_go_to_each_partition_in_turn() -> None:
    shards = rom.Shards('shop', 5)
    assert sorted(shards._next_partition() for _ in range(5)) == list(range(5))
    assert repr(shards) == "Shards('shop', 5)"


def test_a_forked_process_begins_elsewhere() -> None:
    """A random start of its own: among 512 partitions, 20 children do not all agree."""
    shards = rom.Shards('shop', 512)
    shards._next_partition()
    met = set()
    for _ in range(20):
        readable, writable = os.pipe()
        child = os.fork()
        if not child:
            os.write(writable, b'%d' % shards._next_partition())
            os._exit(0)
        os.waitpid(child, 0)
        met.add(os.read(readable, 10))
        os.close(readable)
        os.close(writable)
    assert len(met) > 1


def test_values_spread() -> None:
    numbers = [number_of_value(b'%d' % value, 64) for value in range(6400)]
    assert min(map(numbers.count, range(64))) > 50
