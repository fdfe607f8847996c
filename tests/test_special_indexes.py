"""Indexes of more than one plain value: an indexed primary key, unique_together, keygen2, dicts.

Contract, sections 3, 4 and 8. Each is written, queried, changed and deleted; the keyspace is
compared with what the rows imply at every step, on every server.
"""

from collections.abc import Mapping
from typing import Any

import pytest
import redis

import rom
from rom.exceptions import DataRaceError, InvalidColumnValue, QueryError, UniqueKeyViolation
from tests.support.implied import assert_consistent

# PrimaryKey(index=True).


class NumberedRow(rom.Model):
    number = rom.PrimaryKey(index=True)
    a = rom.Text()


def test_an_indexed_primary_key(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    first = NumberedRow(a='x')
    first.save()
    rows = [first, *(NumberedRow(a=str(n)) for n in range(4))]
    rom.session.commit()
    keyspace = assert_consistent(raw, NumberedRow)
    assert keyspace[b'NumberedRow:number:idx'] == {b'%d' % n: float(n) for n in range(1, 6)}
    assert NumberedRow.query.filter(number=(2, 3)).all() == rows[1:3]
    assert NumberedRow.query.filter(number=5).all() == rows[4:]
    assert NumberedRow.query.filter(number=[1, 9]).all() == rows[:1]
    assert NumberedRow.query.order_by('-number').limit(1, 2).all() == [rows[3], rows[2]]
    assert NumberedRow.get_by(number=4) == [rows[3]]
    assert NumberedRow.get_by(number=(4, None)) == rows[3:]
    first.a = 'y'
    assert first.save() == 1
    assert first.save(full=True) == 2
    assert_consistent(raw, NumberedRow)
    first.delete()
    assert NumberedRow.query.filter(number=(None, 2)).all() == [rows[1]]
    assert_consistent(raw, NumberedRow)
    first.save(force=True)
    assert_consistent(raw, NumberedRow)
    rom.session.delete(rows)
    assert_consistent(raw, NumberedRow)
    assert raw.exists('NumberedRow:number:idx') == 0


@pytest.mark.one_server
def test_an_indexed_primary_key_past_what_a_double_holds(client: Any, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    raw.set('NumberedRow:number:', 2**53)
    rows = [NumberedRow(a='x'), NumberedRow(a='y'), NumberedRow(a='z')]
    rom.session.commit()
    assert [row.number for row in rows] == [2**53 + 1, 2**53 + 2, 2**53 + 3]
    for row in rows:
        assert NumberedRow.query.filter(number=row.number).all() == [row]
    assert NumberedRow.query.filter(number=(2**53 + 2, None)).all() == rows[1:]
    since = NumberedRow.query.filter(number=(2**53 + 1, None))
    assert since.order_by('-number').all() == rows[::-1]
    rom.session.delete(rows)
    assert raw.exists('NumberedRow:number:idx') == 0


# unique_together.


class GroupSeat(rom.Model):
    hall = rom.Text()
    row = rom.Integer()
    code = rom.String()
    unique_together = [('row', 'hall'), ('code', 'hall', 'row')]


def test_unique_together(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    one = GroupSeat(hall='é', row=1, code=b'\xff')
    one.save()
    GroupSeat(hall='é', row=2).save()
    GroupSeat(hall='é').save()
    GroupSeat(hall='é').save()  # a None in the group: the constraint is silent
    GroupSeat(hall='', row=3).save()
    keyspace = assert_consistent(raw, GroupSeat)
    value = b'\0\0\xc3\xa9\0\0\x001'.decode('latin-1').encode('utf-8')
    assert keyspace[b'GroupSeat:hall:row:uidx'][value] == b'1'
    assert keyspace[b'GroupSeat:code:hall:row:uidx'].keys() == {
        b'\0\0\xc3\xbf\0\0\0\xc3\xa9\0\0\x001'.decode('latin-1').encode('utf-8')
    }
    with pytest.raises(UniqueKeyViolation, match='hall and row must be unique') as error:
        GroupSeat(hall='é', row=1).save()
    assert error.value.columns == ('hall', 'row')
    rom.session.rollback()
    with pytest.raises(UniqueKeyViolation):
        GroupSeat(hall='', row=3).save()  # as in 1.1.2: of a group, an empty string counts
    rom.session.rollback()
    one, two = GroupSeat.get([1, 2])
    one.row, two.row = 2, 1
    assert rom.session.commit() == 2  # swapped
    assert_consistent(raw, GroupSeat)
    one.hall = None
    one.save()
    GroupSeat(hall='é', row=2).save()
    assert_consistent(raw, GroupSeat)
    two.delete()
    GroupSeat(hall='é', row=1).save()
    assert_consistent(raw, GroupSeat)


@pytest.mark.one_server
def test_two_writers_of_one_group(client: redis.Redis, raw: redis.Redis) -> None:
    """Each changes another column of the group: the claim is that of the row as it then is."""
    rom.util.CONNECTION = client
    GroupSeat(hall='a', row=1).save()
    with rom.Session() as one, rom.Session() as two:
        mine, other = one.get(GroupSeat, 1), two.get(GroupSeat, 1)
        assert mine is not None and other is not None
        mine.hall, other.row = 'b', 2
        one.commit()
        two.commit()
    assert GroupSeat.query.select('hall', 'row').all() == [{'hall': 'b', 'row': 2}]
    assert_consistent(raw, GroupSeat)


@pytest.mark.one_server
def test_one_tuple_is_one_group(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client

    class Pair(rom.Model):
        a = rom.Integer()
        b = rom.Integer()
        unique_together = ('b', 'a')

    Pair(a=1, b=2).save()
    Pair(a=2, b=1).save()
    with pytest.raises(UniqueKeyViolation):
        Pair(a=1, b=2).save()
    assert_consistent(raw, Pair)


# keygen2.


def full_name(name: str, row: Mapping[str, Any]) -> list[str]:
    return [f'{row["first"]} {row["last"]}'.lower()]


def total(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    if not row.get('last'):
        return {}
    return {'': row['price'] * (row['count'] or 0), 'id': row['id'], 'dear': None}


class WideItem(rom.Model):
    first = rom.Text(index=True, prefix=True, suffix=True, keygen2=full_name)
    last = rom.Text()
    count = rom.Integer()
    price = rom.Integer(index=True, keygen2=total)


def test_keygen2(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    ann, bob = WideItem(first='Ann', last='Lee', price=5, count=2), WideItem(last='Moe', price=7)
    rom.session.commit()
    WideItem(first='X').save()
    keyspace = assert_consistent(raw, WideItem)
    assert keyspace[b'WideItem:price:idx'] == {b'1': 10.0, b'2': 0.0}
    assert keyspace[b'WideItem:price:id:idx'] == {b'1': 1.0, b'2': 2.0}
    assert keyspace[b'WideItem:price:dear:idx'] == {b'1', b'2'}
    assert b'WideItem:first:none moe:idx' not in keyspace, 'as in 1.1.2, not asked about no value'
    assert WideItem.query.filter(first='ann lee').all() == [ann]
    assert WideItem.query.startswith(first='ann l').all() == [ann]
    assert WideItem.query.endswith(first='lee').all() == [ann]
    assert WideItem.query.filter(price=(1, 10)).all() == [ann]
    assert WideItem.query.filter(**{'price:id': 2}).all() == [bob]
    assert WideItem.query.filter(price='dear').order_by('-price').all() == [ann, bob]
    bob.count = 9
    ann.last = 'Kay'
    assert rom.session.commit() == 2
    assert_consistent(raw, WideItem)
    assert WideItem.query.filter(price=63).all() == [bob]
    assert WideItem.query.filter(first='ann kay').all() == [ann]
    bob.last = None
    bob.save()
    assert WideItem.query.filter(price='dear').all() == [ann]
    ann.save(full=True)
    assert_consistent(raw, WideItem)
    ann.delete()
    bob.delete()
    assert_consistent(raw, WideItem)


@pytest.mark.one_server
def test_what_a_keygen2_looked_at_is_part_of_the_race_check(client: Any, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    WideItem(first='Ann', last='Lee', price=5, count=2).save()
    with rom.Session() as one, rom.Session() as two:
        mine, other = one.get(WideItem, 1), two.get(WideItem, 1)
        assert mine is not None and other is not None
        mine.count, other.price = 10, 6
        one.commit()
        two.commit()
    assert raw.zscore('WideItem:price:idx', '1') == 60
    assert_consistent(raw, WideItem)
    with rom.Session() as one, rom.Session() as two:
        mine, other = one.get(WideItem, 1), two.get(WideItem, 1)
        assert mine is not None and other is not None
        mine.count = 11
        one.commit()
        two.delete(other)
    assert_consistent(raw, WideItem)


# Dicts with named numbers, and words.


def measures(value: str) -> dict[str, Any]:
    return {'': len(value), 'é': value.count('e'), value[:1]: None, 'half': len(value) / 2}


class NamedWord(rom.Model):
    text = rom.Text(index=True, keygen=measures)
    n = rom.Integer(index=True, keygen=lambda n: {'sign': (n > 0) - (n < 0)} if n else None)


def test_named_numbers(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    words = [NamedWord(text=text, n=n) for n, text in enumerate(('tree', 'tea', 'bee', 'a'), -1)]
    rom.session.commit()
    tree, tea, bee, a = words
    keyspace = assert_consistent(raw, NamedWord)
    assert keyspace['NamedWord:text:é:idx'.encode()] == {b'1': 2.0, b'2': 1.0, b'3': 2.0, b'4': 0.0}
    assert keyspace[b'NamedWord:n:sign:idx'] == {b'1': -1.0, b'3': 1.0, b'4': 1.0}
    assert NamedWord.query.filter(text=(3, 4)).all() == [tea, bee, tree]
    assert NamedWord.query.filter(text=3).all() == [tea, bee]
    assert NamedWord.query.filter(text='t').all() == [tree, tea]
    assert NamedWord.query.filter(text='half').count() == 4, 'a word that names a numeric sub-index'
    assert NamedWord.query.filter(n='sign').all() == [tree, bee, a]
    assert NamedWord.query.filter(**{'text:é': 2}).all() == [tree, bee]
    assert NamedWord.query.filter(**{'text:é': (None, 1), 'text:half': (1, None)}).all() == [tea]
    assert NamedWord.query.filter(**{'n:sign': [-1, 0]}).all() == [tree]
    assert NamedWord.query.order_by('-text:half').first() is tree
    assert NamedWord.query.order_by('n:sign').all() == [tree, bee, a, tea], (
        'without one: at the end'
    )
    assert NamedWord.query.filter(text='t').order_by('text:é').all() == [tea, tree]
    tea.text, tea.n = 'beer', 5
    assert tea.save() == 2
    assert_consistent(raw, NamedWord)
    assert NamedWord.query.filter(text='t').all() == [tree]
    tree.text = None
    tree.n = None
    tree.save()
    assert_consistent(raw, NamedWord)
    for word in words:
        word.delete()
    assert_consistent(raw, NamedWord)


@pytest.mark.one_server
@pytest.mark.parametrize(
    'wrong', [{'': 'x'}, {'': float('nan')}, {5: 1}, {'x': []}, 5, 'word', [5]]
)
def test_what_no_index_can_hold(client: redis.Redis, raw: redis.Redis, wrong: Any) -> None:
    rom.util.CONNECTION = client

    class Thing(rom.Model):
        a = rom.Integer(index=True, keygen=lambda value: wrong)

    with pytest.raises(InvalidColumnValue, match=r'Thing\.a: '):
        Thing(a=1).save()
    assert raw.keys('Thing:[1a]*') == []


@pytest.mark.one_server
def test_questions_that_make_no_sense(client: redis.Redis) -> None:
    rom.util.CONNECTION = client
    for question in ({'text:half': 'x'}, {'text:half': (1, 2, 3)}, {'nope:x': 1}, {'text': None}):
        with pytest.raises(QueryError):
            NamedWord.query.filter(**question)
    with pytest.raises(QueryError):
        NamedWord.query.order_by('nope:half')


@pytest.mark.one_server
def test_the_list_of_1x_has_them_all(client: redis.Redis, raw: redis.Redis) -> None:
    """`_keep_index_data`: rom 1.x goes on to write beside us."""
    rom.util.CONNECTION = client

    class Kept(rom.Model):
        _keep_index_data = True
        number = rom.PrimaryKey(index=True)
        a = rom.Text()
        lon = rom.Float()
        it = rom.IndexOnly('a', keygen=rom.IDENTITY, prefix=True, suffix=True)
        size = rom.IndexOnly(keygen2=lambda name, row: {'': len(row['a'] or ''), 'x': 1, 'w': None})
        geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': 0})]

    kept = Kept(a='ab', lon=1.0)
    kept.save()
    assert raw.hget('Kept:1', '-index-data-') == (
        b'[["it:ab", "size:w"], ["number", "size", "size:x"], [["it", "ab"]], [["it", "ba"]], '
        b'["at"]]'
    )
    kept.lon = None
    kept.a = 'c'
    kept.save()
    assert raw.hget('Kept:1', '-index-data-') == (
        b'[["it:c", "size:w"], ["number", "size", "size:x"], [["it", "c"]], [["it", "c"]], []]'
    )
    assert_consistent(raw, Kept, live=False)
    with rom.Session() as one, rom.Session() as two:
        mine, other = one.get(Kept, 1), two.get(Kept, 1)
        assert mine is not None and other is not None
        mine.a = 'd'
        one.commit()
        other.a = 'e'
        with pytest.raises(DataRaceError):
            two.commit()
    kept.delete()
    assert_consistent(raw, Kept, live=False)
