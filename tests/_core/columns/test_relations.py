"""Relations as columns: their options, and every error that the contract names (section 4)."""

from typing import Any

import pytest

import rom
from rom._core.columns.relations import ON_DELETE, Reference
from rom.exceptions import ColumnError, CorruptRowError, InvalidColumnValue, InvalidOperation

BOTH = (rom.ManyToOne, rom.OneToOne)


# Options.


@pytest.mark.parametrize('kind', BOTH)
@pytest.mark.parametrize('on_delete', ON_DELETE)
def test_each_on_delete(kind: Any, on_delete: str) -> None:
    column = kind('Author', on_delete)
    assert (column.ftable, column.on_delete, column.index) == ('Author', on_delete, True)
    assert kind('Author', on_delete=on_delete).on_delete == on_delete


@pytest.mark.parametrize('kind', BOTH)
@pytest.mark.parametrize('wrong', [None, '', 'CASCADE', 'delete', 5, ['cascade']])
def test_on_delete_is_missing_or_unknown(kind: Any, wrong: Any) -> None:
    with pytest.raises(ColumnError, match=r'on_delete.*expected one of .*cascade'):
        kind('Author', wrong)
    with pytest.raises(ColumnError, match='on_delete is missing'):
        kind('Author')


@pytest.mark.parametrize('kind', BOTH)
def test_what_does_not_go_with_required(kind: Any) -> None:
    with pytest.raises(ColumnError, match=r'set null.*required'):
        kind('Author', 'set null', required=True)
    with pytest.raises(ColumnError, match=r'set default.*needs a default'):
        kind('Author', 'set default', required=True)
    assert kind('Author', 'set default', required=True, default=lambda: None).required
    assert kind('Author', 'set default').default is None
    for on_delete in ('no action', 'restrict', 'cascade'):
        assert kind('Author', on_delete, required=True).required


def test_unique_is_for_one_to_one() -> None:
    assert rom.OneToOne('Author', 'cascade', unique=True).unique
    assert not rom.OneToOne('Author', 'cascade').unique
    with pytest.raises(TypeError):
        rom.ManyToOne('Author', 'cascade', unique=True)  # type: ignore[call-arg]


def test_the_model_may_be_named_by_class_and_namespace() -> None:
    class Author(rom.Model):
        _namespace = 'authors'

    class Book(rom.Model):
        by_name = rom.ManyToOne('Author', 'cascade')
        by_namespace = rom.ManyToOne('authors', 'cascade')
        by_class = rom.ManyToOne(Author, 'cascade')  # type: ignore[arg-type]
        author_of = rom.OneToMany('Book', column='none')

    for column in (Book.by_name, Book.by_namespace, Book.by_class):
        assert column.get_related_model() is Author
    author = Author()
    book = Book(by_name=author, by_namespace=author, by_class=author)
    assert book.by_name is book.by_namespace is book.by_class is author
    assert Book.author_of.get_related_model() is Book


# Models that are not there.


@pytest.mark.parametrize('kind', BOTH)
def test_unknown_model_is_an_error_as_soon_as_an_entity_is_made(kind: Any) -> None:
    class Book(rom.Model):
        author = kind('Nobody', 'no action')

    with pytest.raises(rom.ORMError, match="refers to the model 'Nobody', which is not defined"):
        Book()
    with pytest.raises(rom.ORMError, match='Nobody'):
        Book.author.get_related_model()
    assert not rom.session.known


def test_the_other_model_may_come_later() -> None:
    class Book(rom.Model):
        author = rom.ManyToOne('Author', 'cascade')
        sequel = rom.ManyToOne('Book', 'cascade')

    with pytest.raises(rom.ORMError):
        Book()

    class Author(rom.Model):
        books = rom.OneToMany('Book')

    assert Book(author=Author()).sequel is None


# Values.


@pytest.fixture
def models() -> tuple[Any, Any]:
    class Author(rom.Model):
        pass

    class Book(rom.Model):
        author = rom.ManyToOne('Author', 'cascade', required=True)
        friend = rom.OneToOne('Book', 'set null')

    return Author, Book


def test_only_entities_of_that_model_are_taken(models: tuple[Any, Any]) -> None:
    Author, Book = models

    class Poet(Author):  # type: ignore[misc, valid-type]
        pass

    author = Author()
    book = Book(author=author)
    for wrong in ('1', object(), Author, book, Poet(), [author], True):
        with pytest.raises(InvalidColumnValue, match=r'Book\.author: .* not an entity of Author'):
            book.author = wrong
        with pytest.raises(InvalidColumnValue):
            Book(author=wrong)
    assert book.author is author


def test_required(models: tuple[Any, Any]) -> None:
    Author, Book = models
    with pytest.raises(rom.MissingColumn):
        Book()
    book = Book(author=Author())
    for remove in (lambda: delattr(book, 'author'), lambda: setattr(book, 'author', None)):
        with pytest.raises(InvalidOperation):
            remove()
    book.friend = book
    del book.friend
    assert book.friend is None


def test_default() -> None:
    class Author(rom.Model):
        pass

    nobody = Author()

    class Book(rom.Model):
        author = rom.ManyToOne('Author', 'set default', required=True, default=lambda: nobody)
        wrong = rom.ManyToOne('Author', 'set default', default=lambda: '5')

    with pytest.raises(InvalidColumnValue):
        Book()
    assert Book(wrong=nobody).author is nobody


def test_repr_of_cycles(models: tuple[Any, Any]) -> None:
    Author, Book = models
    one = Book(author=Author())
    other = Book(author=one.author, friend=one)
    one.friend = other
    assert repr(one) == '<Book:(new) author=<Author:(new)>, friend=<Book:(new)>>'
    one.friend = one
    assert repr(one).count('friend') == 1


def test_a_deleted_entity_is_refused_and_reads_as_none(models: tuple[Any, Any]) -> None:
    Author, Book = models
    author, other = Author(), Author()
    book = Book(author=author)
    author._deleted = True
    assert book.author is None
    with pytest.raises(InvalidColumnValue, match='was deleted'):
        Book(author=author)
    with pytest.raises(InvalidOperation, match='which was deleted'):
        Book.author.encode(author)
    book.author = other
    author._deleted = False
    book.author = author


@pytest.mark.parametrize('raw', [b'', b'x', b'-1', b'1.5', b'1_0', b' 1', b'\xff'])
def test_what_is_no_id_is_corrupt(models: tuple[Any, Any], raw: bytes) -> None:
    _, Book = models
    with pytest.raises(CorruptRowError) as caught:
        Book.author.read_stored(raw, 'Book:1')
    assert (caught.value.key, caught.value.column, caught.value.value) == ('Book:1', 'author', raw)


@pytest.mark.parametrize('id', [1, 2**53 + 1, 10**30])
def test_ids_of_any_size(models: tuple[Any, Any], id: int) -> None:
    Author, Book = models
    author = Author._from_row(id, {'id': b'%d' % id})
    raw = Book.author.encode(author)
    assert raw == b'%d' % id
    found = Book.author.decode(raw)
    assert isinstance(found, Reference)
    assert found.id == id == Book.author.id_of(author) == Book.author.id_of(id)


@pytest.mark.parametrize('wrong', [True, 1.0, '1', None, object()])
def test_what_a_query_cannot_ask_for(models: tuple[Any, Any], wrong: Any) -> None:
    _, Book = models
    with pytest.raises(rom.QueryError):
        Book.query.filter(author=wrong)


def test_not_null_is_for_relations(models: tuple[Any, Any]) -> None:
    class Plain(rom.Model):
        number = rom.Integer(index=True)

    _, Book = models
    assert Book.query.filter(author=rom.NOT_NULL)
    with pytest.raises(rom.QueryError, match='NOT_NULL is for relations'):
        Plain.query.filter(number=rom.NOT_NULL)


def test_loading_an_unknown_path(models: tuple[Any, Any]) -> None:
    _, Book = models
    assert Book.query.load('author', 'friend.author')
    with pytest.raises(rom.QueryError, match="no relation 'nothing'"):
        Book.query.load('nothing.author')
