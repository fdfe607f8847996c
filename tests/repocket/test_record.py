"""A record's life, on real servers."""

import copy
import datetime as dt
import decimal
import json
import pickle
import uuid
from typing import Any

import pytest
import redis

from rom.exceptions import (
    CorruptRowError,
    EntityDeletedError,
    InvalidColumnValue,
    InvalidOperation,
    QueryError,
)
from rom.repocket import MODELS, ActiveRecord, attributes
from rom.repocket.errors import RepocketReferenceError, RepocketUnknownField
from tests.support.servers import dump

NOW = dt.datetime(2014, 10, 1, 12, 30, 0, 5)


class LifeProject(ActiveRecord):
    name = attributes.Unicode()
    git_uri = attributes.Bytes()
    metadata = attributes.JSON()


class LifeBuild(ActiveRecord):
    id = attributes.AutoUUID()
    project = attributes.Pointer(LifeProject, null=True)
    started_at = attributes.DateTime()
    stdout = attributes.ByteStream()
    stderr = attributes.ByteStream()


class LifeAll(ActiveRecord):
    """One of each."""

    uid = attributes.AutoUUID()
    other = attributes.UUID(null=True)
    text = attributes.Unicode(null=True)
    raw = attributes.Bytes()
    n = attributes.Integer(null=True)
    f = attributes.Float()
    d = attributes.Decimal()
    data = attributes.JSON(null=True)
    when = attributes.DateTime(null=True)
    build = attributes.Pointer(LifeBuild, null=True)


class LifeDefault(ActiveRecord):
    kind = attributes.Unicode(default='plain')
    made = attributes.Unicode(default=lambda: str(uuid.uuid4()))
    tags = attributes.JSON(default=[])
    touched = attributes.DateTime(auto_now=True)
    count = attributes.Integer()
    maybe = attributes.Integer(null=True)


def head(model: type[ActiveRecord]) -> str:
    return f'repocket:{__name__}:{model.__name__}'


def records(raw: redis.Redis) -> dict[bytes, Any]:
    """The whole keyspace but the notes of what was done."""
    return {key: value for key, value in dump(raw).items() if b':done:' not in key}


def test_what_is_stored(store: redis.Redis, raw: redis.Redis) -> None:
    project = LifeProject.create(name='é', git_uri=b'git@host', metadata={'a': ['b', 1, None]})
    build = LifeBuild.create(project=project, started_at=NOW, stdout=b'out')
    project_key = f'{head(LifeProject)}:{project.id}'
    build_key = f'{head(LifeBuild)}:{build.id}'
    assert records(raw) == {
        project_key.encode(): {
            b'id': b'{"type": "AutoUUID", "value": "%s", "module": "repocket.attributes"}'
            % str(project.id).encode(),
            b'name': b'{"type": "Unicode", "value": "\\u00e9", "module": "repocket.attributes"}',
            b'git_uri': b'{"type": "Bytes", "value": "git@host", "module": "repocket.attributes"}',
            b'metadata': b'{"type": "JSON", "value": "{\\"a\\": [\\"b\\", 1, null]}", '
            b'"module": "repocket.attributes"}',
        },
        build_key.encode(): {
            b'id': b'{"type": "AutoUUID", "value": "%s", "module": "repocket.attributes"}'
            % str(build.id).encode(),
            b'project': b'{"type": "Pointer", "value": "%s", "module": "repocket.attributes"}'
            % project_key.encode(),
            b'started_at': b'{"type": "DateTime", "value": "2014-10-01T12:30:00.000005", '
            b'"module": "repocket.attributes"}',
        },
        f'{build_key}:field:stdout'.encode(): b'out',
    }
    assert build.save() == {
        'hash': build_key,
        'strings': {
            'stdout': f'{build_key}:field:stdout',
            'stderr': f'{build_key}:field:stderr',
        },
    }


def test_types_are_kept(store: redis.Redis) -> None:
    build = LifeBuild.create()
    values = {
        'other': uuid.uuid4(),
        'text': 'café\0€',
        'raw': bytes(range(256)),
        'n': 2**100,
        'f': 0.1,
        'd': decimal.Decimal('1.10'),
        'data': {'a': [1, 2.5, True, None, 'x', {}]},
        'when': dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        'build': build,
    }
    made = LifeAll.create(**values)
    found = LifeAll.objects.get(uid=made.uid)
    assert found is not None and found is not made
    for name, value in values.items():
        assert found[name] == value
        assert type(found[name]) is type(value)
    assert found == made


def test_none_and_what_is_missing(store: redis.Redis) -> None:
    empty = LifeAll.objects.get(LifeAll.create().uid)
    assert empty is not None
    assert [empty[name] for name in ('other', 'text', 'raw', 'n', 'f', 'd', 'data', 'when')] == [
        None, None, b'', None, 0.0, decimal.Decimal('0'), None, None,
    ]  # fmt: skip
    assert empty.build is None
    made = LifeAll.create(text='x', n=1, when=NOW, build=LifeBuild.create())
    for name in ('text', 'n', 'when', 'build'):
        made.set(name, None)
    made.save()
    found = LifeAll.objects.get(made.uid)
    assert found is not None
    assert [found[name] for name in ('text', 'n', 'when', 'build')] == [None] * 4


@pytest.mark.one_server
def test_defaults(store: redis.Redis, raw: redis.Redis) -> None:
    before = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    made = LifeDefault.create()
    found = LifeDefault.objects.get(made.id)  # type: ignore[attr-defined]
    assert found is not None
    assert found.kind == 'plain' and found.made == made.made and found.tags == []
    assert before <= found.touched <= dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert found.count == 0 and found.maybe is None
    raw.hdel(found.save()['hash'], 'made', 'tags')
    found = LifeDefault.objects.get(made.id)  # type: ignore[attr-defined]
    assert found is not None
    assert found.made == found.made != made.made
    found.tags.append('x')
    found.save()
    again = LifeDefault.objects.get(made.id)  # type: ignore[attr-defined]
    assert again is not None
    assert again.tags == ['x'] and again.made == found.made
    assert again.touched > made.touched


@pytest.mark.one_server
def test_wrong_values(store: redis.Redis, raw: redis.Redis) -> None:
    with pytest.raises(InvalidColumnValue, match=r'LifeAll\.n: .*x.* of type str'):
        LifeAll.create(n='x')
    with pytest.raises(InvalidColumnValue, match=r'LifeAll\.raw: .* null=True'):
        LifeAll.create(raw=None)
    with pytest.raises(InvalidColumnValue, match=r'LifeAll\.build: .* LifeBuild'):
        LifeAll.create(build=LifeProject.create())
    with pytest.raises(RepocketUnknownField, match="LifeAll has no attribute 'nn'; it has uid"):
        LifeAll.create(nn=5)
    made = LifeAll()
    with pytest.raises(InvalidColumnValue, match=r'LifeAll\.f'):
        made.f = 'x'
    with pytest.raises(AttributeError, match='fff'):
        made.fff = 5
    with pytest.raises(AttributeError, match='fff'):
        made.set('fff', 5)
    with pytest.raises(AttributeError, match='set it to None'):
        del made.f
    with pytest.raises(KeyError):
        made['fff']
    made.data = {'a': 1}
    made.data['b'] = {1}
    with pytest.raises(InvalidColumnValue, match=r'LifeAll\.data'):
        made.save()
    assert not [key for key in dump(raw) if b'LifeAll' in key]
    with pytest.raises(InvalidOperation, match='make a subclass'):
        ActiveRecord()


@pytest.mark.one_server
def test_get(store: redis.Redis) -> None:
    made = LifeAll(n=5)
    assert made.get('n') == 5
    assert made.get('text', 'nothing') == 'nothing'
    assert made.get('unknown', 1) == 1


def test_only_what_changed_is_written(store: redis.Redis, trips: list[str]) -> None:
    made = LifeProject.create(name='a', metadata={'a': 1})
    one, other = LifeProject.objects.all() + LifeProject.objects.all()
    one.name = 'b'
    other.metadata['a'] = 2
    trips.clear()
    one.save()
    other.save()
    assert trips == ['commit', 'commit']
    one.save()
    assert len(trips) == 2
    found = LifeProject.objects.get(made.id)  # type: ignore[attr-defined]
    assert found is not None
    assert (found.name, found.metadata) == ('b', {'a': 2})


def test_the_last_writer_of_a_field_wins(store: redis.Redis) -> None:
    made = LifeProject.create(name='a')
    other = LifeProject.objects.all()[0]
    other.name = 'b'
    other.save()
    made.name = 'c'
    made.save()
    assert [project.name for project in LifeProject.objects.all()] == ['c']


def test_delete(store: redis.Redis, raw: redis.Redis) -> None:
    assert LifeBuild().delete() == 0
    made = LifeBuild.create(stdout=b'x')
    LifeBuild.create()
    other = LifeBuild.objects.get(made.id)
    assert other is not None
    assert made.delete() == 2
    assert LifeBuild.objects.get(id=made.id) is None
    assert made.delete() == 0
    assert other.delete() == 0
    assert not [key for key in records(raw) if str(made.id).encode() in key]
    with pytest.raises(EntityDeletedError, match='another program deleted it'):
        other = LifeBuild.objects.all()[0]
        LifeBuild.objects.all()[0].delete()
        other.started_at = NOW
        other.save()
    assert records(raw) == {}
    made.save()
    assert LifeBuild.objects.get(id=made.id) == made


def test_a_record_that_is_there_already(store: redis.Redis) -> None:
    made = LifeProject.create(name='a')
    with pytest.raises(InvalidOperation, match='exists already'):
        LifeProject.create(id=made.id, name='b')  # type: ignore[attr-defined]
    with pytest.raises(InvalidOperation, match='keeps its id'):
        made.id = uuid.uuid4()  # type: ignore[attr-defined]
    assert [project.name for project in LifeProject.objects.all()] == ['a']


@pytest.mark.one_server
def test_copies_and_pickles(store: redis.Redis) -> None:
    build = LifeBuild.create(project=LifeProject.create(name='p'), stdout=b'x')
    found = LifeBuild.objects.get(build.id)
    for twin in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert twin is not None
        assert twin == build and twin.project.name == 'p' and twin.stdout == b'x'


def test_to_dict(store: redis.Redis) -> None:
    project = LifeProject.create(name='p', git_uri=b'u', metadata=[1])
    build = LifeBuild.create(project=project, started_at=NOW, stdout=b'out')
    project_dict = {'id': str(project.id), 'name': 'p', 'git_uri': b'u', 'metadata': [1]}  # type: ignore[attr-defined]
    for record in (build, LifeBuild.objects.get(build.id)):
        assert record is not None
        found = record.to_dict()
        assert found['strings'] == {'stdout': b'out', 'stderr': b''}
        assert list(found['hash']) == ['id', 'project', 'started_at']
        assert json.loads(found['hash']['started_at'])['value'] == NOW.isoformat()
        assert record.to_dict(simple=True) == {
            'id': str(build.id),
            'project': project_dict,
            'started_at': NOW,
            'stdout': b'out',
            'stderr': b'',
        }


@pytest.mark.one_server
def test_a_circle_of_pointers(store: redis.Redis) -> None:
    class Ring(ActiveRecord):
        name = attributes.Unicode()
        next = attributes.Pointer(LifeProject, null=True)

    Ring.next.to_model = Ring
    one, two = Ring.create(name='one'), Ring.create(name='two')
    one.next, two.next = two, one
    one.save()
    two.save()
    found = Ring.objects.get(one.id)  # type: ignore[attr-defined]
    assert found is not None
    assert found.to_dict(simple=True)['next']['next'] == str(one.id)  # type: ignore[attr-defined]


def test_matches(store: redis.Redis) -> None:
    project = LifeProject.create(name='p', metadata={'a': 1})
    assert project.matches({})
    assert project.matches({'name': 'p', 'metadata': {'a': 1}})
    assert not project.matches({'name': 'p', 'git_uri': b'x'})
    build = LifeBuild.create(project=project, stdout=b'out', started_at=NOW)
    assert build.matches({'project': project, 'stdout': b'out', 'started_at__lte': NOW})
    assert build.matches({'project': project.id})  # type: ignore[attr-defined]
    with pytest.raises(RepocketUnknownField):
        project.matches({'nmae': 'p'})


@pytest.mark.one_server
@pytest.mark.parametrize('name', [1, None, b'name', ('name',)])
def test_matches_takes_names(store: redis.Redis, name: Any) -> None:
    with pytest.raises(QueryError, match='expected names of attributes'):
        LifeProject.create(name='p').matches({name: 'p'})


@pytest.mark.one_server
def test_equality(store: redis.Redis) -> None:
    made = LifeProject.create(name='p')
    found = LifeProject.objects.all()[0]
    assert made == found
    assert (made != found) is False
    assert hash(made) == hash(found)
    found.name = 'q'
    assert made != found
    assert (made == None, made != None) == (False, True)  # noqa: E711
    for other in (LifeBuild(), 5, 'x'):
        with pytest.raises(TypeError, match='cannot be compared'):
            _ = made == other


def test_streams(store: redis.Redis, raw: redis.Redis, trips: list[str]) -> None:
    made = LifeBuild.create()
    trips.clear()
    assert made.append_stdout(b'a') == f'{head(LifeBuild)}:{made.id}:field:stdout'  # type: ignore[attr-defined]
    assert made.append_stderr('e') == f'{head(LifeBuild)}:{made.id}:field:stderr'  # type: ignore[attr-defined]
    made.set('stdout', b'\xff')
    assert trips == ['append'] * 3
    assert (made.stdout, made.stderr) == (b'a\xff', b'e')
    assert raw.get(f'{head(LifeBuild)}:{made.id}:field:stdout') == b'a\xff'
    made.stdout = b'new'
    made.append_stdout(b'er')  # type: ignore[attr-defined]
    assert made.stdout == b'newer'
    assert raw.get(f'{head(LifeBuild)}:{made.id}:field:stdout') == b'a\xff'
    made.save()
    assert raw.get(f'{head(LifeBuild)}:{made.id}:field:stdout') == b'newer'


def test_streams_of_a_new_record(store: redis.Redis, raw: redis.Redis) -> None:
    made = LifeBuild()
    made.append_stdout(b'a')  # type: ignore[attr-defined]
    made.append_stdout(b'b')  # type: ignore[attr-defined]
    assert dump(raw) == {} and made.stdout == b'ab'
    made.save()
    found = LifeBuild.objects.get(made.id)
    assert found is not None and found.stdout == b'ab'


def test_a_stream_of_a_record_that_is_gone(store: redis.Redis, raw: redis.Redis) -> None:
    made = LifeBuild.create()
    LifeBuild.objects.all()[0].delete()
    with pytest.raises(EntityDeletedError):
        made.append_stdout(b'x')  # type: ignore[attr-defined]
    with pytest.raises(InvalidColumnValue, match='stdout'):
        made.append_stdout(None)  # type: ignore[attr-defined]
    assert records(raw) == {}


def test_pointers_to_what_is_not_saved(store: redis.Redis, raw: redis.Redis) -> None:
    build = LifeBuild(project=LifeProject(name='p'))
    with pytest.raises(ReferenceError, match=r'LifeBuild.project points to a LifeProject'):
        build.save()
    assert dump(raw) == {}
    build.project.save()
    build.save()
    build.project.delete()
    assert build.project is None
    build.started_at = NOW
    build.save()
    found = LifeBuild.objects.get(build.id)
    assert found is not None and found.project is None


@pytest.mark.one_server
def test_a_class_that_was_not_imported(store: redis.Redis) -> None:
    class Absent(LifeProject):
        pass

    build = LifeBuild.create(project=Absent.create(name='x'))
    found = LifeBuild.objects.get(build.id)
    assert found is not None and type(found.project) is Absent
    del MODELS[f'{__name__}:Absent']
    found = LifeBuild.objects.get(build.id)
    assert found is not None
    with pytest.raises(ReferenceError, match=f'not imported Absent of {__name__}') as error:
        found.project
    assert isinstance(error.value, RepocketReferenceError)
    found.started_at = NOW
    found.save()


BROKEN = [
    (b'', 'expected JSON'),
    (b'{"type": "DateTime"', 'expected JSON'),
    (b'[]', 'with a "value"'),
    (b'{"type": "DateTime", "value": "soon", "module": "repocket.attributes"}', 'soon'),
]


@pytest.mark.parametrize(('raw_value', 'why'), BROKEN)
def test_a_broken_field(store: redis.Redis, raw: redis.Redis, raw_value: bytes, why: str) -> None:
    build, other = LifeBuild.create(started_at=NOW), LifeBuild.create(started_at=NOW)
    raw.hset(f'{head(LifeBuild)}:{build.id}', 'started_at', raw_value)
    found = {record.id: record for record in LifeBuild.objects.all()}
    assert found[other.id].started_at == NOW
    with pytest.raises(CorruptRowError, match=why) as error:
        found[build.id].started_at
    assert error.value.key == f'{head(LifeBuild)}:{build.id}'
    assert error.value.column == 'started_at'
    assert found[build.id].project is None
    with pytest.raises(CorruptRowError) as error:
        LifeBuild.objects.filter(started_at=NOW)
    assert error.value.entities == [other]
    found[build.id].started_at = NOW
    found[build.id].save()
    assert len(LifeBuild.objects.filter(started_at=NOW)) == 2


def test_a_reference_that_is_none(store: redis.Redis, raw: redis.Redis) -> None:
    build, other = LifeBuild.create(project=LifeProject.create(name='p')), LifeBuild.create()
    other.project = build.project
    other.save()
    field = b'{"type": "Pointer", "value": "nonsense", "module": "repocket.attributes"}'
    raw.hset(f'{head(LifeBuild)}:{build.id}', 'project', field)
    found = {record.id: record for record in LifeBuild.objects.all()}
    assert found[other.id].project.name == 'p'
    with pytest.raises(CorruptRowError, match=r"field 'project'.*nonsense"):
        found[build.id].project


def test_keys_of_another_type(store: redis.Redis, raw: redis.Redis) -> None:
    build, other = LifeBuild.create(stdout=b'x'), LifeBuild.create()
    raw.delete(f'{head(LifeBuild)}:{build.id}', f'{head(LifeBuild)}:{build.id}:field:stdout')
    raw.set(f'{head(LifeBuild)}:{build.id}', 'x')
    with pytest.raises(CorruptRowError, match='a hash') as error:
        LifeBuild.objects.all()
    assert error.value.entities == [other]
    with pytest.raises(CorruptRowError, match='a hash'):
        LifeBuild.objects.get(build.id)
    for what in (build.save, build.delete):
        build.started_at = NOW
        with pytest.raises(CorruptRowError, match='a hash'):
            what()
    raw.rpush(f'{head(LifeBuild)}:{other.id}:field:stdout', 'x')
    other = LifeBuild.objects.get(other.id)  # type: ignore[assignment]
    for what in (lambda: other.stdout, lambda: other.append_stdout(b'x')):  # type: ignore[attr-defined]
        with pytest.raises(CorruptRowError, match='a string'):
            what()
    other.stdout = b'x'
    with pytest.raises(CorruptRowError, match='a string'):
        other.save()
