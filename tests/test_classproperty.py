"""ClassProperty: the same on the class, its subclasses and their instances."""

import pytest

import rom
from rom.classproperty import ClassProperty


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
