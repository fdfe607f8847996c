"""IPAddress: exact equality, order, ranges and networks, of both versions."""

import ipaddress
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

import rom
from rom._core.columns.addresses import IPAddress, number_of
from tests.support.stories import both

pytestmark = pytest.mark.one_server

ip, network = ipaddress.ip_address, ipaddress.ip_network

#: In order.
ADDRESSES = [
    ip(text)
    for text in (
        '0.0.0.0', '10.0.0.0', '10.255.255.255', '11.0.0.0', '255.255.255.255', '::', '::1',
        '::ffff:10.0.0.1', '2001:db8::', '2001:db8::1', '2001:db8::2',
        '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db9::',
        'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    )
]  # fmt: skip


class AddressVisit(rom.Model):
    _namespace = '{addresses}visit'
    ip = rom.IPAddress(index=True)
    only = rom.IPAddress(unique=True)


@given(st.ip_addresses(), st.ip_addresses())
def test_numbers(one: Any, other: Any) -> None:
    column = IPAddress()
    assert column.decode(column.encode(one)) == one
    assert column.check(str(one)) == one
    is_less = (one.version, int(one)) < (other.version, int(other))
    assert (number_of(one) < number_of(other)) == is_less


@pytest.mark.parametrize(
    ('given', 'says'),
    [
        ('10.0.0', 'expected an address of IPv4 or IPv6 or its text'),
        (167772160, 'got 167772160'),
        (b'\x0a\0\0\1', 'expected an address'),
        ('10.0.0.1/8', 'expected an address'),
        (network('10.0.0.0/8'), 'expected an address'),
        (ipaddress.ip_interface('10.0.0.1/8'), r'pass its \.ip'),
        ('fe80::1%eth0', 'pass the part before the %'),
    ],
)
def test_what_is_refused(on_client: Any, given: Any, says: str) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=rf'AddressVisit\.ip: .*{says}'):
        AddressVisit(ip=given)


@pytest.mark.parametrize(
    ('given', 'says'),
    [
        ('10.0.0.1/8', r'is not a network \(10.0.0.1/8 has host bits set\)'),
        ('x/y', 'is not a network'),
        (5.5, 'expected an address'),
        ((5, 6), 'expected an address'),
    ],
)
def test_what_a_filter_refuses(on_client: Any, given: Any, says: str) -> None:
    with pytest.raises(rom.QueryError, match=says):
        AddressVisit.query.filter(ip=given).all()


@both(AddressVisit)
async def test_queries(s: Any) -> None:
    for address in reversed(ADDRESSES):
        AddressVisit(ip=address)
    await s.commit()
    s.rollback()
    query, column = AddressVisit.query, AddressVisit.ip
    for found, those in [
        (query.filter(ip='2001:db8::1'), [ip('2001:db8::1')]),
        (query.filter(ip=[ip('::1'), '10.0.0.0']), [ip('10.0.0.0'), ip('::1')]),
        (query.filter(ip=network('10.0.0.0/8')), ADDRESSES[1:3]),
        (query.filter(ip='2001:db8::/32'), ADDRESSES[8:12]),
        (query.filter(ip='2001:db8::/127'), ADDRESSES[8:10]),
        (query.filter(ip='2001:db8::2/128'), ADDRESSES[10:11]),
        (query.filter(ip='0.0.0.0/0'), ADDRESSES[:5]),
        (query.filter(ip='::/0'), ADDRESSES[5:]),
        (query.filter(ip=['10.0.0.0/9', '2001:db9::/32']), [ADDRESSES[1], ADDRESSES[12]]),
        (query.where(~(column == network('::/0'))), ADDRESSES[:5]),
        (query.filter(ip=('10.0.0.1', '2001:db8::1')), ADDRESSES[2:10]),
        (query.where(column > '2001:db8::1'), ADDRESSES[10:]),
        (query.where(column >= '2001:db8::1'), ADDRESSES[9:]),
        (query.where(column < '2001:db8::1'), ADDRESSES[:9]),
        (query.where(column > '255.255.255.255'), ADDRESSES[5:]),
        (query.where(column < '::'), ADDRESSES[:5]),
        (query.where(column.between('::', '::1')), ADDRESSES[5:7]),
        (query.where(column.is_none()), []),
    ]:
        rows = await s.all(found.order_by('ip').select('ip'))
        assert [row['ip'] for row in rows] == those, found
    seen: list[Any] = []
    page = await s.page(query.order_by('-ip'), 3)
    while True:
        seen += [visit.ip for visit in page.items]
        if page.next is None:
            break
        page = await s.page(query.order_by('-ip'), 3, after=page.next)
    assert seen == ADDRESSES[::-1]
    assert (await s.min(query, 'ip'), await s.max(query, 'ip')) == (ADDRESSES[0], ADDRESSES[-1])
    assert await s.facets(query.filter(ip='::1/128'), 'ip') == {ip('::1'): 1}
    assert await s.update_all(query.filter(ip='10.0.0.0/8'), ip='::2') == 2
    assert await s.count(query.filter(ip='::2')) == 2


def test_a_value_belongs_to_one_entity(on_client: Any) -> None:
    AddressVisit(only='2001:db8::1').save()
    with pytest.raises(rom.UniqueKeyViolation):
        AddressVisit(only='2001:0db8:0::1').save()
    rom.session.rollback()
    assert AddressVisit.get_by(only=ip('2001:db8::1')).id == 1


def test_explanations_and_messages(on_client: Any, raw: redis.Redis) -> None:
    query = AddressVisit.query.filter(ip='10.0.0.0/8')
    assert repr(query) == "AddressVisit.query.filter(ip='10.0.0.0/8')"
    assert "ip = '10.0.0.0/8'" in str(query.explain())
    AddressVisit(ip='10.0.0.1').save()
    rom.session.rollback()
    for wrong in (b'10.0.0.1', b'-1', b'%d' % 2**129):
        raw.hset('{addresses}visit:1', 'ip', wrong)
        rom.session.rollback()
        with pytest.raises(rom.CorruptRowError, match=r"column 'ip'.*not a valid IPAddress"):
            AddressVisit.get(1).ip
