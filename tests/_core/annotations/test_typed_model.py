"""TypedModel and Mixin: the same schema, keys and rows as the other style; both sessions."""

from __future__ import annotations

import datetime as dt
import enum
import json
import threading
import types
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import redis

import rom
from rom import Mapped, Ref
from rom.cli.model_args import _models_of
from tests.support.class_bodies import define
from tests.support.servers import dump
from tests.support.stories import both

if TYPE_CHECKING:
    from tests.elsewhere import TypedCity  # type: ignore[import-not-found]

pytestmark = pytest.mark.one_server


class Size:
    """Metadata as annotated-types has it, which is read by attribute."""

    def __init__(self, **limits: int) -> None:
        self.__dict__ |= limits


class TypedMood(enum.Enum):
    GOOD = 'good'
    BAD = 'bad'


class TypedStamped(rom.Mixin):
    made: Mapped[dt.datetime] = rom.column(auto_now_add=True, index=True, init=False)


class TypedTeam(TypedStamped, rom.TypedModel):
    name: Mapped[str] = rom.column(unique=True)
    users: Mapped[list[TypedUser]] = rom.related('team')


class TypedUser(TypedStamped, rom.TypedModel):
    name: Mapped[str] = rom.column(index=True, keygen=rom.FULL_TEXT, prefix=True)
    email: Mapped[Annotated[str, Size(max_length=40)]] = rom.column(unique=True)
    age: Mapped[Annotated[int, Size(ge=0)] | None] = rom.column(index=True, default=None)
    mood: Mapped[TypedMood] = rom.column(index=True, default=TypedMood.GOOD)
    notes: Mapped[dict[str, Any]] = rom.column(default=dict)
    code = rom.Integer(index=True)
    team: Ref[TypedTeam | None] = rom.relation(on_delete='set null', default=None)
    city: Ref[TypedCity | None] = rom.relation(on_delete='no action', default=None)
    team_id = rom.id_of('team')


class TypedCity(rom.Model):  # type: ignore[no-redef]
    name = rom.Text(required=True)


@both(TypedTeam, TypedUser)
async def test_all_of_an_entity(s: Any) -> None:
    team = TypedTeam(name='red')
    ann = TypedUser(name='Ann Lee', email='a@x', age=30, team=team)
    bob = TypedUser(name='Bob Lee', email='b@x', mood='bad', notes={'a': 1}, code=7)
    await s.commit()
    ids = [ann.id, bob.id]
    assert ann.made == bob.made == team.made
    s.rollback()
    query = TypedUser.query
    for found, places in [
        (query.filter(name='lee'), [0, 1]),
        (query.where(TypedUser.age >= 18), [0]),
        (query.where(TypedUser.age.is_none()), [1]),
        (query.where(TypedUser.mood == TypedMood.BAD), [1]),
        (query.where(TypedUser.name.startswith('b')), [1]),
        (query.where(TypedUser.team == 1), [0]),
        (query.where(TypedUser.team_id == 1), [0]),
        (query.where(TypedUser.code == 7), [1]),
        (query.filter(team=team), [0]),
    ]:
        assert sorted(await s.ids(found)) == [ids[place] for place in places], found
    assert await s.facets(query, 'mood') == {TypedMood.GOOD: 1, TypedMood.BAD: 1}
    found = await s.get(TypedUser, ids[1])
    assert (found.name, found.age, found.mood) == ('Bob Lee', None, TypedMood.BAD)
    found.notes['b'] = 2
    await s.commit()
    s.rollback()
    found = await s.get(TypedUser, ids[1])
    assert found.notes == {'a': 1, 'b': 2}
    assert await s.update_all(query.filter(code=7), age=TypedUser.code + 1) == 1
    await s.refresh(found)
    assert found.age == 8
    with pytest.raises(rom.InvalidColumnValue, match=r'TypedUser.age: -2: expected at least 0'):
        await s.update_all(query, age=-2)


@both(TypedTeam, TypedUser)
async def test_relations_take_entities_and_ids(s: Any) -> None:
    team = TypedTeam(name='red')
    await s.save(team)
    ann = TypedUser(name='Ann', email='a@x', team=team.id)
    await s.commit()
    s.rollback()
    ann = await s.get(TypedUser, ann.id)
    assert ann.team_id == 1, 'without a request'
    await s.load([ann], 'team')
    assert ann.team.name == 'red'
    await s.load([ann.team], 'users')
    assert ann.team.users == [ann]
    ann.team = None
    assert ann.team_id is None
    await s.commit()
    with pytest.raises(rom.InvalidOperation, match='lists the TypedUser entities'):
        team.users = []


def test_what_a_constructor_requires(on_client: Any) -> None:
    with pytest.raises(rom.MissingColumn, match=r'TypedUser.name is required'):
        TypedUser(email='x')  # type: ignore[call-arg]
    with pytest.raises(rom.InvalidColumnValue, match=r'has no column .*nmae'):
        TypedUser(nmae='x', email='x')  # type: ignore[call-arg]
    user = TypedUser(name='x', email='y')
    with pytest.raises(rom.InvalidOperation, match=r'TypedUser.name is required and cannot be'):
        user.name = None  # type: ignore[assignment]
    assert (user.mood, user.notes, user.age) == (TypedMood.GOOD, {}, None)


STYLES = {
    'old': (
        'name = rom.Text(True, index=True, keygen=rom.FULL_TEXT, max_length=9)',
        'age = rom.Integer(index=True)',
        'score = rom.Float(required=True, default=1.5, index=True)',
        'mail = rom.Text(unique=True, stored_as="email")',
        'paid = rom.Decimal()',
        'on = rom.Boolean(index=True, default=True)',
        'raw = rom.String()',
        'at = rom.DateTime(tz=True, index=True, required=True)',
        'length = rom.Duration(index=True)',
        'key = rom.UUID(unique=True)',
        'data = rom.Json(default=dict)',
        'tags = rom.List(rom.Text(), index=True, prefix=True, default=list)',
        'plan = rom.Text(choices=["a", "b"], index=True, keygen=rom.IDENTITY)',
        'up = rom.ManyToOne("Defined", "set null")',
        'one = rom.OneToOne("Defined", "cascade", unique=True)',
        'downs = rom.OneToMany("Defined", "up")',
        'unique_together = [("age", "plan")]',
    ),
    'new': (
        'name: Mapped[Annotated[str, at.MaxLen(9)]] = column(index=True, keygen=rom.FULL_TEXT)',
        'age: Mapped[int | None] = column(index=True, default=None)',
        'score: Mapped[float] = column(default=1.5, index=True)',
        'mail: Mapped[str | None] = column(unique=True, stored_as="email")',
        'paid: Mapped[decimal.Decimal | None]',
        'on: Mapped[bool | None] = column(index=True, default=True)',
        'raw: Mapped[bytes | None]',
        'at: Mapped[datetime.datetime] = column(tz=True, index=True)',
        'length: Mapped[datetime.timedelta | None] = column(index=True)',
        'key: Mapped[uuid.UUID | None] = column(unique=True)',
        'data: Mapped[dict[str, int]] = column(default=dict)',
        'tags: Mapped[list[str]] = column(index=True, prefix=True, default=list)',
        'plan: Mapped[Literal["a", "b"] | None] = column(index=True)',
        'up: Ref["Defined | None"] = relation(on_delete="set null")',
        'one: Ref["Defined | None"] = relation(on_delete="cascade", unique=True)',
        'downs: Mapped[list["Defined"]] = related("up")',
        'unique_together = [("age", "plan")]',
    ),
}


def _written(style: str, raw: redis.Redis, late: bool = True) -> tuple[Any, Any, Any]:
    """Write some entities of a style; return the keyspace, the fingerprint and what is dumped."""
    raw.flushall()
    base = {'old': 'rom.Model', 'new': 'rom.TypedModel'}[style]
    Model = define(*STYLES[style], base=base, late=late)
    moment = dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC)
    first = Model(
        name='Ann Lee',
        at=moment,
        data={'a': 1},
        plan='b',
        age=5,
        mail='a@x',
        tags=['y'],
        raw=b'\xff',
    )
    Model(name='Bob', at=moment, up=first, one=first, paid='1.50', length=dt.timedelta(hours=1))
    rom.session.commit()
    rom.session.rollback()
    index = Model._schema.indexes
    columns = {n: (type(c), c.index, c.unique, c.prefix) for n, c in Model._columns.items()}
    stored = {k: v for k, v in dump(raw).items() if not k.startswith(b'Defined:id:')}
    rom.MODELS.pop('Defined')
    rom.model.MODELS_REFERENCED.pop('Defined', None)
    return stored, (columns, list(index), Model._schema.uniques), Model._schema.fields


@pytest.mark.parametrize('late', [True, False])
def test_both_styles_write_the_same(on_client: Any, raw: redis.Redis, late: bool) -> None:
    old, new = _written('old', raw), _written('new', raw, late)
    assert old[0] == new[0] and old[0], 'keys and bytes'
    assert repr(old[1]) == repr(new[1]) and old[2] == new[2]


def test_the_styles_mix_in_one_hierarchy(on_client: Any) -> None:
    class TypedMixOld(rom.Model):
        name = rom.Text(required=True)
        kind = rom.Text()

    class TypedMixNew(TypedMixOld, rom.TypedModel):
        age: Mapped[int | None] = rom.column(default=None, index=True)
        kind: Mapped[int] = rom.column(default=1)  # type: ignore[assignment]

    class TypedMixLast(TypedMixNew):
        size: Mapped[float]
        extra = rom.Json()

    class TypedMixPlain(TypedStamped, rom.Model):
        word = rom.Text()

    assert list(TypedMixNew._columns) == ['name', 'kind', 'id', 'age'] or set(
        TypedMixNew._columns
    ) == {'name', 'kind', 'id', 'age'}
    assert set(TypedMixLast._columns) == {'name', 'kind', 'id', 'age', 'size', 'extra'}
    assert isinstance(TypedMixLast._columns['kind'], rom.Integer)
    assert isinstance(TypedMixOld._columns['kind'], rom.Text)
    assert set(TypedMixPlain._columns) == {'made', 'word', 'id'}
    values: dict[str, Any] = {'name': 'x', 'size': 1}
    TypedMixLast(**values).save()
    rom.session.rollback()
    entity: Any = TypedMixLast.get(1)
    assert (entity.name, entity.kind, entity.size) == ('x', 1, 1.0)


def test_a_base_with_an_init_subclass_of_its_own() -> None:
    class TypedHooked(rom.TypedModel):
        def __init_subclass__(cls, **options: Any) -> None:
            pass  # does not call the one of rom

    class TypedHookedModel(TypedHooked):
        age: Mapped[int]

    assert set(TypedHookedModel._columns) == {'id', 'age'}


def test_the_bases_are_no_models(on_client: Any) -> None:
    assert not {'TypedModel', 'Mixin'} & {*rom.MODELS}
    for base in (rom.TypedModel, rom.Model):
        with pytest.raises(rom.InvalidOperation, match=f'{base.__name__} has no columns'):
            base()


def test_the_null_session_and_threads(on_client: Any) -> None:
    """The other sessions treat the columns like those of the other style."""
    found = []

    def job() -> None:
        TypedUser(name='Cy', email='c@x', age=1)
        rom.session.commit()
        found.append(TypedUser.query.filter(age=1).count())

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert found == [1]
    user: Any = TypedUser.get_by(email='c@x')
    user.age = 5
    user.save()
    user.refresh()
    assert (user.age, user.copy().age, json.loads(json.dumps(user.notes))) == (5, 5, {})
    rom.session.rollback()


def test_maintenance_takes_no_base(on_client: Any) -> None:
    """A module that imports the bases has no model of their names."""
    for base in (rom.TypedModel, rom.Model):
        for call in (
            lambda base: rom.util.refresh_indices(base),
            lambda base: list(rom.maintenance.check(base)),
            lambda base: rom.maintenance.status(base),
            lambda base: rom.util.expire(base),
        ):
            with pytest.raises(rom.InvalidOperation, match=f'a model, not .*{base.__name__}'):
                call(base)
        assert base not in rom.MODELS.values() or base is rom.Model
    module = types.ModuleType('typed_module')
    vars(module).update(TypedModel=rom.TypedModel, Model=rom.Model, Mixin=rom.Mixin, one=TypedTeam)
    assert _models_of(module) == {'one': TypedTeam}


TYPED_SHARDS = rom.Shards('typedparts', 5)


class TypedOwned(rom.Mixin):
    _shards, _shard_by = TYPED_SHARDS, 'owner'
    owner: Mapped[int | None] = rom.column(index=True, default=None)


class TypedFolder(TypedOwned, rom.TypedModel):
    _shard_with = 'parent'
    parent: Ref[TypedFolder | None] = rom.relation(on_delete='cascade', default=None)
    files: Mapped[list[TypedFile]] = rom.related('folder')
    labels = rom.ManyToMany('TypedLabel', related_name='folders')


class TypedFile(rom.TypedModel):
    _shards, _shard_with = TYPED_SHARDS, 'folder'
    name: Mapped[str] = rom.column(index=True, keygen=rom.IDENTITY)
    folder: Ref[TypedFolder] = rom.relation(on_delete='cascade')
    folder_id = rom.id_of('folder')


class TypedLabel(rom.TypedModel):
    _shards = TYPED_SHARDS
    word: Mapped[str] = rom.column(unique=True)


class UntypedFile(rom.Model):
    _shards, _shard_with = TYPED_SHARDS, 'folder'
    name = rom.Text(required=True, index=True, keygen=rom.IDENTITY)
    folder = rom.ManyToOne('TypedFolder', 'cascade', required=True)


@both(TypedFolder, TypedFile, TypedLabel, UntypedFile)
async def test_partitions(s: Any, trips: list[Any]) -> None:
    def place_of(entity: Any) -> int:
        return TYPED_SHARDS.partition_of(entity.id)

    label = TypedLabel(word='new')
    home = TypedFolder(owner=3)
    folder = TypedFolder(parent=home)
    folder.labels.add(label)
    files = [TypedFile(name=name, folder=folder) for name in 'ab']
    await s.commit()
    assert {place_of(one) for one in (folder, *files)} == {place_of(home)}
    untyped: Any = TypedFile
    by_id = untyped(name='c', folder=folder.id)
    await s.save(by_id)
    assert place_of(by_id) == place_of(home) and by_id.folder_id == folder.id
    trips.clear()
    found = await s.all(TypedFile.query.filter(folder=folder))
    assert sorted(one.name for one in found) == ['a', 'b', 'c']
    assert len(await s.all(TypedFolder.query.filter(owner=3))) == 1
    assert len(trips) == 2
    assert await s.all(TypedFolder.query.filter(labels__word='new')) == [folder]
    assert await s.get_by(TypedLabel, word='new') is label
    s.rollback()
    await s.delete(await s.get(TypedFolder, home.id))
    assert await s.count(TypedFile.query) == 0
    assert [name for name, _ in TypedFile._schema.encoders] == ['name', 'folder']
    assert TypedFile._schema.placement == UntypedFile._schema.placement
    assert str(TypedFolder._schema.placement) == 'by owner with parent'


def test_partitions_that_are_refused() -> None:
    with pytest.raises(
        rom.ColumnError, match=r"_shard_by: expected a column with a value, got 'fo"
    ):
        define(
            "_shards, _shard_by = rom.Shards('x'), 'folder_id'", "folder_id = rom.id_of('folder')"
        )
