"""ManyToMany: its options, the values it takes, and queries by links compared with plain sets."""

import random
from collections import Counter
from typing import Any

import pytest
import redis

import rom
from rom._core.columns.links import MOST_LINKS
from rom.exceptions import ColumnError, CorruptRowError, InvalidColumnValue, QueryError
from tests.support.implied import assert_consistent


class MmTag(rom.Model):
    _namespace = 'mm:tag'
    name = rom.Text(index=True, keygen=rom.IDENTITY)


class MmPost(rom.Model):
    title = rom.Text()
    stars = rom.Integer(index=True)
    tags = rom.ManyToMany('mm:tag', related_name='posts')


def saved(count: int) -> list[MmTag]:
    tags = [MmTag(name=f't{n}') for n in range(count)]
    rom.session.commit()
    return tags


# Options.


@pytest.mark.one_server
@pytest.mark.parametrize('wrong', [None, 'set null', 'CASCADE', 5])
def test_unknown_on_delete(wrong: Any) -> None:
    for column in (None, 'tags'):
        with pytest.raises(ColumnError, match=r"on_delete is .*expected one of 'cascade', 'restr"):
            rom.ManyToMany('MmTag', wrong, column=column)  # type: ignore[arg-type]


@pytest.mark.one_server
def test_other_wrong_options() -> None:
    with pytest.raises(ColumnError, match="related_name='a b': expected the name of an attribute"):
        rom.ManyToMany('MmTag', related_name='a b')
    for option in ('related_name', 'stored_as'):
        with pytest.raises(ColumnError, match='this is the reverse, which stores nothing'):
            rom.ManyToMany('MmTag', column='tags', **{option: 'x'})  # type: ignore[arg-type]


@pytest.mark.one_server
def test_unknown_model() -> None:
    class MmLost(rom.Model):
        tags = rom.ManyToMany('Nowhere')

    with pytest.raises(rom.ORMError, match="tags refers to the model 'Nowhere', which is not def"):
        MmLost()


# Values.


@pytest.mark.parametrize(
    ('wrong', 'why'),
    [
        (5, 'expected a list of entities or ids, got 5'),
        ('12', 'expected a list of entities or ids'),
        ({1: 2}, 'expected a list of entities or ids'),
        ([True], 'is not an entity of mm:tag or an id; its type is bool'),
        (['1'], 'is not an entity of mm:tag or an id; its type is str'),
        ([None], 'is not an entity of mm:tag or an id; its type is NoneType'),
        ([[1]], 'is not an entity of mm:tag or an id; its type is list'),
        ([0], 'expected an int of at least 1'),
        ([-1], 'expected an int of at least 1'),
        ([2**70], 'expected an int of at least 1'),
        (range(1, MOST_LINKS + 2), '10,001 links are too many'),
    ],
)
@pytest.mark.one_server
def test_what_is_no_list_of_links(on_client: None, wrong: Any, why: str) -> None:
    post = MmPost()
    for assign in (lambda: setattr(post, 'tags', wrong), lambda: MmPost(tags=wrong)):
        with pytest.raises(InvalidColumnValue, match=r'MmPost.tags: ') as caught:
            assign()
        assert why in str(caught.value)
    assert post.tags.ids == []
    with pytest.raises(InvalidColumnValue, match='not an entity of mm:tag'):
        post.tags.add(post)


def test_stored_form_and_index(on_client: None, raw: redis.Redis) -> None:
    one, two, three = saved(3)
    post = MmPost(tags=[three, 1, one, MmTag(name='new')])
    empty = MmPost(tags=[])
    rom.session.commit()
    keyspace = assert_consistent(raw, MmTag, MmPost)
    assert keyspace[b'MmPost:1'] == {b'id': b'1', b'tags': b'1,3,4'}
    assert keyspace[b'MmPost:tags:3:idx'] == {b'1'}
    assert keyspace[b'MmPost:tags:any:idx'] == {b'1'}
    post.tags = [two]
    empty.tags.add(two)
    rom.session.commit()
    keyspace = assert_consistent(raw, MmTag, MmPost)
    assert keyspace[b'MmPost:1'] == {b'id': b'1', b'tags': b'2'}
    assert keyspace[b'MmPost:tags:2:idx'] == {b'1', b'2'}
    post.tags.clear()
    empty.tags.clear()
    rom.session.commit()
    assert not [key for key in assert_consistent(raw, MmTag, MmPost) if b':tags:' in key]


def test_a_corrupt_row(on_client: None, raw: redis.Redis) -> None:
    saved(1)
    MmPost(tags=[1]).save()
    rom.session.rollback()
    raw.hset('MmPost:1', 'tags', '1;2')
    post = MmPost.get(1)
    assert post is not None
    with pytest.raises(CorruptRowError, match=r"MmPost:1, column 'tags': the stored b'1;2' is not"):
        _ = post.tags.ids
    post.tags = [1]
    post.save(force=True)
    assert_consistent(raw, MmTag, MmPost)


def test_an_unknown_target_is_refused_and_named(on_client: None, raw: redis.Redis) -> None:
    saved(2)
    raw.delete('mm:tag:2')
    before = dict(raw.hgetall('MmPost:1'))
    MmPost(title='new', tags=[1, 2])
    with pytest.raises(InvalidColumnValue, match=r'MmPost.tags: 2: no mm:tag has this id.*Remove'):
        rom.session.commit()
    assert raw.hgetall('MmPost:1') == before
    rom.session.rollback()
    MmPost(title='old', tags=[1]).save()
    for change in ([1, 99], [99]):
        with pytest.raises(InvalidColumnValue, match=r'MmPost.tags: 99: no mm:tag has this id'):
            MmPost.query.update(tags=change)
    with pytest.raises(InvalidColumnValue, match=r'MmPost.tags: 99: no mm:tag has this id'):
        MmPost.query.update(tags=MmPost.tags.add(99))


@pytest.mark.one_server
def test_a_renamed_column(on_client: None, raw: redis.Redis) -> None:
    class MmRenamed(rom.Model):
        tags = rom.ManyToMany('MmTag', stored_as='labels')

    [tag] = saved(1)
    post = MmRenamed(tags=[tag])
    post.save()
    assert raw.hgetall('MmRenamed:1') == {b'id': b'1', b'labels': b'1'}
    assert raw.smembers('MmRenamed:labels:1:idx') == {b'1'}
    assert MmRenamed.query.filter(tags=tag).all() == [post]
    with rom.Session() as other:
        found = other.get(MmRenamed, 1)
        found.tags.add(MmTag(name='more'))
        other.commit()
    post.tags.remove(tag)
    rom.session.commit()
    assert raw.hget('MmRenamed:1', 'labels') == b'2'
    tag.delete()
    MmTag.get(2).delete()
    assert raw.keys('MmRenamed:labels:*') == []


@pytest.mark.one_server
def test_two_new_entities_link_each_other_and_one_itself(on_client: None) -> None:
    class MmPerson(rom.Model):
        friends = rom.ManyToMany('MmPerson', related_name='friend_of')

    ann, bob = MmPerson(), MmPerson()
    ann.friends.add(bob, ann)
    bob.friends.add(ann)
    rom.session.commit()
    assert (ann.friends.ids, bob.friends.ids) == ([1, 2], [1])
    alone = MmPerson()
    alone.friends.add(alone)
    alone.save()
    assert alone.friends.ids == [alone.id]
    assert MmPerson.query.filter(friends=alone).all() == [alone]


# Queries.


def test_queries_agree_with_plain_sets(on_client: None) -> None:
    chance = random.Random(11)
    tags = saved(6)
    linked = [set(chance.sample(range(1, 7), chance.choice([0, 0, 1, 2, 5]))) for _ in range(60)]
    for stars, ids in enumerate(linked):
        MmPost(stars=stars, tags=ids)
    rom.session.commit()

    def found(query: Any) -> list[int]:
        return sorted(post.stars for post in query.all())

    def plain(test: Any) -> list[int]:
        return [stars for stars, ids in enumerate(linked) if test(ids)]

    query, column = MmPost.query, MmPost.tags
    for tag in tags:
        has = plain(lambda ids, id=tag.id: id in ids)
        assert found(query.filter(tags=tag)) == found(query.filter(tags=tag.id)) == has
        assert found(query.where(column.contains(tag))) == has
        assert query.filter(tags=tag).count() == len(has) == len(tag.posts)
        assert [post.stars for post in tag.posts] == has
        few = plain(lambda ids, id=tag.id: id not in ids)
        assert found(query.where(~column.contains(tag))) == few
        assert found(query.filter(stars=(10, 30), tags=tag)) == [n for n in has if 10 <= n <= 30]
    for _ in range(20):
        some = chance.sample(tags, chance.randint(1, 4))
        ids = {tag.id for tag in some}
        either = plain(lambda own, ids=ids: own & ids)
        assert found(query.where(column.overlaps(*some))) == either
        assert found(query.filter(tags=some)) == found(query.where(column.in_(ids))) == either
        assert found(query.where(column.contains_all(*some))) == plain(
            lambda own, ids=ids: own >= ids
        )
    assert found(query.where(column.overlaps())) == []
    assert found(query.where(column.is_none())) == plain(lambda ids: not ids)
    assert found(query.filter(tags=rom.NOT_NULL)) == plain(bool)
    counted = Counter(id for ids in linked for id in ids or [None])
    assert query.facets('tags') == counted
    selected = query.order_by('stars').select('tags').all()
    assert [set(row['tags']) for row in selected] == linked


def test_explained_and_shown(on_client: None) -> None:
    [tag] = saved(1)
    MmPost(tags=[tag])
    rom.session.commit()
    query = MmPost.query.filter(tags=tag)
    assert 'tags = 1' in str(query.explain())
    assert 'MmPost:tags:1:idx' in str(query.explain(run=True))
    assert 'tags=1' in repr(query).replace(' ', '') or 'tags = 1' in repr(query)


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('ask', 'why'),
    [
        (lambda: MmPost.query.filter(tags=None), 'expected an entity or its id, or a list of them'),
        (lambda: MmPost.query.filter(tags=(1, 2)), 'expected an entity or its id'),
        (lambda: MmPost.query.filter(tags='x'), 'is not an entity of mm:tag or an id'),
        (lambda: MmPost.query.where(MmPost.tags > 1), 'its index holds no numbers'),
        (lambda: MmPost.query.where(MmPost.tags.contains_all()), 'expected one entity or id'),
        (lambda: MmPost.query.where(MmPost.tags.startswith('x')), 'no such index'),
        (lambda: MmPost.query.order_by('tags'), 'links are a set, and have no order'),
        (lambda: MmPost.query.sum('tags'), 'only an Integer'),
        (lambda: MmTag.query.filter(posts='x'), r'expected an entity of MmPost or its id'),
        (lambda: MmPost.query.load('title'), 'the model has no relation'),
    ],
)
def test_questions_without_an_answer(on_client: None, ask: Any, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        ask()


def test_the_other_way_round(on_client: None) -> None:
    one, two, three = saved(3)
    first, second = MmPost(tags=[one, two]), MmPost(tags=[two, three])
    rom.session.commit()
    query = MmTag.query
    assert query.filter(posts=first).order_by('id').all() == [one, two]
    assert query.filter(posts=[first, second]).count() == 3
    assert query.filter(posts=second, name='t1').all() == [two]
    assert second.tags.query.filter(name='t2').all() == [three]
    assert two.posts.query.filter(id=2).all() == [second]


# Updates of many rows.


def test_update_adds_and_removes(on_client: None, raw: redis.Redis) -> None:
    one, two, three = saved(3)
    posts = [MmPost(stars=n, tags=[one]) for n in range(5)]
    rom.session.commit()
    query = MmPost.query.filter(stars=(1, 3))
    assert query.update(tags=MmPost.tags.add(two, 3)) == 3
    assert [post.tags.ids for post in posts] == [[1], [1, 2, 3], [1, 2, 3], [1, 2, 3], [1]]
    assert MmPost.query.update(tags=MmPost.tags.remove(one, two), _blocksize=2) == 5
    assert query.update(tags=[three]) == 3
    assert MmPost.query.facets('tags') == {3: 3, None: 2}
    MmPost.query.update(tags=None)
    assert_consistent(raw, MmTag, MmPost)
    assert MmPost.query.facets('tags') == {None: 5}
    with pytest.raises(InvalidColumnValue, match='was never saved'):
        query.update(tags=MmPost.tags.add(MmTag()))


def test_an_update_beside_changes_that_are_not_saved(on_client: None, raw: redis.Redis) -> None:
    saved(4)
    post = MmPost(tags=[1, 2])
    post.save()
    post.tags.add(3)
    post.tags.remove(1)
    MmPost.query.update(tags=MmPost.tags.add(4))
    assert post.tags.ids == [2, 3, 4]
    MmPost.query.update(tags=MmPost.tags.remove(2))
    assert (post.tags.ids, rom.session.commit()) == ([3, 4], 1)
    assert raw.hget('MmPost:1', 'tags') == b'3,4'
    assert_consistent(raw, MmTag, MmPost)


# Whole rows elsewhere.


@pytest.mark.one_server
def test_dict_copy_and_repr(on_client: None) -> None:
    saved(2)
    post = MmPost(title='x', tags=[2, 1])
    post.save()
    assert post.to_dict() == {
        'title': 'x', 'stars': None, 'tags': [1, 2], 'id': post.id,
    }  # fmt: skip
    twin = post.copy()
    assert twin.tags.ids == [1, 2]
    twin.save()
    assert MmPost.query.filter(tags=1).count() == 2
    assert 'tags=(1, 2)' in repr(MmPost.get(twin.id))
    post.update(tags=[2]).save()
    assert MmPost.query.facets('tags') == {1: 1, 2: 2}
