"""Descriptors: what a class and its instances share, and attributes that are made once."""

import pytest

import rom
from rom._core.support.descriptors import ClassProperty, HybridMethod, made_once


class Base:
    size = 1

    @ClassProperty
    def double(cls) -> int:
        """Twice the size."""
        return cls.size * 2  # type: ignore[attr-defined,no-any-return]

    @ClassProperty
    @classmethod
    def name(cls) -> str:
        """Its name."""
        return cls.__name__


class Sub(Base):
    size = 5


@pytest.mark.parametrize(('owner', 'double'), [(Base, 2), (Sub, 10)])
def test_it_sees_the_class_it_is_asked_on(owner: type[Base], double: int) -> None:
    assert owner.double == owner().double == double
    assert owner.name == owner().name == owner.__name__


def test_an_instance_does_not_change_it() -> None:
    instance = Sub()
    instance.size = 100
    assert instance.double == 10


def test_it_is_worked_out_each_time() -> None:
    class Counting:
        count = 0

        @ClassProperty
        def next(cls) -> int:
            cls.count += 1  # type: ignore[attr-defined]
            return cls.count  # type: ignore[attr-defined,no-any-return]

    assert (Counting.next, Counting.next) == (1, 2)


def test_it_has_the_documentation_of_its_function() -> None:
    assert vars(Base)['double'].__doc__ == 'Twice the size.'
    assert vars(Base)['name'].__doc__ == 'Its name.'


def test_an_error_inside_comes_out() -> None:
    class Failing:
        @ClassProperty
        def it(cls) -> int:
            raise LookupError('inside')

    with pytest.raises(LookupError, match='inside'):
        Failing.it


def test_an_instance_cannot_assign_it() -> None:
    with pytest.raises(AttributeError):
        Base().double = 5  # type: ignore[assignment,misc]


def test_it_works_in_a_model() -> None:
    class ClassPropertyThing(rom.Model):
        a = rom.Text()

        @rom.ClassProperty
        def columns(cls) -> list[str]:
            return list(cls._columns)  # type: ignore[attr-defined]

    assert ClassPropertyThing.columns == ['a', 'id'] == ClassPropertyThing(a='x').columns
    assert rom.util.ClassProperty is ClassProperty


class Limited:
    _limit: int | None = 3

    @ClassProperty
    def limit(cls) -> int | None:
        """How many."""
        return cls._limit  # type: ignore[attr-defined,no-any-return]

    @limit.setter
    def limit(cls, value: int) -> None:
        cls._limit = value  # type: ignore[misc]

    @limit.deleter
    def limit(cls) -> None:
        cls._limit = None


class MoreLimited(Limited):
    pass


def test_an_instance_sets_and_deletes_what_its_class_has() -> None:
    """As in rom 1.x: the functions are given the class of the instance."""
    MoreLimited().limit = 5  # type: ignore[misc]
    assert (MoreLimited.limit, MoreLimited().limit, Limited.limit) == (5, 5, 3)
    assert vars(MoreLimited)['_limit'] == 5
    del MoreLimited().limit
    assert (MoreLimited.limit, Limited.limit) == (None, 3)
    assert vars(Limited)['limit'].__doc__ == 'How many.'


def test_the_functions_may_be_arguments_and_classmethods() -> None:
    class Owner:
        value = 1
        it = ClassProperty(
            classmethod(lambda cls: cls.value),
            classmethod(lambda cls, value: setattr(cls, 'value', value)),
            classmethod(lambda cls: setattr(cls, 'value', None)),
        )
        twice = it.getter(lambda cls: cls.value * 2)

    owner = Owner()
    owner.it = 7
    assert (Owner.it, Owner.twice) == (7, 14)
    owner.twice = 4
    assert Owner.it == 4
    del owner.it
    assert Owner.it is None


def test_without_them_it_is_read_only() -> None:
    with pytest.raises(AttributeError, match=r'cannot be set .* give it a setter'):
        Base().double = 3  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r'cannot be deleted .* give it a deleter'):
        del Base().double


class Named:
    name = 'class'

    def __init__(self) -> None:
        self.name = 'instance'

    @HybridMethod
    def title(self_or_class, end: str = '') -> str:
        """The name as a title."""
        return self_or_class.name.title() + end  # type: ignore[attr-defined,no-any-return]


def test_a_hybrid_method_gets_the_class_or_the_instance() -> None:
    assert (Named.title('!'), Named().title(end='?')) == ('Class!', 'Instance?')
    assert type('Sub', (Named,), {'name': 'sub'}).title() == 'Sub'
    assert vars(Named)['title'].__doc__ == 'The name as a title.'


class Shelf:
    def __init__(self) -> None:
        self.calls = 0

    @made_once
    def books(self) -> list[str]:
        """Books."""
        self.calls += 1
        return []

    @made_once
    def again(self) -> list[str]:
        if not self.calls:
            raise OSError
        return self.books


class Corner(Shelf): ...


def test_it_is_made_at_the_first_use_and_kept() -> None:
    one, other = Shelf(), Corner()
    assert one.calls == 0 and 'books' not in vars(one)
    assert one.books is one.books is vars(one)['books']
    assert one.books is not other.books
    assert (one.calls, other.calls) == (1, 1)


def test_the_class_has_the_attribute_itself() -> None:
    assert type(Shelf.books) is made_once
    assert Shelf.books is Corner.books
    assert Shelf.books.__doc__ == 'Books.'


def test_one_that_fails_is_made_at_the_next_use() -> None:
    shelf = Shelf()
    for _ in range(2):
        try:
            shelf.again
        except OSError:
            assert 'again' not in vars(shelf)
        else:
            raise AssertionError
    assert shelf.books is shelf.again


def test_one_that_was_made_meanwhile_is_kept() -> None:
    """As by another thread, between the question and its answer."""

    class Busy(Shelf):
        @made_once
        def twice(self) -> list[str]:
            return self.__dict__.setdefault('twice', ['the first one']) and ['the second one']

    assert Busy().twice == ['the first one']
