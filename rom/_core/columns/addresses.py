"""IPAddress: a column of addresses of IPv4 and IPv6, stored and indexed as integers.

An address of IPv4 is stored as its number, 0 to 2**32 - 1; one of IPv6 as its number plus 2**32. So
the two never meet, addresses sort as in PostgreSQL, and a network is a range of integers. The index
of a wide column is exact at any size (see `Column.is_wide`), although a double is not.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.signatures import Host
from rom._core.columns.value_limits import check_digits
from rom._core.encoding.plain_values import plain
from rom._core.encoding.scores import nearest_double

if TYPE_CHECKING:
    from rom._core.columns.signatures import Default, IndexOptions, Yes

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_KINDS: Final = (ipaddress.IPv4Address, ipaddress.IPv6Address)
_NETWORKS: Final = (ipaddress.IPv4Network, ipaddress.IPv6Network)
_INTERFACES: Final = (ipaddress.IPv4Interface, ipaddress.IPv6Interface)
# The number of the first address of IPv6.
_SIXTH: Final = 2**32
_PAST: Final = _SIXTH + 2**128


class IPAddress(Column[Address, Host]):
    """An address of IPv4 or IPv6; text is accepted, too.

    Addresses sort by their number, those of IPv4 before those of IPv6. Ranges are exact. A filter
    also takes a network, which means each of its addresses. Rows hold a number: see
    ``docs/design/storage``.

    Args:
        index: enables ``filter`` by addresses, ranges and networks, and ``order_by``.

    Raises:
        InvalidColumnValue: the value is not an address; or it has a scope (``fe80::1%eth0``) or a
            network (``10.0.0.1/8``), which the column does not store.

    Example::

        ip = rom.IPAddress(index=True)
        Visit.query.filter(ip=ipaddress.ip_network('10.0.0.0/8'))
        Visit.query.filter(ip='2001:db8::/32')
    """

    accepts = _KINDS
    refuses = _INTERFACES
    kind = 'an address of IPv4 or IPv6 or its text'
    is_numeric = True
    is_wide = True
    can_be_unique = True
    json_schema = {
        'anyOf': [{'type': 'string', 'format': 'ipv4'}, {'type': 'string', 'format': 'ipv6'}]
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: IPAddress[Address],
            required: Yes,
            default: Default[Address] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: IPAddress[Address],
            required: bool = False,
            *,
            default: Default[Address],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: IPAddress[Address | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> Address:
        given = plain(value)
        if isinstance(given, str):
            try:
                given = ipaddress.ip_address(given)
            except ValueError:
                self.refuse(value)
        if isinstance(given, _INTERFACES):
            self.refuse(value, 'has a network, which is not stored; pass its .ip')
        if isinstance(given, ipaddress.IPv6Address) and given.scope_id is not None:
            self.refuse(value, 'has a scope, which is not stored; pass the part before the %')
        checked = super().check(given)
        return checked if type(checked) in _KINDS else _KINDS[checked.version == 6](int(checked))

    def encode(self, value: Address) -> bytes:
        return b'%d' % number_of(value)

    def decode(self, raw: bytes) -> Address:
        check_digits(raw)
        number = int(raw)
        if not 0 <= number < _PAST:
            raise ValueError('not the number of an address')
        if number < _SIXTH:
            return ipaddress.IPv4Address(number)
        return ipaddress.IPv6Address(number - _SIXTH)

    def indexed(self, value: Address) -> int:
        return number_of(value)

    def number(self, value: Address) -> float:
        return nearest_double(number_of(value))

    def as_range(self, value: Any) -> tuple[Address, Address] | None:
        """Return the first and the last address of a network or the text of one; else None."""
        given = plain(value)
        if isinstance(given, str) and '/' in given:
            try:
                given = ipaddress.ip_network(given)
            except ValueError as error:
                self.refuse(value, f'is not a network ({error})')
        return (given[0], given[-1]) if isinstance(given, _NETWORKS) else None

    def to_json(self, value: Address) -> str:
        return str(value)


def number_of(address: Address) -> int:
    """Return the number by which an address is stored and sorted.

    >>> number_of(ipaddress.ip_address('0.0.0.1')), number_of(ipaddress.ip_address('::1')) - 2**32
    (1, 1)
    """
    return int(address) if address.version == 4 else int(address) + _SIXTH
