"""Links in everything that reads or writes whole rows: dumps, checks, reindexes, pydantic, cli."""

import random
from typing import Any

import pytest
import redis

import rom
import rom.maintenance
from rom import jsonl
from rom.exceptions import RestrictError
from tests.support.implied import assert_consistent
from tests.support.servers import data

pytestmark = pytest.mark.one_server


class LeTag(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)


class LePost(rom.Model):
    title = rom.Text()
    stars = rom.Integer(index=True)
    tags = rom.ManyToMany('LeTag', related_name='posts')
    see_also = rom.ManyToMany('LePost')


def fill() -> None:
    tags = [LeTag(name=name) for name in 'abc']
    posts = [LePost(title=f'{n}', stars=n, tags=tags[: n % 4]) for n in range(6)]
    posts[0].see_also.add(posts[5])
    posts[5].see_also.add(posts[0], posts[5])
    rom.session.commit()
    rom.session.rollback()


def test_dump_and_load(on_client: None, raw: redis.Redis) -> None:
    fill()
    before = data(raw)
    lines = b''.join(block.text for block in jsonl.dump(LePost, LeTag)).splitlines()
    assert b'"see_also": [6]' in lines[0]
    raw.flushdb()
    for batch_size in (2, 500):
        list(jsonl.load(lines, LePost, LeTag, batch_size=batch_size))
        assert_consistent(raw, LePost, LeTag)
    assert {key: data(raw)[key] for key in before if b'idx' in key} == {
        key: value for key, value in before.items() if b'idx' in key
    }
    for wrong in (b'"x"', b'[0]', b'["1"]', b'{}', b'3'):
        line = b'{"model": "LePost", "id": 99, "columns": {"tags": %b}}' % wrong
        with pytest.raises(rom.BulkError, match=r'line 1: LePost\.tags: '):
            list(jsonl.load([line], LePost))


def test_check_repairs_and_reindex_makes(on_client: None, raw: redis.Redis) -> None:
    fill()
    before = data(raw)
    raw.srem('LePost:tags:1:idx', 2)
    raw.sadd('LePost:tags:3:idx', 2)
    raw.sadd('LePost:tags:9:idx', 77)
    raw.delete('LePost:tags:any:idx')
    found = [str(one) for one in rom.maintenance.check(LePost)]
    assert len([one for one in found if ':tags:' in one]) == len(found) >= 4
    list(rom.maintenance.check(LePost, repair=True))
    assert list(rom.maintenance.check(LePost)) == []
    assert data(raw) == before
    for key in raw.keys('LePost:tags:*'):
        raw.delete(key)
    raw.delete('LePost:id:indexes')
    list(rom.maintenance.reindex(LePost))
    assert {k: v for k, v in data(raw).items() if b':tags:' in k} == {
        k: v for k, v in before.items() if b':tags:' in k
    }
    assert rom.util.refresh_indices(LePost) is not None
    assert_consistent(raw, LePost, LeTag)


def test_links_that_are_declared_later(on_client: None, raw: redis.Redis) -> None:
    fill()
    raw.rename('LePost:id:indexes', 'aside')
    raw.hset('LePost:2', 'tags', '3')  # as a migration may write it
    list(rom.maintenance.reindex(LePost))
    assert raw.smembers('LePost:tags:3:idx') == {b'2', b'4'}
    assert LePost.query.filter(tags=3).count() == 2


def test_pydantic(on_client: None) -> None:
    pytest.importorskip('pydantic')
    import pydantic

    fill()
    kind = LePost.pydantic()
    assert kind.model_json_schema()['properties']['tags']['anyOf'][0] == {
        'type': 'array', 'items': {'type': 'integer', 'minimum': 1},
    }  # fmt: skip
    post = LePost.get(4)
    assert kind.model_validate(post).model_dump(mode='json')['tags'] == [1, 2, 3]
    assert kind.model_validate(LePost.get(1)).model_dump(mode='json')['tags'] == []
    new = LePost.pydantic(exclude='id')(title='new', tags=[3, 1, 3])
    entity = LePost(**new.model_dump(exclude_unset=True))
    entity.save()
    assert entity.tags.ids == [1, 3]
    with pytest.raises(pydantic.ValidationError, match='is not an entity of LeTag or an id'):
        LePost.pydantic(exclude='id')(tags=['1'])
    tag = LeTag.pydantic(include=['name', 'posts'])
    assert tag.model_validate(LeTag.get(3)).model_dump() == {'name': 'c', 'posts': [4, 7]}
    adapter = pydantic.TypeAdapter(LePost)
    draft = adapter.validate_json('{"title": "draft", "tags": [2]}')
    assert b'"tags":[2]' in adapter.dump_json(draft)


def test_the_command_models(on_client: None) -> None:
    from rom.cli.models import _columns

    shown = dict(_columns(LePost._schema))
    assert shown['tags'] == {
        'type': 'ManyToMany', 'index': True, 'to': 'LeTag', 'on_delete': 'cascade',
    }  # fmt: skip
    assert dict(_columns(LeTag._schema))['posts'] == {
        'type': 'ManyToMany', 'reverse of': 'LePost.tags',
    }  # fmt: skip


def test_a_compound_index_gives_pages_of_a_tag(on_client: None, raw: redis.Redis) -> None:
    class LePaged(rom.Model):
        stars = rom.Integer(index=True)
        tags = rom.ManyToMany('LeTag')
        compound_index = [('tags', 'stars')]

    chance = random.Random(5)
    for n in range(4):
        LeTag(name=f'{n}')
    rom.session.commit()
    linked = [set(chance.sample(range(1, 5), chance.randint(0, 3))) for _ in range(80)]
    posts = [LePaged(stars=n, tags=ids) for n, ids in enumerate(linked)]
    rom.session.commit()

    def check() -> None:
        for tag in range(1, 5):
            query = LePaged.query.filter(tags=tag)
            plain = [n for n, ids in enumerate(linked) if tag in ids]
            assert [post.stars for post in query.order_by('stars')] == plain
            assert query.filter(stars=(20, 60)).count() == len([n for n in plain if 20 <= n <= 60])
            first = query.order_by('-stars').limit(0, 5).all()
            assert [post.stars for post in first] == plain[::-1][:5]

    check()
    for n, post in enumerate(posts):
        if n % 3 == 0:
            linked[n] = {2}
            post.tags.set([2])
    rom.session.commit()
    check()
    tag: Any = LeTag.get(2)
    tag.delete()
    linked = [ids - {2} for ids in linked]
    check()
    assert raw.keys('LePaged:*2:*idx') == []


def test_delete_by_query(on_client: None, raw: redis.Redis) -> None:
    fill()
    assert LeTag.query.filter(name=['a', 'b']).delete() == 2
    assert LePost.query.facets('tags') == {3: 1, None: 5}
    LePost.query.delete()
    assert not [key for key in data(raw) if key.startswith(b'LePost:') and b'idx' in key]

    class LeStrict(rom.Model):
        tags = rom.ManyToMany('LeTag', 'restrict')

    LeStrict(tags=[3]).save()
    with pytest.raises(RestrictError):
        LeTag.query.delete()
