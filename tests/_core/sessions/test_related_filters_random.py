"""Random filters over relations against plain Python, in both sessions, and beside writers."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import rom
from rom import IDENTITY
from rom._core.columns.expressions import Not
from rom._core.sessions import related_filters
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class RrGroup(rom.Model):
    kind = rom.Text(index=True, keygen=IDENTITY, prefix=True)
    size = rom.Integer(index=True)
    parent = rom.ManyToOne('RrGroup', on_delete='set null')
    items = rom.OneToMany('RrItem')


class RrItem(rom.Model):
    kind = rom.Text(index=True, keygen=IDENTITY, prefix=True)
    size = rom.Integer(index=True)
    group = rom.ManyToOne('RrGroup', on_delete='set null')
    marks = rom.ManyToMany('RrMark', related_name='items')


class RrMark(rom.Model):
    kind = rom.Text(index=True, keygen=IDENTITY, prefix=True)
    size = rom.Integer(index=True)


SHARDS = rom.Shards('related', 5)
SPREAD = {'_shards': SHARDS}


def family(name: str, *settings: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return models as those above, with settings of partitions for each of the three."""
    group, item, mark = (f'Rr{name}{kind}' for kind in ('Group', 'Item', 'Mark'))

    def model(called: str, more: dict[str, Any], **relations: Any) -> Any:
        kind = rom.Text(index=True, keygen=IDENTITY, prefix=True)
        columns = {'kind': kind, 'size': rom.Integer(index=True), **relations, **more}
        return type(rom.Model)(called, (rom.Model,), columns)

    return (
        model(
            group, settings[0], parent=rom.ManyToOne(group, 'set null'), items=rom.OneToMany(item)
        ),
        model(
            item, settings[1], group=rom.ManyToOne(group, 'set null'),
            marks=rom.ManyToMany(mark, related_name='items'),
        ),
        model(mark, settings[2]),
    )  # fmt: skip


FAMILIES: dict[str, tuple[Any, Any, Any]] = {
    'whole': (RrGroup, RrItem, RrMark),
    'parts': family('Parts', SPREAD, SPREAD, SPREAD),
    'beside': family('Beside', SPREAD, {**SPREAD, '_shard_with': 'group'}, SPREAD),
    'parted groups': family('Groups', SPREAD, {}, {}),
    'parted items': family('Items', {}, SPREAD, SPREAD),
}


class Row(NamedTuple):
    """An entity as the oracle knows it, with the relations by name."""

    id: int
    kind: str | None
    size: int | None
    related: dict[str, list[Row]]


Matches = Callable[[Row], bool]
Drawn = tuple[Any, Matches]

KINDS, SIZES = ('a', 'ab', 'b'), range(6)
RELATIONS: dict[Any, dict[str, Any]] = {}
for one, other, third in FAMILIES.values():
    RELATIONS |= {
        one: {'parent': one, 'items': other},
        other: {'group': one, 'marks': third},
        third: {'items': other},
    }


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def leaf(drawn: random.Random, columns: Any) -> Drawn:
    """A comparison of a column of a model, or at the end of a path."""
    kind, low = drawn.choice(KINDS), drawn.choice(SIZES)
    high = drawn.choice(SIZES)
    found: list[Drawn] = [
        (columns.kind == kind, lambda row: row.kind == kind),
        (columns.kind.startswith(kind), lambda row: (row.kind or '').startswith(kind)),
        (columns.kind.is_none(), lambda row: row.kind is None),
        (columns.size >= low, lambda row: row.size is not None and row.size >= low),
        (columns.size < low, lambda row: row.size is not None and row.size < low),
        (columns.size != low, lambda row: row.size != low),
        (
            columns.size.between(low, high),
            lambda row: row.size is not None and low <= row.size <= high,
        ),
        (columns.size.in_([low, high]), lambda row: row.size in (low, high)),
        (columns.id.in_([1, low, high]), lambda row: row.id in (1, low, high)),
    ]
    return drawn.choice(found)


def through(drawn: random.Random, model: Any, steps: int) -> Drawn:
    """A comparison at the end of a path, which holds for one of the related rows."""
    path, names = model, []
    for _ in range(steps):
        name = drawn.choice([*RELATIONS[model]])
        path, model = getattr(path, name), RELATIONS[model][name]
        names.append(name)
    expression, matches = leaf(drawn, path)
    is_negated = isinstance(expression, Not)

    def reaches(row: Row, left: list[str]) -> bool:
        if not left:
            return matches(row) is not is_negated
        return any(reaches(other, left[1:]) for other in row.related[left[0]])

    return expression, lambda row: reaches(row, names) is not is_negated


def draw(drawn: random.Random, model: Any, depth: int = 2) -> Drawn:
    """An expression with its oracle; each part is in a `~` of `~`, so that none is joined."""
    way = drawn.random()
    if depth == 0 or way < 0.4:
        steps = drawn.choice((0, 1, 1, 2, 3))
        return through(drawn, model, steps)
    (one, holds), (other, holds_too) = draw(drawn, model, depth - 1), draw(drawn, model, depth - 1)
    if way < 0.6:
        return ~one, lambda row: not holds(row)
    if way < 0.8:
        return ~(~one | ~other), lambda row: holds(row) and holds_too(row)
    return one | other, lambda row: holds(row) or holds_too(row)


def fill(drawn: random.Random, models: tuple[Any, Any, Any]) -> dict[Any, list[Row]]:
    """Write random entities; return what the oracle knows of them."""

    def values() -> dict[str, Any]:
        return {'kind': drawn.choice([None, *KINDS]), 'size': drawn.choice([None, *SIZES])}

    groups, items, marks = models
    with rom.Session() as session:
        made: dict[Any, list[Any]] = {
            model: [model(**values()) for _ in range(count)]
            for model, count in ((groups, 9), (marks, 5), (items, 30))
        }
        for item in made[items]:
            nobody = [] if '_shard_with' in vars(items) else [None]
            item.group = drawn.choice([*nobody, *made[groups][:7]])
            item.marks = drawn.sample(made[marks][:4], drawn.choice((0, 1, 2)))
        for many in made.values():
            for one in many:  # in commits of their own, so that they spread
                session.save(one)
        for group in made[groups]:
            group.parent = drawn.choice([None, *made[groups]])
        session.commit()
        session.rollback()
        made = {model: model.query.order_by('id').all() for model in made}
        rows = {
            one._key: Row(one.id, one.kind, one.size, {}) for many in made.values() for one in many
        }
        for model in made:
            for one in made[model]:
                for name in RELATIONS[model]:
                    value = getattr(one, name)
                    others = (value,) if name in ('group', 'parent') else tuple(value)
                    rows[one._key].related[name] = [rows[o._key] for o in others if o is not None]
        return {model: [rows[one._key] for one in many] for model, many in made.items()}


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('models', 'bounds'),
    [('whole', (2000, 20_000)), ('parts', (2000, 20_000)), *((name, (3, 40)) for name in FAMILIES)],
)
def test_random_expressions(
    world: World,
    on_client: None,
    models: str,
    bounds: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the second bounds, the smaller side is often that of the query."""
    monkeypatch.setattr(related_filters, '_BOUNDS', bounds)
    drawn = random.Random(7)
    rows = fill(drawn, FAMILIES[models])

    async def story() -> None:
        async with world.session() as s:
            for _ in range(25 if models == 'whole' else 10):
                model = drawn.choice(FAMILIES[models])
                expression, matches = draw(drawn, model)
                query = model.query.where(expression)
                expected = [row.id for row in rows[model] if matches(row)]
                assert await s.ids(query.order_by('id')) == expected, query
                assert await s.count(query) == len(expected), query
                narrow = query.filter(size=(2, 3))
                fewer = [row.id for row in rows[model] if matches(row) and row.size in (2, 3)]
                assert sorted(one.id for one in await s.all(narrow)) == fewer, narrow

    world.run(story())


@pytest.mark.one_server
def test_beside_writers(world: World, on_client: None) -> None:
    """Groups 1 to 3 are always of kind 'a', the others never, while items move between them."""
    with rom.Session() as session:
        for id in range(1, 7):
            RrGroup(kind='a' if id <= 3 else 'b', size=0)
        session.commit()
        for n in range(20):
            RrItem(size=n, group=n % 6 + 1)
        session.commit()
    is_over = threading.Event()

    def move(seed: int) -> None:
        drawn = random.Random(seed)
        with rom.Session():
            while not is_over.is_set():
                RrItem.query.filter(id=drawn.randint(1, 20)).update(group=drawn.randint(1, 6))
                RrGroup.query.filter(id=drawn.randint(1, 6)).update(size=RrGroup.size + 1)

    async def story() -> None:
        async with world.session() as s:
            queries = [
                (RrItem.query.filter(group__kind='a'), {1, 2, 3}),
                (RrItem.query.where(RrItem.group.kind != 'a'), {4, 5, 6}),
            ]
            for _ in range(40):
                for query, groups in queries:
                    found = await s.all(query.select('group', decode=False))
                    assert {int(row['group']) for row in found} <= groups

    threads = [threading.Thread(target=move, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    try:
        world.run(story())
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
