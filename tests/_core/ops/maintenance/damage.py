"""A model with an index of every kind, and every way in which its data can be damaged."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any

import redis

import rom
from tests.support.servers import dump

HEAD = 'chk:'
PAST = dt.datetime(2020, 1, 1)
FUTURE = dt.datetime(2100, 1, 1)


class CheckTeam(rom.Model):
    _namespace = 'chkteam'
    name = rom.Text(unique=True)


class CheckUser(rom.Model):
    _namespace = 'chk'
    unique_together = [('code', 'number')]
    geo_index = [rom.GeoIndex('home', lambda e: {'lon': e.lon, 'lat': 1.5})]

    words = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    simple = rom.Text(index=True, prefix=True, keygen=rom.SIMPLE)
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    number = rom.Integer(index=True)
    code = rom.Text(unique=True)
    parts = rom.Integer(index=True, keygen=lambda n: {'': n, 'odd' if n % 2 else 'even': None})
    lon = rom.Float()
    both = rom.IndexOnly(keygen2=lambda name, row: [f'{row["city"]}-{row["number"]}'], unique=True)
    tags = rom.Json()
    team = rom.ManyToOne('CheckTeam', 'no action')
    until = rom.ExpireAt()


def make(count: int = 30, expired: int | None = 29) -> None:
    """Entities 1 to `count`; one of them has expired."""
    team = CheckTeam(name='t')
    for n in range(1, count + 1):
        CheckUser(
            words=f'word{n} all', simple=f's{n}', city=f'C{n % 3}', number=n, code=f'c{n}', parts=n,
            lon=n / 8, team=team, until=PAST if n == expired else FUTURE,
        )  # fmt: skip
    rom.session.commit()
    rom.session.rollback()


def rows(raw: redis.Redis) -> dict[bytes, Any]:
    """Every row, byte for byte."""
    return {key: value for key, value in dump(raw).items() if _is_row(key)}


def _is_row(key: bytes) -> bool:
    return key.partition(b':')[2].isdigit()


def shape(findings: Any) -> Counter[tuple[str, str, int | None]]:
    """What was found: kinds, keys without the namespace, and ids."""
    return Counter((f.kind, f.key.removeprefix(HEAD), f.id) for f in findings)


_Damage = tuple[Callable[[redis.Redis], Any], list[tuple[str, str, int | None]]]

#: What is done, and what a check must find of it: all of this can be repaired.
DAMAGES: dict[str, _Damage] = {
    'a word of a row that is gone': (
        lambda raw: raw.sadd('chk:city:C1:idx', 900),
        [('dangling', 'city:C1:idx', 900)],
    ),
    'a word that no row has': (
        lambda raw: raw.sadd('chk:city:Ghost:idx', 901),
        [('dangling', 'city:Ghost:idx', 901)],
    ),
    'a word of what is no id': (
        lambda raw: raw.sadd('chk:city:C1:idx', 'x', '007'),
        [('dangling', 'city:C1:idx', None), ('dangling', 'city:C1:idx', None)],
    ),
    'a word that another value had': (
        lambda raw: raw.sadd('chk:city:C9:idx', 3),
        [('doubled', 'city:C9:idx', 3)],
    ),
    'a word in the place of another': (
        lambda raw: raw.smove('chk:city:C1:idx', 'chk:city:C9:idx', 4),
        [('dangling', 'city:C9:idx', 4), ('missing', 'city:C1:idx', 4)],
    ),
    'a number of a row that is gone': (
        lambda raw: raw.zadd('chk:number:idx', {'902': 5}),
        [('dangling', 'number:idx', 902)],
    ),
    'a wrong number': (
        lambda raw: raw.zadd('chk:number:idx', {'5': 99}),
        [('score', 'number:idx', 5)],
    ),
    'a number that is missing': (
        lambda raw: raw.zrem('chk:number:idx', 6),
        [('missing', 'number:idx', 6)],
    ),
    'a word that is missing': (
        lambda raw: raw.srem('chk:words:all:idx', 7, 8),
        [('missing', 'words:all:idx', 7), ('missing', 'words:all:idx', 8)],
    ),
    'a whole index that is missing': (
        lambda raw: raw.delete('chk:parts:odd:idx'),
        [('missing', 'parts:odd:idx', n) for n in range(1, 31, 2)],
    ),
    'a word of a sub-index': (
        lambda raw: raw.sadd('chk:parts:odd:idx', 4),
        [('doubled', 'parts:odd:idx', 4)],
    ),
    'a prefix of a row that is gone': (
        lambda raw: raw.zadd('chk:words:pre', {b'ghost\x00903': 1}),
        [('dangling', 'words:pre', 903)],
    ),
    'a row under two prefixes': (
        lambda raw: raw.zadd('chk:words:pre', {b'gho\x00st\x009': 1}),
        [('doubled', 'words:pre', 9)],
    ),
    'a row under two suffixes': (
        lambda raw: raw.zadd('chk:words:suf', {b'tsohg\x0010': 1}),
        [('doubled', 'words:suf', 10)],
    ),
    'a row under two whole values': (
        lambda raw: raw.zadd('chk:simple:pre', {b's99\x0011': 1}),
        [('doubled', 'simple:pre', 11)],
    ),
    'a suffix that is missing': (
        lambda raw: raw.zrem('chk:words:suf', b'lla\x0012'),
        [('missing', 'words:suf', 12)],
    ),
    'a prefix that sorts wrong': (
        lambda raw: raw.zadd('chk:words:pre', {b'all\x0012': 5}),
        [('score', 'words:pre', 12)],
    ),
    'an order that is wrong': (
        lambda raw: raw.zadd('chk:simple:idx', {'13': 0}),
        [('score', 'simple:idx', 13)],
    ),
    'a place that is wrong, and one that is missing': (
        lambda raw: (raw.geoadd('chk:home:geo', (40, 40, '14')), raw.zrem('chk:home:geo', 15)),
        [('score', 'home:geo', 14), ('missing', 'home:geo', 15)],
    ),
    'a reference that is missing': (
        lambda raw: raw.zrem('chk:team:idx', 16),
        [('missing', 'team:idx', 16)],
    ),
    'a unique value of nobody': (
        lambda raw: raw.hset('chk:code:uidx', 'nobody', 904),
        [('unique', 'code:uidx', 904)],
    ),
    'a unique value of a row that has it not': (
        lambda raw: raw.hset('chk:code:uidx', 'once', 17),
        [('unique', 'code:uidx', 17)],
    ),
    'a unique value of what is no id': (
        lambda raw: raw.hset('chk:code:uidx', 'twice', 'x'),
        [('unique', 'code:uidx', None)],
    ),
    'a unique value that the wrong row has': (
        lambda raw: raw.hset('chk:code:uidx', 'c18', 19),
        [('unique', 'code:uidx', 19), ('unclaimed', 'code:uidx', 18)],
    ),
    'a unique value that is not claimed': (
        lambda raw: raw.hdel('chk:code:uidx', 'c20'),
        [('unclaimed', 'code:uidx', 20)],
    ),
    'groups of unique values': (
        lambda raw: (
            raw.hset('chk:code:number:uidx', 'was', 21),
            raw.hdel('chk:code:number:uidx', b'\0\0c22\0\0\x0022'),
        ),
        [('unique', 'code:number:uidx', 21), ('unclaimed', 'code:number:uidx', 22)],
    ),
    'a unique value that a keygen makes': (
        lambda raw: raw.hdel('chk:both:uidx', 'C1-22'),
        [('unclaimed', 'both:uidx', 22)],
    ),
    'a bit without a row': (
        lambda raw: raw.setbit('chk:id:live', 905, 1),
        [('live', 'id:live', 905)],
    ),
    'a row without a bit': (
        lambda raw: raw.setbit('chk:id:live', 23, 0),
        [('live', 'id:live', 23)],
    ),
    'a row whose index of expiry is wrong': (
        lambda raw: raw.zadd('chk:until:idx', {'24': 5}),
        [('expiry', 'until:idx', 24)],
    ),
    'a row that would never expire': (
        lambda raw: raw.zrem('chk:until:idx', 25),
        [('expiry', 'until:idx', 25)],
    ),
    'a row that is gone and will expire': (
        lambda raw: raw.zadd('chk:until:idx', {'906': 5}),
        [('expiry', 'until:idx', 906)],
    ),
    'a counter that is behind': (
        lambda raw: raw.set('chk:id:', 7),
        [('counter', 'id:', 30)],
    ),
    'no counter': (
        lambda raw: raw.delete('chk:id:'),
        [('counter', 'id:', 30)],
    ),
}
