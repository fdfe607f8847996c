"""Ranked indexes: what a row has in them, after every kind of write, a check and a reindex."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

import rom
from rom import jsonl
from rom._core.indexing.rank_index import LENGTHS, pack_posting, unpack_posting
from rom.exceptions import ColumnError, InvalidOperation
from tests.support.implied import assert_consistent
from tests.support.servers import Server, dump, without_notes
from tests.support.worlds import Front

TEXTS = st.lists(st.sampled_from(['red', 'Shoes', 'shoe', 'a', 'the', 'blue']), max_size=9)


class RankedIndexText(rom.Model):
    title = rom.Text(rank=True, index=True, prefix=True, keygen=rom.FULL_TEXT)
    body = rom.Text(rank=True, stem='english', stored_as='b')
    plain = rom.Text(index=True, keygen=rom.FULL_TEXT)


class RankedChange(rom.Model):
    title = rom.Text(rank=True, stem='english')
    body = rom.Text(rank=True, index=True, keygen=rom.FULL_TEXT)


class UnrankedIndexText(rom.Model):
    title = rom.Text(index=True, keygen=rom.FULL_TEXT)


class RankedDefaultText(rom.Model):
    title = rom.Text(rank=True, default='red shoes')


@given(st.integers(1, 2**26 - 1), st.integers(1, LENGTHS - 1))
def test_postings_keep_both_numbers(times: int, length: int) -> None:
    packed = pack_posting(times, length)
    assert unpack_posting(packed) == (times, length)
    assert int(float(packed)) == packed
    assert pack_posting(times, length) >= pack_posting(times, LENGTHS - 1)


@pytest.mark.parametrize(
    ('options', 'why'),
    [
        ({'stem': 'english'}, 'no effect without rank'),
        ({'rank': True, 'stem': 'klingon'}, 'expected stem to be one of .*english'),
        ({'rank': True, 'stem': 5}, 'expected stem to be one of'),
    ],
)
def test_options_that_make_no_sense(options: Any, why: str) -> None:
    with pytest.raises(ColumnError, match=why):
        rom.Text(**options)


def test_stems_need_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'snowballstemmer', None)
    with pytest.raises(ColumnError, match=r"needs .*snowballstemmer: pip install 'rom-redis\[stem"):
        rom.Text(rank=True, stem='english')
    rom.Text(rank=True)


@pytest.mark.one_server
@given(texts=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), data=st.data())
def test_all_writes_keep_the_counts(
    server: Server, client: redis.Redis, raw: redis.Redis, texts: Any, data: Any
) -> None:
    server.flush()
    rom.util.CONNECTION = client
    rom.session.rollback()

    made = [RankedChange(title=' '.join(a), body=' '.join(b) or None) for a, b in texts]
    rom.session.commit()
    assert_consistent(raw, RankedChange)
    for entity in made:
        match data.draw(st.sampled_from(['title', 'both', 'none', 'delete', 'keep'])):
            case 'title':
                entity.title = ' '.join(data.draw(TEXTS))
            case 'both':
                entity.title, entity.body = entity.body, entity.title
            case 'none':
                entity.body = None
            case 'delete':
                entity.delete()
    rom.session.commit()
    assert_consistent(raw, RankedChange)


@pytest.mark.one_server
def test_whole_texts_are_counted_too(on_client: None, raw: redis.Redis) -> None:
    """The index of IDENTITY has a way of its own for such texts."""

    class RankedSlug(rom.Model):
        slug = rom.Text(rank=True, index=True, keygen=rom.IDENTITY)

    RankedSlug(slug='pear').save()
    made = [RankedSlug(slug=slug) for slug in ('apple', 'apple pie', 'red')]
    rom.session.commit()
    made[0].slug = 'quince'
    made[0].save()
    assert_consistent(raw, RankedSlug)
    found = {word: RankedSlug.query.search(word).count() for word in ('pear', 'apple', 'quince')}
    assert found == {'pear': 1, 'apple': 1, 'quince': 1}
    assert RankedSlug.query.filter(slug='apple pie').count() == 1


@pytest.mark.one_server
def test_updates_upserts_loads_and_checks_know_the_counts(
    on_client: None, raw: redis.Redis, front: Front
) -> None:
    class RankedWays(rom.Model):
        code = rom.Integer(unique=True, index=True)
        title = rom.Text(rank=True, stem='english')

    for code in range(20):
        RankedWays(code=code, title=f'red shoes {code}')
    rom.session.commit()
    RankedWays.query.filter(code=(5, 9)).update(title='blue blue')
    RankedWays.query.filter(code=(10, 12)).delete()
    rom.session.upsert(RankedWays, {'title': 'upserted shoe'}, code=3)
    assert_consistent(raw, RankedWays)
    lines = [line for block in jsonl.dump(RankedWays) for line in block.text.splitlines(True)]
    for key in raw.scan_iter('RankedWays:*'):
        raw.delete(key)
    rom.session.rollback()
    list(jsonl.load(lines, RankedWays))
    assert RankedWays.query.count() == 17
    assert_consistent(raw, RankedWays)
    assert not list(front.check(RankedWays))


@pytest.mark.one_server
def test_check_finds_and_mends_what_is_wrong(
    on_client: None, raw: redis.Redis, front: Front
) -> None:
    class RankedDamage(rom.Model):
        title = rom.Text(rank=True)

    for place in range(12):
        RankedDamage(title=f'red shoes {place}')
    rom.session.commit()
    raw.zadd('RankedDamage:title:red:tf', {'3': 5.0, '77': 9.0})
    raw.zrem('RankedDamage:title:shoes:tf', '4')
    raw.srem('RankedDamage:title:all:len', '5')
    raw.sadd('RankedDamage:title:7:len', '6')
    found = {(one.kind, one.key.split(':', 2)[2]) for one in front.check(RankedDamage)}
    assert found == {
        ('score', 'red:tf'), ('dangling', 'red:tf'), ('missing', 'shoes:tf'),
        ('missing', 'all:len'), ('doubled', '7:len'),
    }  # fmt: skip
    list(front.check(RankedDamage, repair=True))
    assert_consistent(raw, RankedDamage)


@pytest.mark.parametrize('kept', [False, True])
@pytest.mark.one_server
def test_reindex_makes_and_removes_the_counts(
    on_client: None, raw: redis.Redis, front: Front, kept: bool
) -> None:
    def declared(**options: Any) -> Any:
        rom.MODELS.pop('RankedLater', None)
        body = {'title': rom.Text(**options), 'other': rom.Text(rank=kept)}
        return type('RankedLater', (rom.Model,), body)

    model = declared()
    for place in range(10):
        model(title=f'running shoes {place}', other='x y')
    rom.session.commit()
    rom.session.rollback()
    untouched = without_notes(dump(raw))
    model = declared(rank=True)
    [status] = front.status(model)
    assert status.changes == ('rank title is new',)
    list(front.reindex(model))
    assert_consistent(raw, model)
    model = declared(rank=True, stem='english')
    [status] = front.status(model)
    assert status.changes == ('rank title was Text: words, and is Text: english stems',)
    list(front.reindex(model))
    del raw  # the words of before are still in the vocabulary, which a search leaves out
    model = declared()
    list(front.reindex(model))
    assert without_notes(dump(rom.util.CONNECTION)) == untouched
    assert not list(front.check(model))


@pytest.mark.one_server
def test_a_default_is_counted_after_a_reindex(on_client: None, raw: redis.Redis) -> None:
    RankedDefaultText(title='blue').save()
    raw.hdel('RankedDefaultText:1', 'title')
    raw.delete('RankedDefaultText:title:blue:tf')
    list(rom.maintenance.reindex(RankedDefaultText, everything=True))
    assert raw.zscore('RankedDefaultText:title:shoes:tf', '1') == pack_posting(1, 2)


@pytest.mark.one_server
def test_without_rank_nothing_is_paid(on_client: None, raw: redis.Redis) -> None:
    """Not a key, not a byte, not a command."""
    UnrankedIndexText(title='red shoes').save()
    raw.config_resetstat()
    UnrankedIndexText(title='red shoes again').save()
    calls = {name: stats['calls'] for name, stats in raw.info('commandstats').items()}
    assert 'cmdstat_zadd' not in calls
    assert not list(raw.scan_iter('*:tf')) + list(raw.scan_iter('*:voc'))
    assert UnrankedIndexText._schema.ranks == {}


@pytest.mark.one_server
def test_a_text_that_is_too_long_is_refused_whole(on_client: None, raw: redis.Redis) -> None:
    RankedIndexText(body=' '.join(f'word{n}' for n in range(100_001)))
    with pytest.raises(InvalidOperation, match=r'RankedIndexText\.body: a commit of'):
        rom.session.commit()
    rom.session.rollback()
    assert not list(raw.scan_iter('RankedIndexText:body:*'))
    RankedIndexText(body='word ' * 100_000).save()
    assert raw.zscore('RankedIndexText:b:word:tf', raw.get('RankedIndexText:id:')) == (
        pack_posting(100_000, 100_000)
    )


@pytest.mark.one_server
def test_a_key_of_another_type_is_left_alone(on_client: None, raw: redis.Redis) -> None:
    raw.set('RankedIndexText:title:voc', 'x')
    RankedIndexText(title='red')
    with pytest.raises(rom.exceptions.CorruptRowError, match='RankedIndexText:title:voc'):
        rom.session.commit()
    rom.session.rollback()
    assert not raw.exists('RankedIndexText:1')


@pytest.mark.one_server
def test_writers_at_the_same_time_keep_the_vocabulary(
    server: Server, client: redis.Redis, raw: redis.Redis
) -> None:
    """A word that one writer gives up is another's; both write the same rows again and again."""
    rom.util.CONNECTION = client

    class RankedRace(rom.Model):
        title = rom.Text(rank=True)

    RankedRace(title='red'), RankedRace(title='blue')
    rom.session.commit()
    rom.session.rollback()

    def write(words: Iterator[str]) -> None:
        with rom.Session(client):
            for word in words:
                RankedRace.query.update(title=f'{word} shoe')

    rounds = [iter(['red', 'green', 'blue', 'red'] * 5), iter(['blue', 'red', 'grey'] * 5)]
    threads = [threading.Thread(target=write, args=(words,)) for words in rounds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_consistent(raw, RankedRace)
