"""Relationships, on every layer."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from schematics import models, types
from schematics.exceptions import DataError

from rom.schematics import ReferenceType, SimpleRedisMixin, StrictPerformanceException
from tests.schematics.support import EVERY_LAYER, pks, trips
from tests.support.servers import dump

pytestmark = pytest.mark.one_server

Kinds = tuple[Any, Any]


def library(mixin: Any, raw: redis.Redis) -> Kinds:
    """Authors, and books that refer to them."""

    class Author(models.Model, mixin):  # type: ignore[misc]
        __redis_client__ = raw
        pk = types.StringType()
        name = types.StringType()
        mentor = ReferenceType('Author')

    class Book(models.Model, mixin):  # type: ignore[misc]
        __redis_client__ = raw
        pk = types.StringType()
        id = types.IntType()
        author = ReferenceType(Author, metadata={'index': True})
        editor = ReferenceType(Author)

    return Author, Book


@EVERY_LAYER
def test_loaded_together_read_together(
    raw: redis.Redis, mixin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    author, book = library(mixin, raw)
    eve = author({'pk': 'eve', 'name': 'Eve'})
    eve.set()
    for number in range(5):
        one = author({'pk': f'a{number}', 'name': f'Author {number}', 'mentor': eve})
        one.set()
    for number in range(20):
        book({'id': number, 'author': f'a{number % 5}'}).set()
    books = book.all()
    with trips(monkeypatch) as sent:
        assert {one.author.name for one in books} == {f'Author {number}' for number in range(5)}
        assert len(sent) == 1
        assert {one.author.mentor.name for one in books} == {'Eve'}
        assert len(sent) == 2
        assert books[0].author is books[0].author
        assert [one.editor for one in books] == [None] * 20
        assert len(sent) == 2
    assert pks(author.match_for_pk('a1').related(book.author)) == ['1', '11', '16', '6']


@EVERY_LAYER
def test_stored_is_the_primary_key(raw: redis.Redis, mixin: Any) -> None:
    author, book = library(mixin, raw)
    ann = author({'name': 'Ann'})
    one = book({'id': 1})
    one.author = ann
    assert one.author is ann
    assert one['author'] == ann.pk == one.to_primitive()['author']
    assert book.get(one, 'author') == ann.pk
    ann.set()
    one.set()
    assert book.match(id=1).author == ann
    assert pks(book.filter(author=ann)) == ['1']
    assert pks(book.filter(author=ann.pk)) == ['1']
    assert pks(book.filter(author__in=[ann, 'x'])) == ['1']
    one.author = None
    one.set()
    assert book.match(id=1).author is None
    assert book.filter(author=ann) == []


@EVERY_LAYER
def test_an_object_that_is_gone_is_none(raw: redis.Redis, mixin: Any) -> None:
    author, book = library(mixin, raw)
    book({'id': 1, 'author': 'gone'}).set()
    one = book.match(id=1)
    assert one.author is None
    author({'pk': 'gone'}).set()
    assert one.author is None
    one.refresh()
    assert one.author.pk == 'gone'
    one.author = 'other'
    assert one.author is None


def test_exporting_and_comparing_load_nothing(
    raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    author, book = library(SimpleRedisMixin, raw)
    author({'pk': 'a'}).set()
    book({'id': 1, 'author': 'a'}).set()
    one, other = book.match(id=1), book.match(id=1)
    with trips(monkeypatch) as sent:
        one.validate()
        assert one.to_primitive() == other.to_native()
        assert one == other
        assert dict(one.items())['author'] == 'a'
    assert sent == []


@pytest.mark.parametrize('wrong', [1.5, True, ['a'], object()])
def test_what_is_no_reference(raw: redis.Redis, wrong: object) -> None:
    _, book = library(SimpleRedisMixin, raw)
    with pytest.raises(DataError, match='expected a Author or its primary key'):
        book({'author': wrong})


def test_an_object_of_another_model_is_refused(raw: redis.Redis) -> None:
    _, book = library(SimpleRedisMixin, raw)
    with pytest.raises(DataError, match='got a Book'):
        book({'author': book({'id': 2})})


def test_a_name_that_nobody_has(raw: redis.Redis) -> None:
    class Lost(models.Model, SimpleRedisMixin):  # type: ignore[misc]
        __redis_client__ = raw
        pk = types.StringType()
        other = ReferenceType('Nobody')

    with pytest.raises(TypeError, match="expected the name of a model, got 'Nobody'"):
        _ = Lost({'pk': 'x', 'other': 'y'}).other


def test_references_in_a_list_are_primary_keys(raw: redis.Redis) -> None:
    author, _ = library(SimpleRedisMixin, raw)

    class Shelf(models.Model, SimpleRedisMixin):  # type: ignore[misc]
        __redis_client__ = raw
        pk = types.StringType()
        authors = types.ListType(ReferenceType(author))

    Shelf({'pk': 's', 'authors': [author({'pk': 'a'}), 'b']}).set()
    assert Shelf.match_for_pk('s').authors == ['a', 'b']
    assert set(dump(raw)) == {b'Shelf:s'}


class TestRelated:
    @EVERY_LAYER
    def test_by_field_or_name_of_one_or_several(
        self, raw: redis.Redis, mixin: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        author, book = library(mixin, raw)
        authors = [author({'pk': pk}) for pk in 'abc']
        for one in authors:
            one.set()
        for number, pk in enumerate('aab'):
            book({'id': number, 'author': pk}).set()
        for field in (book.author, 'Book.author', 'author'):
            assert pks(authors[0].related(field)) == ['0', '1']
        with trips(monkeypatch) as sent:
            found = author.related(book.author, authors)
        assert {pk: pks(books) for pk, books in found.items()} == {
            'a': ['0', '1'], 'b': ['2'], 'c': [],
        }  # fmt: skip
        if mixin.__layer__.has_indexes:
            assert sent == ['search']
        assert author.related(book.author, []) == {}

    def test_strict_models_need_an_index(self, raw: redis.Redis) -> None:
        author, book = library(SimpleRedisMixin, raw)
        book.__strict_performance__ = True
        with pytest.raises(StrictPerformanceException):
            author({'pk': 'a'}).related(book.author)

    def test_what_is_no_reference_to_the_model(self, raw: redis.Redis) -> None:
        author, book = library(SimpleRedisMixin, raw)
        for field in (book.id, 'Book.id', 'nothing', 5):
            with pytest.raises(TypeError, match=r'Author\.related'):
                author({'pk': 'a'}).related(field)
        with pytest.raises(TypeError, match='pass a list of objects'):
            author.related(book.author)
