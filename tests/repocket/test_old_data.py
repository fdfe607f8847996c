"""Data as repocket itself wrote it, under Python 2: built by hand, read, changed and saved."""

import datetime as dt
import decimal
import json
import uuid

import pytest
import redis

from rom.repocket import ActiveRecord, attributes
from tests.support.servers import dump

PROJECT = uuid.UUID('1b8d1f4a-6f5e-11e4-9b0a-b8f6b1165aad')
BUILD = uuid.UUID('1b8e47d0-6f5e-11e4-8c60-b8f6b1165aad')
MODULE = 'oldapp.models'


class OldProject(ActiveRecord):
    __module__ = MODULE
    name = attributes.Unicode()
    git_uri = attributes.Bytes()
    metadata = attributes.JSON()
    more = attributes.JSON()


class OldBuild(ActiveRecord):
    __module__ = MODULE
    id = attributes.AutoUUID()
    project = attributes.Pointer(OldProject)
    other = attributes.Pointer(OldProject, null=True)
    started_at = attributes.DateTime()
    ended_at = attributes.DateTime(null=True)
    count = attributes.Integer(index=True)
    price = attributes.Decimal()
    rate = attributes.Float()
    owner = attributes.UUID(null=True)
    stdout = attributes.ByteStream()


PROJECT_KEY = f'repocket:{MODULE}:OldProject:{PROJECT}'
BUILD_KEY = f'repocket:{MODULE}:OldBuild:{BUILD}'


def field(kind: str, value: str) -> bytes:
    """As Python 2's json.dumps wrote it."""
    return (
        f'{{"type": "{kind}", "value": {json.dumps(value)}, "module": "repocket.attributes"}}'
    ).encode()


@pytest.fixture
def old(store: redis.Redis, raw: redis.Redis) -> redis.Redis:
    raw.hset(
        PROJECT_KEY,
        mapping={
            'id': field('AutoUUID', str(PROJECT)),
            'name': field('Unicode', 'Yipit'),
            'git_uri': field('Bytes', 'git@github.com:Yipit/yipit.git'),
            'metadata': field('JSON', "{u'lines': 10L, 'caf\\xc3\\xa9': u'caf\\xe9', u'x': None}"),
            'more': field('JSON', '[u"it\'s", True]'),
            'forgotten': field('Unicode', 'a field that the class has no longer'),
        },
    )
    raw.hset(
        BUILD_KEY,
        mapping={
            'id': field('AutoUUID', str(BUILD)),
            'project': field('Pointer', PROJECT_KEY),
            'other': field('Pointer', 'None'),
            'started_at': field('DateTime', '2014-11-18T15:30:12.123456'),
            'ended_at': field('DateTime', 'null'),
            'count': field('Integer', '7'),
            'price': field('Decimal', '1.50'),
            'rate': field('Float', '0.1'),
            'owner': field('UUID', 'None'),
        },
    )
    raw.set(BUILD_KEY + ':field:stdout', b'one\n')
    return raw


def test_it_is_read(old: redis.Redis) -> None:
    project = OldProject.objects.get(id=PROJECT)
    assert project is not None
    assert project.to_dict(simple=True) == {
        'id': str(PROJECT),
        'name': 'Yipit',
        'git_uri': b'git@github.com:Yipit/yipit.git',
        'metadata': {'lines': 10, 'café': 'café', 'x': None},
        'more': ["it's", True],
    }
    [build] = OldBuild.objects.all()
    assert build.project == project
    assert build.other is None and build.ended_at is None and build.owner is None
    assert build.started_at == dt.datetime(2014, 11, 18, 15, 30, 12, 123456)
    assert (build.count, build.price, build.rate) == (7, decimal.Decimal('1.50'), 0.1)
    assert build.stdout == b'one\n'
    assert OldBuild.objects.filter(rate=0.1, project=project) == [build]


def test_reading_and_saving_changes_nothing(old: redis.Redis) -> None:
    before = dump(old)
    for record in (*OldProject.objects.all(), *OldBuild.objects.all()):
        record.to_dict(simple=True)
        record.save()
    assert dump(old) == before


def test_it_is_changed(old: redis.Redis) -> None:
    project = OldProject.objects.get(id=PROJECT)
    assert project is not None
    project.metadata['lines'] += 1
    project.save()
    stored = old.hgetall(PROJECT_KEY)
    assert stored[b'metadata'] == field(
        'JSON', json.dumps({'lines': 11, 'café': 'café', 'x': None})
    )
    # What was not changed, and what the class does not know, is as it was.
    assert stored[b'more'] == field('JSON', '[u"it\'s", True]')
    assert b'forgotten' in stored
    [build] = OldBuild.objects.all()
    build.count += 1
    build.append_stdout('two\n')  # type: ignore[attr-defined]
    assert build.save() == {
        'hash': BUILD_KEY,
        'strings': {'stdout': BUILD_KEY + ':field:stdout'},
    }
    [build] = OldBuild.objects.all()
    assert (build.count, build.stdout) == (8, b'one\ntwo\n')


def test_it_is_indexed_and_deleted(old: redis.Redis) -> None:
    assert OldBuild.objects.filter(count=7) == []
    assert OldBuild.objects.reindex() == 1
    [build] = OldBuild.objects.filter(count=7)
    assert build.delete() == 2
    [project] = OldProject.objects.all()
    assert project.delete() == 1
    assert [key for key in dump(old) if b':done:' not in key] == []


def test_a_hash_without_its_id(old: redis.Redis) -> None:
    old.hdel(PROJECT_KEY, 'id')
    [project] = OldProject.objects.all()
    assert project.id == PROJECT  # type: ignore[attr-defined]
    project.name = 'x'
    project.save()
    assert OldProject.objects.get(id=PROJECT) == project
    assert project.delete() == 1
