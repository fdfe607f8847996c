"""Whatever a caller passes to a query, a model or a session: an answer, or an ORMError.

Its message has at most 500 characters, all of them printable: what is quoted of a value is cut and
escaped. Arguments come from the outside: numbers, cursors and ids of a URL, words of a form.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import rom
from rom._core.sessions.sync_session import Session
from tests.support.hostile import ANYTHING, COLUMNS, NAMES, fill, survive, thing
from tests.support.servers import Server


@pytest.fixture
def model(raw: redis.Redis) -> Iterator[Any]:
    yield thing(raw)
    rom.session.rollback()


def indexed(query: Any, place: Any) -> Any:
    """The result at an index; None where a list would have none either."""
    with contextlib.suppress(IndexError):
        return query[place]


#: By name: what is called, of a model and a source of arguments.
Draw = Callable[..., Any]
CALLS: dict[str, Callable[[Any, Draw], Any]] = {
    'filter': lambda m, d: m.query.filter(**{d(NAMES): d(ANYTHING)}).all(),
    'filter range': lambda m, d: m.query.filter(**{d(NAMES): (d(ANYTHING), d(ANYTHING))}).all(),
    'filter any': lambda m, d: m.query.filter(**{d(NAMES): [d(ANYTHING), d(ANYTHING)]}).count(),
    'where': lambda m, d: m.query.where(d(ANYTHING)).all(),
    'where ==': lambda m, d: m.query.where(column(m, d) == d(ANYTHING)).all(),
    'where !=': lambda m, d: m.query.where(column(m, d) != d(ANYTHING)).all(),
    'where <': lambda m, d: m.query.where(column(m, d) < d(ANYTHING)).all(),
    'where >=': lambda m, d: m.query.where(column(m, d) >= d(ANYTHING)).all(),
    'where between': lambda m, d: (
        m.query.where(column(m, d).between(d(ANYTHING), d(ANYTHING))).all()
    ),
    'where in': lambda m, d: m.query.where(column(m, d).in_(d(ANYTHING))).all(),
    'where startswith': lambda m, d: m.query.where(column(m, d).startswith(d(ANYTHING))).all(),
    'where endswith': lambda m, d: m.query.where(column(m, d).endswith(d(ANYTHING))).all(),
    'where like': lambda m, d: m.query.where(column(m, d).like(d(ANYTHING))).all(),
    'where calculated': lambda m, d: m.query.where(column(m, d) + d(ANYTHING)).all(),
    'startswith': lambda m, d: m.query.startswith(**{d(NAMES): d(ANYTHING)}).all(),
    'endswith': lambda m, d: m.query.endswith(**{d(NAMES): d(ANYTHING)}).all(),
    'like': lambda m, d: m.query.like(**{d(NAMES): d(ANYTHING)}).all(),
    'does_not_startwith': lambda m, d: (
        m.query.does_not_startwith(**{d(NAMES): d(ANYTHING)}).all()
    ),
    'does_not_endwith': lambda m, d: m.query.does_not_endwith(**{d(NAMES): d(ANYTHING)}).all(),
    'Model.does_not_startwith': lambda m, d: (
        m.does_not_startwith(d(st.one_of(NAMES, ANYTHING)), d(ANYTHING), d(ANYTHING))
    ),
    'Model.does_not_endwith': lambda m, d: (
        m.does_not_endwith(d(st.one_of(NAMES, ANYTHING)), d(ANYTHING), d(ANYTHING))
    ),
    'near': lambda m, d: m.query.near('at', *(d(ANYTHING) for _ in range(3)), 'km').all(),
    'near, names': lambda m, d: m.query.near(d(ANYTHING), 1, 1, 1, d(ANYTHING)).all(),
    'near, count': lambda m, d: m.query.near('at', 1, 1, 100, 'km', count=d(ANYTHING)).all(),
    'order_by': lambda m, d: m.query.order_by(d(st.one_of(NAMES, ANYTHING))).all(),
    'order_by, two': lambda m, d: m.query.order_by(d(NAMES), d(NAMES)).all(),
    'limit': lambda m, d: m.query.limit(d(ANYTHING), d(ANYTHING)).all(),
    'limit, ordered': lambda m, d: (
        m.query.order_by('-n').filter(flag=False).limit(d(ANYTHING), d(ANYTHING)).all()
    ),
    'limit, strings': lambda m, d: (
        m.query.startswith(name='n').order_by('name').limit(d(ANYTHING), d(ANYTHING)).all()
    ),
    'offset': lambda m, d: m.query.offset(d(ANYTHING)).all(),
    'slice': lambda m, d: m.query[d(ANYTHING) : d(ANYTHING)][d(ANYTHING) :].all(),
    'index': lambda m, d: indexed(m.query, d(ANYTHING)),
    'limit, alone': lambda m, d: m.query.limit(d(ANYTHING)).count(),
    'replace': lambda m, d: (
        m.query.replace(
            **{d(st.sampled_from(['filters', 'order_by', 'limit', 'select', 'x'])): d(ANYTHING)}
        ).all()
    ),
    'select': lambda m, d: m.query.select(d(st.one_of(NAMES, ANYTHING))).all(),
    'load': lambda m, d: m.query.load(d(st.one_of(NAMES, ANYTHING))).all(),
    'sum': lambda m, d: m.query.sum(d(st.one_of(NAMES, ANYTHING))),
    'avg': lambda m, d: m.query.avg(d(st.one_of(NAMES, ANYTHING))),
    'min': lambda m, d: m.query.min(d(st.one_of(NAMES, ANYTHING))),
    'max': lambda m, d: m.query.max(d(st.one_of(NAMES, ANYTHING))),
    'facets': lambda m, d: m.query.facets(d(st.one_of(NAMES, ANYTHING))),
    'facets, two': lambda m, d: m.query.facets('n', d(st.one_of(NAMES, ANYTHING))),
    'histogram': lambda m, d: (
        m.query.histogram(d(st.one_of(NAMES, ANYTHING)), [d(ANYTHING), d(ANYTHING), None])
    ),
    'histogram, bounds': lambda m, d: m.query.histogram('n', d(ANYTHING)),
    'page': lambda m, d: m.query.page(d(ANYTHING), d(ANYTHING)),
    'page before': lambda m, d: m.query.order_by('-f').page(3, before=d(ANYTHING)),
    'page, ordered': lambda m, d: m.query.order_by('name', '-f').page(d(ANYTHING), d(ANYTHING)),
    'explain': lambda m, d: m.query.explain(d(ANYTHING), d(ANYTHING)),
    'explain a filter': lambda m, d: str(m.query.filter(**{d(NAMES): d(ANYTHING)}).explain()),
    'repr': lambda m, d: repr(m.query.filter(**{d(NAMES): d(ANYTHING)})) and None,
    'get of a query': lambda m, d: m.query.filter(**{d(NAMES): d(ANYTHING)}).get(),
    'iter_result': lambda m, d: m.query.iter_result(d(ANYTHING), d(ANYTHING), d(ANYTHING)),
    'cached_result': lambda m, d: m.query.order_by('n').cached_result(d(ANYTHING)),
    'delete': lambda m, d: m.query.filter(n=(1, 2)).delete(d(ANYTHING)),
    'update': lambda m, d: m.query.filter(flag=True).update(**{d(NAMES): d(ANYTHING)}),
    'update, blocks': lambda m, d: m.query.update(_blocksize=d(ANYTHING), f=1),
    'update, calculated': lambda m, d: m.query.update(**{d(NAMES): column(m, d) + d(ANYTHING)}),
    'Model': lambda m, d: m(**{d(NAMES): d(ANYTHING)}).save(),
    'Model.get': lambda m, d: m.get(d(ANYTHING)),
    'Model.get, many': lambda m, d: m.get([d(ANYTHING), d(ANYTHING)]),
    'Model.get_by': lambda m, d: m.get_by(**{d(NAMES): d(ANYTHING)}),
    'Model.get_by, limit': lambda m, d: m.get_by(
        **{d(NAMES): d(ANYTHING)}, _limit=d(ANYTHING), _numeric=d(ANYTHING)
    ),
    'Model.get_or_create': lambda m, d: m.get_or_create(
        d(st.one_of(ANYTHING, st.dictionaries(NAMES, ANYTHING, max_size=1))),
        **{d(NAMES): d(ANYTHING)},
    ),
    'Model.upsert': lambda m, d: m.upsert({d(NAMES): d(ANYTHING)}, n=d(ANYTHING)),
    'Model.upsert, create': lambda m, d: (
        m.upsert({'f': 1}, d(st.one_of(ANYTHING, st.dictionaries(NAMES, ANYTHING))), n=7)
    ),
    'set': lambda m, d: (
        setattr(entity := getting(m), column(m, d).name, d(ANYTHING)), entity.save()
    ),
    'entity.update': lambda m, d: getting(m).update(**{d(NAMES): d(ANYTHING)}).save(),
    'entity.update, maps': lambda m, d: getting(m).update(d(ANYTHING)).save(),
    'save': lambda m, d: getting(m).save(full=d(ANYTHING), force=d(ANYTHING)),
    'session.get': lambda m, d: rom.session.get(d(ANYTHING)),
    'session.add': lambda m, d: rom.session.add(d(ANYTHING)),
    'session.add_all': lambda m, d: rom.session.add_all(d(ANYTHING)),
    'session.forget': lambda m, d: rom.session.forget(d(ANYTHING)),
    'session.save': lambda m, d: rom.session.save(d(ANYTHING)),
    'session.delete': lambda m, d: rom.session.delete(d(ANYTHING)),
    'session.refresh': lambda m, d: rom.session.refresh(d(ANYTHING)),
    'session.commit': lambda m, d: (m(f=3), rom.session.commit(batch=d(ANYTHING))),
}  # fmt: skip


def getting(model: Any) -> Any:
    entity = model.get(1)
    assert entity is not None
    return entity


def column(model: Any, draw: Draw) -> Any:
    name = draw(st.sampled_from([name for name in COLUMNS if name != 'others']))
    return getattr(model, name)


@pytest.mark.one_server
@pytest.mark.parametrize('name', CALLS)
@settings(max_examples=30, phases=(Phase.explicit, Phase.generate))
@given(data=st.data())
def test_hostile_arguments(name: str, data: Any, server: Server, model: Any) -> None:
    server.flush()
    with warnings.catch_warnings(), Session():
        warnings.simplefilter('ignore')
        fill(model)
        drawn: list[Any] = []

        def draw(strategy: Any) -> Any:
            drawn.append(data.draw(strategy))
            return drawn[-1]

        survive(lambda: CALLS[name](model, draw))
