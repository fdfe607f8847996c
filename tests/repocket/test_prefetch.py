"""Records that were loaded together: their pointers and streams are read together."""

import pytest
import redis

from rom.exceptions import CorruptRowError
from rom.repocket import MODELS, ActiveRecord, attributes
from rom.repocket.errors import RepocketReferenceError


class GroupGroup(ActiveRecord):
    name = attributes.Unicode()


class GroupProject(ActiveRecord):
    name = attributes.Unicode()
    group = attributes.Pointer(GroupGroup, null=True)


class GroupSpecial(GroupProject):
    extra = attributes.Unicode()


class GroupBuild(ActiveRecord):
    n = attributes.Integer()
    project = attributes.Pointer(GroupProject, null=True)
    out = attributes.ByteStream()


@pytest.fixture
def builds(store: redis.Redis) -> None:
    groups = [GroupGroup.create(name=f'g{n}') for n in range(2)]
    projects = [
        (GroupSpecial if n % 2 else GroupProject).create(name=f'p{n}', group=groups[n % 2])
        for n in range(4)
    ]
    for n in range(12):
        GroupBuild.create(n=n, project=projects[n % 4], out=b'%d' % n)


def test_pointers_in_one_trip(builds: None, trips: list[str]) -> None:
    found = GroupBuild.objects.all().order_by('n')
    trips.clear()
    assert [build.project.name for build in found] == [f'p{n % 4}' for n in range(12)]
    assert trips == ['load+load']
    assert type(found[1].project) is GroupSpecial
    assert found[0].project is found[4].project
    trips.clear()
    assert {build.project.group.name for build in found} == {'g0', 'g1'}
    assert len(trips) <= 2


def test_what_is_gone_is_none(builds: None, trips: list[str]) -> None:
    first = GroupProject.objects.filter(name='p0')[0]
    first.delete()
    found = GroupBuild.objects.all().order_by('n')
    trips.clear()
    assert [build.project is None for build in found] == [n % 4 == 0 for n in range(12)]
    assert len(trips) == 1
    assert found[0].to_dict(simple=True)['project'] is None
    found[0].save()


def test_one_that_is_not_known_stands_in_nobodys_way(builds: None) -> None:
    found = GroupBuild.objects.all().order_by('n')
    del MODELS[GroupSpecial._record_schema.name]
    assert found[0].project.name == 'p0'
    with pytest.raises(RepocketReferenceError, match='GroupSpecial'):
        found[1].project
    MODELS[GroupSpecial._record_schema.name] = GroupSpecial
    assert found[1].project.name == 'p1'


def test_a_record_of_another_type_stands_in_nobodys_way(builds: None, raw: redis.Redis) -> None:
    key = GroupProject.objects.filter(name='p0')[0].save()['hash']
    raw.delete(key)
    raw.set(key, 'x')
    found = GroupBuild.objects.all().order_by('n')
    assert found[2].project.name == 'p2'
    with pytest.raises(CorruptRowError, match=key):
        found[0].project


def test_streams_of_some_in_one_trip(builds: None, raw: redis.Redis, trips: list[str]) -> None:
    found = GroupBuild.objects.all().order_by('n')
    key = f'{found[3].save()["hash"]}:field:out'
    raw.delete(key)
    raw.rpush(key, 'x')
    trips.clear()
    assert [build.out for build in found if build.n != 3] == [
        b'%d' % n for n in range(12) if n != 3
    ]
    assert len(trips) < 12
    with pytest.raises(CorruptRowError, match=key):
        found[3].out


def test_records_of_a_group_need_not_live(builds: None) -> None:
    assert [build.project.name for build in GroupBuild.objects.filter(n=5)] == ['p1']
    assert GroupBuild.objects.filter(n=6)[0].out == b'6'
