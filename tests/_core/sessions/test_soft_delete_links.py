"""Soft deletes beside links and references: what stays in a row that stays."""

from __future__ import annotations

from typing import Any

import pytest
import redis

import rom
import rom.maintenance
from rom import migrations
from tests.support.stories import both


class KeptTag(rom.Model):
    _namespace = '{kept}tag'
    name = rom.Text()


class KeptGroup(rom.Model):
    _namespace = '{kept}group'
    _soft_delete = 'gone'
    gone = rom.DateTime(index=True)


class KeptNote(rom.Model):
    _namespace = '{kept}note'
    _soft_delete = 'gone'
    gone = rom.DateTime(index=True)
    number = rom.Integer(index=True)
    tags = rom.ManyToMany('KeptTag', related_name='notes')
    main = rom.ManyToOne('KeptTag', on_delete='set null')
    owner = rom.ManyToOne('KeptTag', on_delete='cascade')
    groups = rom.ManyToMany('KeptGroup', on_delete='restrict', related_name='notes')


MODELS = (KeptTag, KeptGroup, KeptNote)


def check(raw: redis.Redis) -> list[str]:
    rom.util.CONNECTION = raw
    try:
        return [str(finding) for model in MODELS for finding in rom.maintenance.check(model)]
    finally:
        rom.util.CONNECTION = None


async def saved(s: Any, *entities: Any) -> None:
    for entity in entities:
        s.add(entity)
    await s.commit()


@both(whole=False)
async def test_a_row_that_stays_refers_to_nothing_that_is_removed(s: Any, raw: redis.Redis) -> None:
    """In one commit: the entity given, the one it cascades to, and the row that both refer to."""
    first, second = KeptTag(), KeptTag()
    given = KeptNote(main=first, tags=[first, second])
    cascaded = KeptNote(owner=first, tags=[first])
    await saved(s, first, second, given, cascaded)
    await s.delete([given, first])
    for id, tags in ((1, b'2'), (2, None)):
        row = raw.hgetall(f'{{kept}}note:{id}')
        assert row.keys() >= {b'gone'}
        assert row.get(b'tags') == tags
        assert not row.keys() & {b'main', b'owner'}
    assert check(raw) == []
    await s.restore(given)
    assert await s.facets(KeptNote.query, 'tags') == {2: 1}


@both(whole=False)
async def test_a_deleted_entity_forbids_no_soft_delete(s: Any, raw: redis.Redis) -> None:
    group, note = KeptGroup(), KeptNote()
    note.groups.add(group)
    await saved(s, group, note)
    with pytest.raises(rom.RestrictError):
        await s.delete(group)
    await s.delete(note)
    await s.delete(group)
    assert check(raw) == []


@both(whole=False)
async def test_links_lead_to_nothing_that_is_deleted(s: Any, raw: redis.Redis) -> None:
    group, note = KeptGroup(), KeptNote()
    await saved(s, group, note)
    await s.delete(group)
    with pytest.raises(rom.InvalidColumnValue, match='no KeptGroup has this id'):
        await s.update_all(KeptNote.query, groups=KeptNote.groups.add(group.id))
    note.groups.add(group.id)
    with pytest.raises(rom.InvalidColumnValue, match='no KeptGroup has this id'):
        await s.commit()
    await s.restore(group)
    await s.commit()
    assert raw.hget('{kept}note:1', 'groups') == b'1'
    assert check(raw) == []


@both(whole=False)
async def test_the_word_of_an_explanation(s: Any, raw: redis.Redis) -> None:
    await saved(s, KeptNote(number=1), KeptNote(number=1))
    await s.delete(await s.get(KeptNote, 1))
    shown = str(await s.explain(KeptNote.query.filter(number=1)))
    assert 'deleted: 1, left out' in shown
    assert 'expired' not in shown


@pytest.mark.one_server
def test_a_migration_makes_no_link_to_a_row_that_does_not_exist(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    KeptNote().save()
    rom.session.rollback()
    move = migrations.Migration('linked', KeptNote, lambda row: row.__setitem__('tags', [99]))
    with pytest.raises(rom.MigrationError, match='no KeptTag has this id'):
        list(migrations.migrate(move))
    assert check(raw) == []
