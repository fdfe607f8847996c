"""Models with every column and index type, as a program of rom 1.x declares them.

rom 1.1.2 and this project both run this file (tests/support/old_program.py and
tests/test_old_data.py), so it holds nothing but what both know.
"""

import datetime
import decimal
import random
import string
from typing import Any

import rom


def number_keys(value: int) -> dict[str, Any]:
    """A keygen of a number on the column itself, one named sub-index, and a word."""
    return {'': value, 'rest': value % 10, 'odd' if value % 2 else 'even': None}


def text_keys(value: str) -> dict[str, Any]:
    """A keygen of numbers for text."""
    return {'': len(value), 'first': ord(value[0])} if value else {}


def sum_keys(name: str, values: Any) -> dict[str, Any]:
    """A keygen2: depends on two columns, of which any may be missing."""
    return {'': (values.get('small') or 0) + (values.get('floating') or 0.0)}


def flag_and_code(name: str, values: Any) -> list[str]:
    """A keygen2 of a column that only indexes."""
    return [f'{values.get("flag")}-{(values.get("small") or 0) % 5}']


def place(entity: Any) -> Any:
    """Where a thing is. rom 1.1.2 asks on a delete too, and then without any values."""
    if entity.get('lon') is None:
        return []
    return {'lon': entity['lon'], 'lat': entity['lat']}


class OldTeam(rom.Model):
    _namespace = 'old.team'

    name = rom.Text(required=True, unique=True)
    things = rom.OneToMany('OldThing', column='team')


class OldThing(rom.Model):
    _namespace = 'old.thing'
    unique_together = [('small', 'code'), ('code', 'day', 'full')]
    geo_index = [rom.GeoIndex('at', place)]

    lon = rom.Float()
    lat = rom.Float()
    both = rom.IndexOnly(keygen2=flag_and_code, index=True)
    caps = rom.IndexOnly('plain', keygen=rom.FULL_TEXT, index=True, prefix=True, suffix=True)
    plain = rom.Text()
    raw = rom.String()
    data = rom.Json()
    big = rom.Integer()
    small = rom.Integer(index=True)
    floating = rom.Float(index=True)
    exact = rom.Decimal(index=True)
    flag = rom.Boolean(index=True)
    moment = rom.DateTime(index=True)
    safer = rom.SaferDateTime(index=True)
    day = rom.Date(index=True)
    clock = rom.Time(index=True)

    full = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    ident = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    ident_ci = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_CI)
    simple = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.SIMPLE)
    simple_ci = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.SIMPLE_CI)
    bytes_ = rom.String(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_STRING)
    bytes_ci = rom.String(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_STRING_CI)
    bytes_simple = rom.String(index=True, prefix=True, suffix=True, keygen=rom.SIMPLE)
    only_index = rom.Text(index=True, keygen=rom.FULL_TEXT)
    only_prefix = rom.Text(prefix=True, keygen=rom.IDENTITY)
    only_suffix = rom.Text(suffix=True, keygen=rom.FULL_TEXT)

    email = rom.Text(unique=True, index=True, prefix=True, keygen=rom.IDENTITY_CI)
    token = rom.String(unique=True)
    serial = rom.Integer(unique=True, index=True)
    code = rom.Text()

    numbers = rom.Integer(index=True, keygen=number_keys)
    lengths = rom.Text(index=True, keygen=text_keys)
    summed = rom.Integer(index=True, keygen2=sum_keys)

    team = rom.ManyToOne('OldTeam', 'no action')
    badge = rom.OneToOne('OldTeam', 'no action')


class OldKept(OldThing):
    """The same, for the days when both write."""

    _namespace = 'old.kept'
    _keep_index_data = True
    unique_together = OldThing.unique_together  # rom 1.1.2 does not inherit these
    geo_index = OldThing.geo_index


RELATIONS = ('team', 'badge')

_WORDS = (
    'Alpha',
    'beta',
    'GAMMA',
    'delta!',
    '(echo)',
    'naïve',
    'ÉCOLE',
    'Straße',
    '日本',
    'x',
    "it's",
)
_MORE = string.ascii_letters + string.digits + ' -.é€'


def text(rng: random.Random) -> str:
    """Some text: often shared by several entities, sometimes long, at times empty."""
    kind = rng.random()
    if kind < 0.03:
        return ''
    if kind < 0.8:
        return ' '.join(rng.choice(_WORDS) for _ in range(rng.randint(1, 4)))
    return ''.join(rng.choice(_MORE) for _ in range(rng.randint(1, 30))).strip() or 'z'


def some_bytes(rng: random.Random) -> bytes:
    """Bytes; not always text."""
    if rng.random() < 0.5:
        return rng.choice((b'abc', b'ABC', b'Hello World', b'\xff\xfe', b'caf\xe9'))
    return bytes(rng.randrange(1, 256) for _ in range(rng.randint(1, 12)))


def moment(rng: random.Random) -> datetime.datetime:
    """A moment, to the microsecond."""
    return datetime.datetime(1970, 1, 2) + datetime.timedelta(
        seconds=rng.randrange(2_000_000_000), microseconds=rng.randrange(1_000_000)
    )


def values(rng: random.Random, serial: int) -> dict[str, Any]:
    """Values for one thing, without relations; those that are unique follow from the serial."""
    made: dict[str, Any] = {
        'plain': text(rng),
        'raw': some_bytes(rng),
        'data': {'list': [rng.randrange(9), None, 'é'], 'n': rng.random()},
        'big': rng.choice((2**256, -(2**64), 2**53 + 1, rng.getrandbits(200))),
        'small': rng.randint(-50, 50),
        'floating': rng.choice((0.1, -1e300, 5e-324, rng.uniform(-100, 100))),
        'exact': decimal.Decimal(rng.randint(-10000, 10000)) / 100,
        'flag': rng.random() < 0.5,
        'moment': moment(rng),
        'day': moment(rng).date(),
        # Reading a time, rom 1.1.2 loses a microsecond where the float is just below it.
        'clock': moment(rng).time().replace(microsecond=rng.choice((0, 250_000, 500_000))),
        # Of bytes, rom 1.1.2 can index as words only those that are UTF-8.
        'bytes_': text(rng).encode('utf-8'),
        'bytes_ci': text(rng).encode('utf-8'),
        'bytes_simple': some_bytes(rng),
        'numbers': rng.randint(-1000, 1000),
        'summed': rng.randint(0, 9),
    }
    for name in ('full', 'ident', 'ident_ci', 'simple', 'simple_ci', 'only_index', 'only_prefix',
                 'only_suffix', 'lengths'):  # fmt: skip
        made[name] = text(rng)
    made = {name: value for name, value in made.items() if rng.random() < 0.85}
    made['lon'], made['lat'] = rng.uniform(-170, 170), rng.uniform(-80, 80)
    made['safer'] = moment(rng)  # rom 1.1.2 makes no entity without
    made['email'] = f'User{serial}@Exämple.org'
    made['token'] = b'\xff%d' % serial
    made['serial'] = serial
    made['code'] = f'c{serial}'
    return made


def as_plain(entity: Any) -> dict[str, Any]:
    """What an entity holds, as plain data; relations as ids."""
    found = dict(entity.to_dict())
    for name in ('things', 'both', 'caps'):
        found.pop(name, None)  # nothing is stored of these
    for name in RELATIONS:
        if found.get(name) is not None:
            found[name] = found[name].id
    return found


def queries(model: Any) -> dict[str, Any]:
    """Queries that both must answer alike, by a name for them."""
    query = model.query
    day = datetime.date(1990, 1, 1)
    asked = {
        'small range': query.filter(small=(-10, 10)),
        'small one': query.filter(small=7),
        'floating': query.filter(floating=(0.0, 50.0)),
        'floating edge': query.filter(floating=(0.1, 0.1)),
        'exact': query.filter(exact=(decimal.Decimal('-5.5'), decimal.Decimal('5.5'))),
        'flag': query.filter(flag=True),
        'not flag': query.filter(flag=False),
        'moment': query.filter(moment=(datetime.datetime(1990, 1, 1), None)),
        'safer': query.filter(safer=(None, datetime.datetime(1990, 1, 1))),
        'day': query.filter(day=(day, None)),
        'clock': query.filter(clock=(datetime.time(6), datetime.time(18))),
        'word': query.filter(full='alpha'),
        'words': query.filter(full='alpha').filter(full='naïve'),
        'any word': query.filter(full=['alpha', 'école']),
        'ident': query.filter(ident='Alpha'),
        'ident ci': query.filter(ident_ci='STRAßE'),
        'bytes': query.filter(bytes_=b'Alpha'),
        'bytes ci': query.filter(bytes_ci=b'alpha'),
        'only index': query.filter(only_index='beta'),
        'numbers': query.filter(numbers=(-100, 100)),
        'rest': query.filter(**{'numbers:rest': (3, 4)}),
        'odd': query.filter(numbers='odd'),
        'lengths': query.filter(lengths=(1, 8)),
        'lengths first': query.filter(**{'lengths:first': (65, 90)}),
        'summed': query.filter(summed=(0, 20)),
        'team': query.filter(team=3),
        'badge': query.filter(badge=5),
        'serial': query.filter(serial=(10, 40)),
        'email': query.filter(email='user7@exämple.org'),
        'both': query.filter(both='True-3'),
        'caps': query.filter(caps='alpha'),
        'caps starts with': query.startswith(caps='del'),
        'caps ends with': query.endswith(caps='ta'),
        'near': query.near('at', 10, 50, 1500, 'km'),
        'mixed': query.filter(small=(-25, 25), flag=True, full='alpha'),
        'ordered': query.filter(small=(-10, 10)).order_by('-floating'),
        'limit': query.filter(small=(None, None)).limit(0, 1000),
    }
    for name in ('full', 'ident', 'ident_ci', 'simple', 'simple_ci', 'only_prefix'):
        for prefix in ('al', 'Al', 'é', 'Alpha b', 'x'):
            asked[f'{name} starts with {prefix}'] = query.startswith(**{name: prefix})
    for name in ('full', 'ident', 'ident_ci', 'simple', 'simple_ci', 'only_suffix'):
        for suffix in ('pha', 'PHA', 'ïve', 'école', 'x'):
            asked[f'{name} ends with {suffix}'] = query.endswith(**{name: suffix})
    for name in ('full', 'ident', 'only_prefix'):
        asked[f'{name} like'] = query.like(**{name: 'b?t*a'})
    # rom 1.1.2 does not lower-case what is asked of an IDENTITY_STRING_CI.
    for name, prefix in (('bytes_', b'Al'), ('bytes_ci', b'al'), ('bytes_simple', b'Hello')):
        asked[f'{name} starts with'] = query.startswith(**{name: prefix})
    for name in ('bytes_', 'bytes_ci'):
        asked[f'{name} ends with'] = query.endswith(**{name: b'ha'})
    asked['bytes_simple ends with'] = query.endswith(bytes_simple=b'World')
    return asked
