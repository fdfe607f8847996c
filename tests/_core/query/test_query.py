"""Queries: immutable, and right from the start."""

from __future__ import annotations

from typing import Any

import pytest

from rom._core import session_context
from rom._core.encoding.keygens import IDENTITY
from rom._core.query.nodes import All
from rom.columns import Integer, Text
from rom.exceptions import InvalidOperation, QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of

MODEL = model_of(
    name=Text(index=True, prefix=True, suffix=True, keygen=IDENTITY),
    age=Integer(index=True),
    note=Text(),
)
QUERY = Query(MODEL)


def test_each_method_makes_another_query() -> None:
    before = QUERY.spec
    made: list[Query[Any]] = [
        QUERY.filter(age=5),
        QUERY.startswith(name='a'),
        QUERY.endswith(name='a'),
        QUERY.like(name='a*'),
        QUERY.order_by('age'),
        QUERY.limit(1, 2),
        QUERY.select('age'),
        QUERY.first_only(),
    ]
    assert all(query is not QUERY and query.spec != before for query in made)
    assert QUERY.spec is before
    assert all(query.model is MODEL for query in made)


def test_what_a_query_holds_is_frozen() -> None:
    with pytest.raises(AttributeError):
        QUERY.spec.offset = 5  # type: ignore[misc]
    with pytest.raises(AttributeError):
        QUERY.anything = 5  # type: ignore[attr-defined]


def test_clauses_add_up() -> None:
    query = QUERY.filter(age=5, name='x').startswith(name='y').filter()
    assert len(query.spec.where.nodes) == 3
    assert QUERY.filter().spec.where == All()


def test_the_last_order_and_limit_count() -> None:
    query = QUERY.order_by('age').order_by('-name').limit(1, 2).limit(-3, 4)
    assert [(order.column, order.reverse) for order in query.spec.orders] == [('name', True)]
    assert (query.spec.offset, query.spec.count) == (0, 4)
    assert QUERY.limit(0, -1).spec.count == 0


@pytest.mark.parametrize('limit', [('0', 5), (0, None), (1.0, 2)])
def test_a_limit_takes_ints(limit: Any) -> None:
    with pytest.raises(TypeError, match='takes ints'):
        QUERY.limit(*limit)


def test_the_first_only() -> None:
    assert QUERY.first_only().spec.count == 1
    assert QUERY.limit(5, 10).first_only().spec.count == 1
    assert QUERY.limit(5, 0).first_only().spec.count == 0
    assert QUERY.limit(5, 10).first_only().spec.offset == 5


def test_select() -> None:
    query = QUERY.select('age', 'name', include_pk=True, decode=False)
    selection = query.selection
    assert selection is not None
    assert (selection.columns, selection.decode) == (('age', 'name', 'id'), False)
    assert QUERY.selection is None
    assert query.filter(age=1).selection == selection


@pytest.mark.parametrize(
    ('columns', 'options', 'says'),
    [
        ((), {}, 'name one column'),
        (('nme',), {}, "no column 'nme'; it has name, age, note, id"),
        (('age', 'age'), {}, 'twice'),
        (('id', 'id'), {'include_pk': True}, 'twice'),
    ],
)
def test_what_cannot_be_selected(columns: Any, options: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        QUERY.select(*columns, **options)


def test_the_primary_key_is_included_once() -> None:
    for columns, expected in ((('id', 'age'), ('id', 'age')), (('age',), ('age', 'id'))):
        selection = QUERY.select(*columns, include_pk=True).selection
        assert selection is not None and selection.columns == expected


def test_a_limit_of_one_argument_is_a_count() -> None:
    assert QUERY.limit(10).spec == QUERY.limit(0, 10).spec == QUERY.limit(count=10, offset=0).spec
    assert QUERY.limit(-1).spec.count == 0


def test_parts_are_replaced_as_in_rom_1() -> None:
    query = QUERY.filter(age=5).order_by('age').limit(1, 2).select('age')
    assert query.replace().spec == query.spec
    assert query.replace(limit=(3, 4)).spec == query.limit(3, 4).spec
    assert query.replace(limit=None, select=None).spec == QUERY.filter(age=5).order_by('age').spec
    assert query.replace(order_by='-age').spec == query.order_by('-age').spec
    assert query.replace(order_by=('age', 'name')).spec == query.order_by('age', 'name').spec
    assert query.replace(order_by=None, filters=()).spec == QUERY.limit(1, 2).select('age').spec
    assert (
        query.replace(filters=QUERY.filter(name='x')).spec.where
        == QUERY.filter(name='x').spec.where
    )
    assert query.replace(select=['name']).spec == query.select('name').spec
    with pytest.raises(TypeError, match='takes filters, order_by, limit, select, not model'):
        query.replace(model=MODEL)
    for wrong in ((('age', 1, 2),), Query(model_of(age=Integer(index=True)))):
        with pytest.raises(QueryError, match='takes a query of the same model'):
            query.replace(filters=wrong)
    with pytest.raises(QueryError, match="no column 'nme'"):
        query.replace(order_by='nme')


def test_what_a_mistake_is_told() -> None:
    model = model_of(age=Integer(index=True), email=Text(unique=True))
    name, query = model._schema.name, Query(model)
    with pytest.raises(QueryError, match=rf'compared columns are for where.* where\({name}\.age'):
        query.filter(model._schema.columns['age'] > 3)  # type: ignore[arg-type]
    with pytest.raises(
        QueryError,
        match=r'filter\(email=\.\.\.\) looks up single values .*else declare it with index',
    ):
        query.where(model._schema.columns['email'] > 'a')
    with pytest.raises(QueryError, match='no such index; declare it with index=True'):
        query.order_by('email')


class Recording:
    """A session that notes what it is asked."""

    is_async = False

    def __init__(self) -> None:
        self.spec: list[tuple[str, object]] = []

    def __getattr__(self, name: str) -> Any:
        def method(query: object) -> Any:
            self.spec.append((name, query))
            return iter([name]) if name == 'stream' else name

        return method


def test_the_current_session_answers() -> None:
    session = Recording()
    token = session_context.enter(session)  # type: ignore[arg-type]
    try:
        assert QUERY.all() == 'all'
        assert QUERY.execute() == 'all'
        assert QUERY.first() == 'first'
        assert QUERY.count() == 'count'
        assert list(QUERY) == ['stream']
        assert {id(query) for _, query in session.spec} == {id(QUERY)}
        session.is_async = True
        with pytest.raises(InvalidOperation, match='await'):
            QUERY.all()
    finally:
        session_context.leave(token)
