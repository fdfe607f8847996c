"""docs/howto/tls-and-authentication.rst: the permissions of its users."""

import asyncio
import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import rom
import rom.aio
import rom.migrations
from tests.support.servers import Server, dump

ROOT = Path(__file__).parents[2]
PAGE = ROOT / 'docs' / 'howto' / 'tls-and-authentication.rst'
SOON = datetime.timedelta(hours=1)
# The texts of Redis for a command, a key, and a command in a script.
REFUSED = r"(?i)permission|can't run"


def user_line(name: str) -> list[str]:
    (line,) = re.findall(rf'^ +(user {name} .*)$', PAGE.read_text('utf-8'), re.MULTILINE)
    return str(line).split()


def allowed(name: str) -> set[str]:
    return {word[1:].upper() for word in user_line(name) if word.startswith('+')}


def let_in(server: Server, name: str, raw: redis.Redis) -> redis.Redis:
    raw.execute_command('ACL', 'SETUSER', name, 'reset', *user_line(name)[2:])
    return server.connect(username=name, password='secret')


@pytest.fixture
def shop(server: Server, raw: redis.Redis) -> Iterator[redis.Redis]:
    with let_in(server, 'shop', raw) as client:
        rom.util.CONNECTION = client
        yield client
    raw.execute_command('ACL', 'DELUSER', 'shop')


def models() -> tuple[type[rom.Model], type[rom.Model]]:
    class Item(rom.Model):
        name = rom.Text(
            required=True, unique=True, index=True, prefix=True, suffix=True, keygen=rom.IDENTITY
        )
        words = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
        price = rom.Decimal(index=True)
        stock = rom.Integer(index=True, default=0)
        sold = rom.Boolean(default=False)
        lon = rom.Float()
        lat = rom.Float()
        until = rom.ExpireAt()
        maker = rom.ManyToOne('Maker', on_delete='cascade')
        seen = rom.UnsafeColumn()
        unique_together = [('stock', 'lon')]
        geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': e.lat})]

    class Maker(rom.Model):
        _namespace = 'Item:maker'
        name = rom.Text(index=True, keygen=rom.SIMPLE)
        items = rom.OneToMany('Item')

    return Item, Maker


def write_all(item: type[rom.Model], maker: type[rom.Model]) -> None:
    """Make every kind of write: inserts, updates, deletes, races, calculations, locks."""
    one = maker(name='Ann')
    entities = [
        item(
            name=f'item {n}', words=f'a lamp no {n}', price=n, stock=n, lon=10.0 + n, lat=60.0,
            maker=one,
        )
        for n in range(20)
    ]  # fmt: skip
    rom.session.commit()
    entities[0].name, entities[1].name = entities[1].name, entities[0].name
    entities[2].words = None
    entities[3].until = -SOON
    entities[4].until = SOON
    entities[5].delete()
    rom.session.commit()
    with pytest.raises(rom.UniqueKeyViolation):
        item(name='item 7').save()
    rom.session.rollback()
    assert item.query.filter(stock=(6, 8)).update(stock=item.stock + 100) == 3
    item.upsert({'stock': item.stock + 1}, name='new')
    item.get_or_create(name='newer')
    done = item(name='transfer')
    done.save()
    first, second = item.get_by(name='item 9'), item.get_by(name='item 10')
    first.transfer(second, 'stock', 2, done, 'sold')
    with rom.util.EntityLock(first, 1, 5), rom.util.Lock(item, 'x', 1, 5) as lock:
        assert lock.refresh()
    assert rom.util.expire(item, on_delete=True) == 1


def ask_all(item: type[rom.Model], maker: type[rom.Model]) -> None:
    query = item.query
    assert query.count() == 21
    assert len(query.all()) == len(list(query.iter_result(pagesize=4))) == 21
    for narrowed in (
        query.filter(stock=(3, 12)).order_by('-price'),
        query.filter(words='lamp').filter(price=(1, 15)).order_by('name'),
        query.filter(words=['lamp', '3']).limit(0, 5),
        query.startswith(name='item 1').endswith(name='2'),
        query.startswith(words='la').order_by('stock', '-name'),
        query.like(name='it*1'),
        query.near('at', 12.0, 60.0, 1000, 'km'),
        query.where((item.stock > 3) & ~(item.price == 5)),
        query.does_not_startwith(name='item 1'),
        query.filter(maker=rom.NOT_NULL).load('maker'),
    ):
        rom.session.rollback()
        assert narrowed.all()
        assert narrowed.count() and narrowed.explain(run=True)
    assert query.page(3).next
    assert query.sum('stock') and query.avg('price') and query.facets('sold')
    assert query.min('stock') == 0 and query.max('stock')
    assert item.get(1).name and item.get([1, 2]) and item.get_by(name='item 8')
    assert len(maker.get(1).items) == 18
    assert maker.query.order_by('name').first()


def mend_all(item: type[rom.Model]) -> None:
    for job in (rom.util.refresh_indices, rom.util.clean_old_index):
        assert list(job(item))
    assert list(rom.util.refresh_indices(item, scan=False))
    rom.util.clean_unsafe_cols(item)
    fill = rom.migrations.Migration('fill', item, rom.migrations.backfill('words', 'no words'))
    assert list(rom.migrations.migrate(fill, take_over=True))


@pytest.mark.usefixtures('shop')
def test_the_user_may_do_all_there_is(raw: redis.Redis) -> None:
    item, maker = models()
    write_all(item, maker)
    ask_all(item, maker)
    raw.delete('Item:id:live')  # data of rom 1.x has none
    mend_all(item)
    ask_all(item, maker)
    assert item.query.filter(stock=(0, 3)).cached_result(5)

    async def in_a_loop() -> int:
        async with rom.AsyncSession() as session:
            entity = await session.get(item, 1)
            entity.stock += 1000
            await session.commit()
            async with rom.aio.Lock(item, 'y', 1, 5):
                async for _ in rom.aio.refresh_indices(item):
                    pass
            return await session.count(item.query)

    assert asyncio.run(in_a_loop()) == 21
    maker.get(1).delete()
    assert item.query.delete() == 3


@pytest.mark.usefixtures('shop')
def test_scan_is_for_maintenance_alone(raw: redis.Redis) -> None:
    raw.execute_command('ACL', 'SETUSER', 'shop', '-scan')
    item, maker = models()
    write_all(item, maker)
    ask_all(item, maker)
    with pytest.raises(rom.ServerError, match=REFUSED):
        mend_all(item)
    assert list(rom.util.refresh_indices(item, scan=False))


@pytest.mark.usefixtures('shop')
def test_other_keys_are_refused_before_anything_is_written(raw: redis.Redis) -> None:
    item, _ = models()

    class Other(rom.Model):
        _namespace = 'AccessElsewhere'
        name = rom.Text(index=True, keygen=rom.IDENTITY)
        item = rom.ManyToOne('Item', on_delete='cascade')

    with pytest.raises(rom.ServerError, match=REFUSED):
        Other(name='x').save()
    assert raw.keys('*') == []
    rom.session.rollback()
    rom.util.CONNECTION, may = raw, rom.util.CONNECTION
    kept = item(name='kept')
    Other(name='y', item=kept)
    rom.session.commit()
    rom.session.rollback()
    before = dump(raw)
    rom.util.CONNECTION = may
    kept, other = item.get_by(name='kept'), Other(name='z')
    kept.stock = 5
    with pytest.raises(rom.ServerError, match=REFUSED):
        rom.session.save(kept, other)
    with pytest.raises(rom.ServerError, match=REFUSED):
        kept.delete()
    assert dump(raw) == before


@pytest.mark.parametrize(
    ('command', 'settings'), [('+select', {'db': 1}), ('+ping', {'health_check_interval': 1e-9})]
)
def test_what_the_client_needs_beside(
    server: Server, raw: redis.Redis, command: str, settings: dict[str, Any]
) -> None:
    let_in(server, 'shop', raw).close()
    item, _ = models()
    client = server.connect(username='shop', password='secret', **settings)
    rom.util.CONNECTION = client
    with client, pytest.raises(rom.ORMError, match=REFUSED):
        item.query.count()
        item.query.count()
    raw.execute_command('ACL', 'SETUSER', 'shop', command)
    with client:
        assert item.query.count() == item.query.count() == 0


def test_a_reader_may_ask_everything_and_write_nothing(server: Server, raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    item, maker = models()
    write_all(item, maker)
    rom.session.rollback()
    with let_in(server, 'reader', raw) as client:
        rom.util.CONNECTION = client
        ask_all(item, maker)
        entity = item.get(1)
        entity.price = 7
        for write in (
            entity.save,
            entity.delete,
            lambda: item.query.order_by('name').cached_result(9),
        ):
            with pytest.raises(rom.ServerError, match=REFUSED):
                write()
    raw.execute_command('ACL', 'DELUSER', 'reader')


@pytest.mark.one_server
def test_the_rights_for_server_functions(server: Server, raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    item, maker = models()
    write_all(item, maker)
    rom.session.rollback()
    (words,) = re.findall(r'^\* ``(\+fcall_ro .*?)`` are optional', PAGE.read_text('utf-8'), re.M)
    with let_in(server, 'reader', raw) as client:
        raw.execute_command('ACL', 'SETUSER', 'reader', *words.split())
        raw.execute_command('FUNCTION', 'FLUSH', 'SYNC')
        raw.config_resetstat()
        rom.util.CONNECTION = client
        ask_all(item, maker)
    stats = raw.info('commandstats')
    assert stats['cmdstat_fcall_ro']['calls'] > stats['cmdstat_fcall_ro']['failed_calls']
    assert stats['cmdstat_fcall_ro']['rejected_calls'] == 0
    raw.execute_command('ACL', 'DELUSER', 'reader')


@pytest.mark.one_server
def test_the_patterns_of_a_group(server: Server, raw: redis.Redis) -> None:
    class PermittedUser(rom.Model):
        _shards = rom.Shards('permitted', 3)
        name = rom.Text(unique=True)

    keys = re.findall(r'``(~\S*shop\S*?)``', PAGE.read_text('utf-8'))
    assert len(keys) == 2
    with let_in(server, 'shop', raw) as client:
        names = [key.replace('shop', 'permitted') for key in keys]
        raw.execute_command('ACL', 'SETUSER', 'shop', 'resetkeys', *names)
        rom.util.CONNECTION = client
        with pytest.raises(rom.ServerError, match=r'allowed to read PermittedUser:id: and \{Perm'):
            PermittedUser(name='a').save()
        assert raw.keys('*') == []
        rom.session.rollback()
        rom.util.CONNECTION = raw
        PermittedUser(name='a').save()
        rom.session.rollback()
        rom.util.CONNECTION = client
        assert [one.name for one in PermittedUser.query] == ['a']
        PermittedUser(name='b').save()
        assert PermittedUser.get_by(name='b') is not None
    raw.execute_command('ACL', 'DELUSER', 'shop')


@pytest.mark.one_server
def test_the_list_has_every_command_that_is_called(raw: redis.Redis) -> None:
    """Commands of the scripts, and of Python. (UnsafeColumns and front ends send their own.)"""
    commands = {name.upper() for name in raw.command()}
    called = {
        word
        for pattern, files in (
            (r"'([A-Z]{3,})'", sorted((ROOT / 'lua').rglob('*.lua'))),
            (r"Command\(\s*b?'([A-Z]+)'", sorted((ROOT / 'rom').rglob('*.py'))),
        )
        for path in files
        for word in re.findall(pattern, path.read_text('utf-8'))
        if word in commands
    }
    assert {'ZADD', 'HSET', 'SCAN', 'SMISMEMBER'} <= called
    # Those of examples, and of the command that counts and measures: the page names them elsewhere.
    # INFO and FUNCTION are asked for where they are allowed, and WAIT only by durable commits.
    others = {'ECHO', 'DBSIZE', 'MEMORY', 'INFO', 'FUNCTION', 'WAIT'}
    assert called - others <= allowed('shop')
    assert allowed('reader') <= allowed('shop')
