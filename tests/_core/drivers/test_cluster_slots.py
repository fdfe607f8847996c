"""Slots: what decides where a request goes. No server."""

import pytest
from redis.crc import key_slot

from rom._core.drivers.cluster_slots import in_groups, key_of, slot_of
from rom._core.drivers.commands import command_of
from rom._core.encoding.keys import hash_tag
from rom._core.ops.requests import Command, Script
from rom.exceptions import InvalidOperation


@pytest.mark.parametrize(
    ('key', 'tag'),
    [
        (b'{users}:5', b'users'),
        (b'shop{users}:{x}', b'users'),
        (b'{{users}', b'{users'),
        (b'users:5', b''),
        (b'{}users}', b''),
        (b'}users{', b''),
        (b'{users', b''),
    ],
)
def test_the_tag_of_a_key(key: bytes, tag: bytes) -> None:
    assert hash_tag(key) == tag
    if tag:
        assert slot_of(key) == key_slot(key) == key_slot(tag)
    else:
        with pytest.raises(InvalidOperation, match='has no hash tag'):
            slot_of(key)


def test_only_scripts_with_a_tag_declare_a_second_key() -> None:
    """A single server gets what it got before."""
    one, two = Script('search', b'users:id:', b'x'), Script('search', b'{users}:id:', b'x')
    assert command_of(one)[2:] == (b'1', b'users:id:', b'x')
    name, _, number, first, second, request = command_of(two)
    assert (name, number, first, request) == ('EVALSHA', b'2', b'{users}:id:', b'x')
    assert second != first and key_slot(second) == key_slot(first)
    assert second.startswith(first)  # so an access list that allows the one allows the other


def test_the_key_of_a_request() -> None:
    assert key_of(Command('HGET', 'users:5', 'x')) == b'users:5'
    assert key_of(Command('SCAN', 0, 'MATCH', 'x*', key=b'{x}')) == b'{x}'
    assert [key_of(Command(*args)) for args in (('DBSIZE',), ('PING', 'x'), ('EVAL', '', 0))] == [
        None, None, None,
    ]  # fmt: skip


def test_what_needs_no_slot_goes_with_the_others() -> None:
    asked, read = Command('EVAL', 'return 1', 0), Command('GET', b'{a}')
    other = Script('load', b'{b}', b'')
    slot_a, slot_b = key_slot(b'a'), key_slot(b'b')
    assert in_groups([asked, read, other, read]) == [(slot_a, [0, 1, 3]), (slot_b, [2])]
    assert in_groups([asked]) == [(None, [0])]
