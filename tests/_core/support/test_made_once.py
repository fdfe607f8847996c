"""Attributes that are made at their first use: once for each object, and not on the class."""

from rom._core.support.made_once import made_once


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
