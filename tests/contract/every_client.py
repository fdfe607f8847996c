"""A program that does a little of everything, with clients of every kind on one server.

    python every_client.py SOCKET [without-hiredis]

What it prints must be the same for every kind: test_2_connections.py compares.
"""

import sys

if 'without-hiredis' in sys.argv:
    sys.modules['hiredis'] = None  # type: ignore[assignment]

import redis

import rom


class Shop(rom.Model):
    name = rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    size = rom.Integer(index=True)
    open = rom.Boolean(index=True)
    code = rom.String()
    lon = rom.Float()
    parent = rom.ManyToOne('Shop', on_delete='cascade')
    notes = rom.UnsafeColumn()
    geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': 0})]


def story() -> list[object]:
    main = Shop(name='Café', size=2**60, open=True, code=b'\xff\x00', lon=1.0)
    Shop(name='Bar', size=3, open=False, parent=main)
    told: list[object] = [rom.session.commit()]
    rom.session.rollback()
    main = Shop.get(1)
    told += [main.to_dict(), [shop.id for shop in Shop.get([2, 7, 1])]]
    told += [Shop.get_by(name='Café').id, Shop.get_by(name='none')]
    for query in (
        Shop.query.filter(open=True),
        Shop.query.filter(size=(3, None)).order_by('-size'),
        Shop.query.startswith(name='Caf').endswith(name='é'),
        Shop.query.like(name='B!r'),
        Shop.query.near('at', 1, 0, 5, 'km'),
        Shop.query.filter(parent=main),
    ):
        told += [[shop.id for shop in query.all()], query.count()]
    told += [Shop.query.select('name', 'code', 'size').all()]
    told += [main.notes.rpush('x'), main.notes.llen()]
    main.size = 5
    told += [main.save(), Shop.get_by(size=5) == [main]]
    main.delete()
    told += [Shop.query.count()]
    return told


for protocol in (2, 3):
    for decoded in (False, True):
        client = redis.Redis(
            unix_socket_path=sys.argv[1], protocol=protocol, decode_responses=decoded
        )
        client.flushall()
        rom.util.CONNECTION = client
        print(protocol, decoded, redis.utils.HIREDIS_AVAILABLE, *story(), sep='; ')
