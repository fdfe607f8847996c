"""The parts of a session by themselves: an identity map, and replies instead of a server."""

from __future__ import annotations

from typing import Any

import pytest

import rom
from rom._core.ops.rows import Row
from rom._core.sessions.identity_map import IdentityMap
from rom._core.sessions.loading import Loader
from rom._core.sessions.parts import RunOn, Work, flat, model_of
from rom._core.sessions.query_runner import QueryRunner
from rom._core.sessions.relation_loading import RelationLoader
from rom._core.support.clock import elapsed


class PartsBook(rom.Model):
    title = rom.Text()
    author = rom.ManyToOne('PartsAuthor', on_delete='set null')


class PartsAuthor(rom.Model):
    name = rom.Text()


class Parts:
    """The parts that read, for a session that is any object."""

    def __init__(self) -> None:
        self.session: Any = object()
        self.identity = IdentityMap()
        self.loader = Loader(self.identity, lambda: self.session)
        self.relations = RelationLoader(self.loader, lambda: self.session)
        self.queries = QueryRunner(self.identity, self.loader, self.relations, is_async=False)


def carry_out(work: Work[Any], *replies: Any) -> tuple[Any, list[type[rom.Model]]]:
    """Give each step of some work its reply; return its result, and the models of the steps."""
    waiting, models, reply = list(replies), [], None
    while True:
        try:
            step = work.send(reply)
        except StopIteration as end:
            assert not waiting, 'there were fewer steps'
            return end.value, models
        assert isinstance(step, RunOn)
        models.append(step.model)
        reply = waiting.pop(0)


def row(id: int, **values: bytes) -> Row:
    return Row(id, {'id': b'%d' % id, **values})


def test_a_loader_tracks_what_it_makes() -> None:
    parts = Parts()
    book, models = carry_out(parts.loader.get(PartsBook, 1), row(1, title=b'Emma'))
    assert (book.id, book.title, book._session) == (1, 'Emma', parts.session)
    assert models == [PartsBook]
    assert carry_out(parts.loader.get(PartsBook, 1)) == (book, []), 'no further trip'
    assert carry_out(parts.loader.get(PartsBook, 2), None)[0] is None


def test_a_row_that_was_requested_before_a_save_changes_nothing() -> None:
    parts = Parts()
    begun = elapsed()
    book, _ = carry_out(parts.loader.get(PartsBook, 1), row(1, title=b'new'))
    [same] = parts.loader.adopt_all(PartsBook, [row(1, title=b'old')], begun)
    assert same is book and book.title == 'new'
    parts.loader.adopt(PartsBook, row(1, title=b'newest'), elapsed())
    assert book.title == 'newest'


def test_relations_of_many_take_one_step() -> None:
    parts = Parts()
    rows = [row(n, author=b'%d' % (n % 2 + 1)) for n in range(1, 5)]
    books = parts.loader.adopt_all(PartsBook, rows, elapsed())
    authors = parts.loader.adopt_all(
        PartsAuthor, [row(1, name=b'Ann'), row(2, name=b'Bob')], elapsed()
    )
    parts.identity.forget_all()
    _, models = carry_out(parts.relations.load(books, 'author'), authors)
    assert models == [PartsAuthor]
    assert [book.author.name for book in books] == ['Bob', 'Ann'] * 2


def test_queries_make_entities_of_rows() -> None:
    parts = Parts()
    found, models = carry_out(parts.queries.all(PartsBook.query), ([row(1), row(2)], True))
    assert [book.id for book in found] == [1, 2]
    assert models == [PartsBook]
    with pytest.raises(rom.QueryError, match='several entities found'):
        carry_out(parts.queries.one(PartsBook.query), ([row(1), row(2)], True))


def test_lists_of_entities_are_made_flat() -> None:
    books = Parts().loader.adopt_all(PartsBook, [row(1), row(2), row(3)], elapsed())
    assert flat([books[0], [(books[1],), [books[2]]], []]) == books
    with pytest.raises(rom.ORMError, match="a session takes entities of models, not 'x'"):
        flat([books, ['x']])
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(rom.ORMError, match='lie too deep'):
        flat(deep)


def test_a_query_is_needed() -> None:
    assert model_of(PartsBook.query.filter(id=1)) is PartsBook
    with pytest.raises(rom.ArgumentError, match='expected a query'):
        model_of(PartsBook)
