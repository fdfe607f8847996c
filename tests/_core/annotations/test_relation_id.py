"""RelationId: the id of a relation, without a request, in models of both styles."""

from typing import Any

import pytest

import rom

pytestmark = pytest.mark.one_server


class IdTeam(rom.Model):
    name = rom.Text()


class IdUser(rom.Model):
    team = rom.ManyToOne('IdTeam', 'set null')
    team_id = rom.id_of('team')
    nothing = rom.id_of('teem')


def test_reading_takes_no_request(on_client: Any, trips: list[Any]) -> None:
    team = IdTeam()
    user = IdUser(team=team)
    assert team.id == user.team_id == 1
    rom.session.commit()
    rom.session.rollback()
    user = IdUser.get(1)
    del trips[:]
    assert (user.team_id, trips) == (1, [])
    assert user.team.id == user.team_id == 1
    user.team = 7
    assert user.team_id == 7
    user.team = None
    assert user.team_id is None
    rom.session.rollback()


def test_an_entity_of_its_own_and_a_deleted_one(on_client: Any) -> None:
    user = IdUser()
    assert user.team_id is None
    user.team = team = IdTeam()
    rom.session.commit()
    team.delete()
    rom.session.rollback()
    assert IdUser.get(1).team_id is None, 'set null'


def test_on_the_model_it_is_the_relation(on_client: Any) -> None:
    IdUser(team=IdTeam()).save()
    assert IdUser.team_id is IdUser.team
    assert IdUser.query.where(IdUser.team_id.in_([1, 2])).count() == 1


def test_it_cannot_be_set(on_client: Any) -> None:
    user: Any = IdUser()
    with pytest.raises(rom.InvalidOperation, match=r'IdUser.team_id is read only; assign team,'):
        user.team_id = 5
    with pytest.raises(rom.InvalidColumnValue, match=r'has no column .*team_id'):
        IdUser(team_id=5)
    for read in (lambda: user.nothing, lambda: IdUser.nothing):
        with pytest.raises(rom.ColumnError, match=r"IdUser.nothing = rom.id_of\('teem'\): the mod"):
            read()
    rom.session.rollback()
