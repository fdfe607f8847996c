"""IndexOnly (contract, section 4): stores nothing, only indexes."""

from typing import Any

import pytest
import redis

import rom
from rom.exceptions import ColumnError, DataRaceError, InvalidColumnValue, QueryError
from tests.support.implied import assert_consistent


def words(value: Any) -> list[str]:
    return [] if value is None else str(value).lower().split()


# Options.


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'column': 'a'},
        {'column': 'a', 'index': True},
        {'keygen': words},
        {'column': 'a', 'keygen2': lambda name, values: []},
        {'column': 'a', 'keygen': words, 'keygen2': lambda name, values: []},
        {'column': ['a', 'b'], 'keygen': words},
        {'column': 'a', 'keygen': 'words'},
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any]) -> None:
    with pytest.raises(ColumnError, match='IndexOnly column: '):
        rom.IndexOnly(**options)


def test_it_is_searchable_unless_only_unique_is_asked_for() -> None:
    """As in rom 1.1.2."""
    assert rom.IndexOnly('a', keygen=words).index
    assert rom.IndexOnly('a', keygen=words, prefix=True).index
    assert not rom.IndexOnly('a', keygen=words, unique=True).index
    assert rom.IndexOnly('a', keygen=words, unique=True, index=True).index


@pytest.mark.parametrize('source', ['nope', 'other', 'things'])
def test_what_is_indexed_must_be_a_column_with_a_value(source: str) -> None:
    with pytest.raises(ColumnError, match=f"Thing.it indexes '{source}'"):

        class Thing(rom.Model):
            a = rom.Text()
            things = rom.UnsafeColumn()
            other = rom.IndexOnly('a', keygen=words)
            it = rom.IndexOnly(source, keygen=words)


def test_it_is_in_no_unique_group() -> None:
    with pytest.raises(ColumnError, match="'it' holds no value"):

        class Thing(rom.Model):
            a = rom.Text()
            it = rom.IndexOnly('a', keygen=words)
            unique_together = [('a', 'it')]


def test_values() -> None:
    """Setting a value: InvalidColumnValue; setting None: allowed."""

    class Thing(rom.Model):
        a = rom.Text()
        it = rom.IndexOnly('a', keygen=words)

    thing = Thing(a='x', it=None)
    thing.it = None
    del thing.it
    assert thing.it is None
    with pytest.raises(InvalidColumnValue, match=r'Thing\.it: .*holds no value'):
        thing.it = 'x'
    with pytest.raises(InvalidColumnValue, match=r'Thing\.it: '):
        thing.update(it=5)
    with pytest.raises(InvalidColumnValue, match=r'Thing\.it: '):
        Thing(a='x', it='x')


# On a server.


class OnlyPerson(rom.Model):
    first = rom.Text()
    last = rom.Text()
    born = rom.Integer()
    name = rom.IndexOnly('last', keygen=rom.IDENTITY_CI, prefix=True, suffix=True)
    sorted = rom.IndexOnly('last', keygen=rom.SIMPLE_CI, prefix=True, index=True)
    parts = rom.IndexOnly('last', keygen=rom.FULL_TEXT)
    known = rom.IndexOnly('born', keygen=lambda born: ['no' if born is None else 'yes'])
    both = rom.IndexOnly(
        keygen2=lambda name, row: {
            '': len(row['first'] or '') + len(row['last'] or ''),
            'any': None,
        }
    )


def test_write_query_update_delete(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    ann = OnlyPerson(first='Ann', last='Lee Smith', born=1980)
    bob = OnlyPerson(last='Young')
    assert rom.session.commit() == 18  # as in 1.1.2, an IndexOnly counts
    keyspace = assert_consistent(raw, OnlyPerson)
    assert set(keyspace[b'OnlyPerson:1']) == {b'first', b'last', b'born', b'id'}
    assert keyspace[b'OnlyPerson:known:no:idx'] == {b'2'}, 'the keygen is called with None as well'
    assert OnlyPerson.query.filter(name='lee SMITH').all() == [ann]
    assert OnlyPerson.get_by(name='Young') == [bob]
    assert OnlyPerson.query.startswith(name='LEE').all() == [ann]
    assert OnlyPerson.query.endswith(name='oung').all() == [bob]
    assert OnlyPerson.query.like(name='l*sm').all() == [ann]
    assert OnlyPerson.query.startswith(sorted='you').all() == [bob]
    assert OnlyPerson.query.filter(parts='smith lee').all() == [ann]
    assert OnlyPerson.query.filter(known='yes').all() == [ann]
    assert OnlyPerson.query.filter(both=(6, None)).all() == [ann]
    assert OnlyPerson.query.filter(both='any').count() == 2
    assert OnlyPerson.query.order_by('-both').all() == [ann, bob]
    assert OnlyPerson.query.order_by('-sorted').all() == [bob, ann]
    assert OnlyPerson.query.startswith(name='').order_by('sorted').all() == [ann, bob]
    assert OnlyPerson.query.select('name', 'last').first() == {'name': None, 'last': 'Lee Smith'}
    ann.last, bob.born = 'Zed', 1
    assert rom.session.commit() == 2
    assert_consistent(raw, OnlyPerson)
    assert OnlyPerson.query.filter(name='zed').all() == [ann]
    assert OnlyPerson.query.filter(name='lee smith').all() == []
    ann.last = None
    ann.save()
    assert ann.save(full=True) == 9
    assert ann.save(force=True) == 9
    assert_consistent(raw, OnlyPerson)
    ann.delete()
    bob.delete()
    assert OnlyPerson.query.count() == 0
    assert_consistent(raw, OnlyPerson)


@pytest.mark.one_server
def test_an_index_of_words_does_not_sort(client: redis.Redis) -> None:
    rom.util.CONNECTION = client
    for name in ('name', 'parts'):
        with pytest.raises(QueryError, match="does not sort; order by 'last'"):
            OnlyPerson.query.order_by(name)


@pytest.mark.one_server
def test_what_it_indexes_is_part_of_the_race_check(client: redis.Redis, raw: redis.Redis) -> None:
    """Two writers change two columns that one keygen looks at: the entry is right in the end."""
    rom.util.CONNECTION = client
    OnlyPerson(first='Ann', last='Lee').save()
    rom.session.rollback()
    with rom.Session() as one, rom.Session() as two:
        mine, other = one.get(OnlyPerson, 1), two.get(OnlyPerson, 1)
        assert mine is not None and other is not None
        mine.first = 'Annabel'
        one.commit()
        other.last = 'Leeds'  # `both` is worked out again, on the row as it is now
        two.commit()
    assert raw.zscore('OnlyPerson:both:idx', '1') == 12
    assert_consistent(raw, OnlyPerson)
    with rom.Session() as one, rom.Session() as two:
        mine, other = one.get(OnlyPerson, 1), two.get(OnlyPerson, 1)
        assert mine is not None and other is not None
        mine.last, other.last = 'A', 'B'
        one.commit()
        with pytest.raises(DataRaceError):
            two.commit()
    assert_consistent(raw, OnlyPerson)


@pytest.mark.one_server
def test_a_keygen_that_fails_on_none_says_so(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client

    class Thing(rom.Model):
        a = rom.Text()
        it = rom.IndexOnly('a', keygen=lambda value: [value.lower()])

    with pytest.raises(InvalidColumnValue, match=r'Thing\.it: the keygen failed on None'):
        Thing().save()
    rom.session.rollback()
    Thing(a='X').save()
    assert_consistent(raw, Thing)


@pytest.mark.one_server
def test_only_that_of_a_column_can_be_saved_in_one_trip(client: redis.Redis) -> None:
    """A keygen2 may look at the id, which must then be there before."""

    class One(rom.Model):
        a = rom.Text()
        it = rom.IndexOnly('a', keygen=words, unique=True, index=True)

    class Two(rom.Model):
        it = rom.IndexOnly(keygen2=lambda name, row: [str(row['id'])])

    assert not One._schema.needs_id_first and Two._schema.needs_id_first
    rom.util.CONNECTION = client
    thing = Two()
    thing.save()
    assert Two.query.filter(it=str(thing.id)).all() == [thing]


# Unique.


class OnlyAccount(rom.Model):
    email = rom.Text()
    number = rom.Integer()
    other = rom.Text()
    address = rom.IndexOnly('email', keygen=rom.IDENTITY_CI, unique=True, index=True)
    pair = rom.IndexOnly(
        keygen2=lambda name, row: [f'{row["number"]}.{row["other"]}'] if row['other'] else [],
        unique=True,
    )


def test_the_first_word_is_unique(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    ann = OnlyAccount(email='Ann@X', number=1, other='a')
    ann.save()
    OnlyAccount().save()
    OnlyAccount().save()  # no word, no claim
    keyspace = assert_consistent(raw, OnlyAccount)
    assert keyspace[b'OnlyAccount:address:uidx'] == {b'ann@x': b'1'}
    assert keyspace[b'OnlyAccount:pair:uidx'] == {b'1.a': b'1'}
    assert OnlyAccount.get_by(address='ANN@x') is ann
    assert OnlyAccount.get_by(address=['ann@x', 'nobody']) == [ann]
    assert OnlyAccount.get_by(pair='1.a') is ann and OnlyAccount.get_by(pair='1.b') is None
    with pytest.raises(QueryError):
        OnlyAccount.get_by(address=5)
    with pytest.raises(
        rom.UniqueKeyViolation, match="address='ann@x' belongs to OnlyAccount:1"
    ) as it:
        OnlyAccount(email='ANN@x').save()
    assert it.value.columns == ('address',)
    rom.session.rollback()
    with pytest.raises(rom.UniqueKeyViolation, match=r"pair='1\.a'"):
        OnlyAccount(number=1, other='a').save()
    rom.session.rollback()
    assert_consistent(raw, OnlyAccount)
    ann = OnlyAccount.get(1)
    assert ann is not None
    ann.other = 'b'
    ann.save()
    OnlyAccount(number=1, other='a').save()
    ann.email = None
    ann.save()
    OnlyAccount(email='ann@x').save()
    assert_consistent(raw, OnlyAccount)
    ann.delete()
    OnlyAccount(number=1, other='b').save()
    assert_consistent(raw, OnlyAccount)


@pytest.mark.one_server
def test_two_entities_swap_unique_words_in_one_commit(client: Any, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    one, two = OnlyAccount(email='a'), OnlyAccount(email='b')
    rom.session.commit()
    one.email, two.email = 'B', 'A'
    rom.session.commit()
    assert raw.hgetall('OnlyAccount:address:uidx') == {b'b': b'1', b'a': b'2'}
    assert_consistent(raw, OnlyAccount)


@pytest.mark.one_server
def test_several_words_and_what_is_no_word(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client

    class Thing(rom.Model):
        a = rom.Json()
        it = rom.IndexOnly('a', keygen=lambda a: a and made[a['kind']], unique=True)

    made: dict[str, Any] = {
        'list': ['y', 'x'], 'set': {'z', 'w'}, 'empty': [''], 'bytes': [b'\xff'],
        'word': 'word', 'dict': {'': 1}, 'number': [1],
    }  # fmt: skip
    for kind in ('list', 'set', 'empty', 'empty', 'bytes'):
        Thing(a={'kind': kind}).save()
    assert raw.hgetall('Thing:it:uidx') == {b'y': b'1', b'w': b'2', b'\xff': b'5'}
    assert Thing.get_by(it='y').id == 1
    assert Thing.get_by(it=b'\xff').id == 5
    for kind in ('word', 'dict', 'number'):
        with pytest.raises(InvalidColumnValue, match='its keygen returned'):
            Thing(a={'kind': kind}).save()
        rom.session.rollback()
    assert raw.hlen('Thing:it:uidx') == 3


@pytest.mark.one_server
def test_a_column_that_does_not_decode_is_left_to_those_that_need_it(
    client: redis.Redis, raw: redis.Redis
) -> None:
    rom.util.CONNECTION = client

    class Thing(rom.Model):
        a = rom.Integer()
        b = rom.Text()
        it = rom.IndexOnly('a', keygen=words, unique=True)

    Thing(a=1, b='x').save()
    rom.session.rollback()
    raw.hset('Thing:1', 'a', 'junk')
    thing = Thing.get(1)
    assert thing is not None
    thing.b = 'y'
    assert thing.save() == 1


@pytest.mark.one_server
def test_a_field_of_its_name_in_the_row_is_nobodys_business(client: Any, raw: redis.Redis) -> None:
    """The column held values once, before it became an IndexOnly."""
    rom.util.CONNECTION = client
    OnlyPerson(last='Lee').save()
    rom.session.rollback()
    raw.hset('OnlyPerson:1', 'name', 'old')
    ann = OnlyPerson.get(1)
    assert ann is not None and ann.name is None
    ann.last = 'Moe'
    ann.save()
    ann.save(full=True)
    assert OnlyPerson.query.filter(name='moe').all() == [ann]
    assert raw.hget('OnlyPerson:1', 'name') == b'old'


@pytest.mark.one_server
def test_rows_that_1x_wrote(client: redis.Redis, raw: redis.Redis) -> None:
    """As 1.1.2 stores them; it made no claim where there is an index besides unique."""
    rom.util.CONNECTION = client
    raw.hset('OnlyAccount:1', mapping={
        'id': '1', 'email': 'A', '-index-data-': '[["address:a"],{},{},{},{}]'})  # fmt: skip
    raw.sadd('OnlyAccount:address:a:idx', '1')
    raw.set('OnlyAccount:id:', '1')
    account = OnlyAccount.get(1)
    assert account is not None
    account.email = 'B'
    account.save()
    assert raw.hgetall('OnlyAccount:address:uidx') == {b'b': b'1'}
    assert_consistent(raw, OnlyAccount, live=False)
    account.delete()
    assert_consistent(raw, OnlyAccount, live=False)
