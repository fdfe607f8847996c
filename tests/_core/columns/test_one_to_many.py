"""OneToMany: which column of the other model it lists by, and what may be ambiguous."""

from typing import Any

import pytest

import rom
from rom.exceptions import ColumnError, InvalidColumnValue, InvalidOperation


def test_unknown_model_of_a_list() -> None:
    class Author(rom.Model):
        books = rom.OneToMany('Nothing')

    with pytest.raises(rom.ORMError, match="refers to the model 'Nothing', which is not defined"):
        Author()
    with pytest.raises(rom.ORMError, match='Nothing'):
        Author.books.get_related_model()


def two_columns() -> dict[str, Any]:
    return {
        'author': rom.ManyToOne('Author', 'cascade'),
        'editor': rom.OneToOne('Author', 'set null'),
    }


def test_two_candidates_are_ambiguous_when_the_list_comes_last() -> None:
    type(rom.Model)('Book', (rom.Model,), two_columns())
    with pytest.raises(ColumnError, match=r'Author\.books.*\(author, editor\).*column='):
        type(rom.Model)('Author', (rom.Model,), {'books': rom.OneToMany('Book')})
    assert 'Author' not in rom.MODELS


def test_two_candidates_are_ambiguous_when_the_list_comes_first() -> None:
    type(rom.Model)('Author', (rom.Model,), {'books': rom.OneToMany('Book')})
    with pytest.raises(ColumnError, match=r'Author\.books.*\(author, editor\).*column='):
        type(rom.Model)('Book', (rom.Model,), two_columns())
    assert 'Book' not in rom.MODELS


@pytest.mark.parametrize('list_first', [True, False])
def test_a_named_column_is_not_ambiguous(list_first: bool) -> None:
    def make_author() -> None:
        lists = {
            'books': rom.OneToMany('Book', 'author'),
            'edited': rom.OneToMany('Book', column='editor'),
        }
        type(rom.Model)('Author', (rom.Model,), lists)

    if list_first:
        make_author()
    type(rom.Model)('Book', (rom.Model,), two_columns())
    if not list_first:
        make_author()
    assert rom.MODELS['Author']().books == []


def test_ambiguous_within_one_model() -> None:
    with pytest.raises(ColumnError, match=r'Person\.children'):

        class Person(rom.Model):
            mother = rom.ManyToOne('Person', 'set null')
            father = rom.ManyToOne('Person', 'set null')
            children = rom.OneToMany('Person')


def test_a_base_model_may_declare_the_list_for_its_children() -> None:
    class Owner(rom.Model):
        pets = rom.OneToMany('Pet')

    class Keeper(Owner):
        pass

    class Pet(rom.Model):
        keeper = rom.ManyToOne('Keeper', 'cascade')

    assert Keeper().pets == []
    assert Owner.pets.candidates(Keeper, Pet) == ['keeper']
    with pytest.raises(ColumnError, match=r'Owner\.pets: Pet has no column that refers to Owner'):
        Owner.pets.referring_column(Owner)


def test_a_list_cannot_be_set_or_deleted() -> None:
    class Author(rom.Model):
        books = rom.OneToMany('Book')

    class Book(rom.Model):
        author = rom.ManyToOne('Author', 'cascade')

    author = Author()
    for wrong in ([], None, [Book()]):
        with pytest.raises(InvalidOperation, match=r'Author\.books lists the Book'):
            author.books = wrong
    with pytest.raises(InvalidOperation, match=r'Author\.books'):
        del author.books
    with pytest.raises(InvalidColumnValue, match="no column 'books'"):
        Author(books=[])
    assert 'books' not in Author._columns
