"""What nodes of a plan were said to be: by every method that makes one, as the program said it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import rom
from rom._core.query.filter_labels import FilterLabel
from rom._core.query.nodes import All, AnyOf, Node, Not

BORN = datetime.date(2000, 1, 2)


class SaidTeam(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)


class SaidUser(rom.Model):
    name = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    city = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY_CI)
    age = rom.Integer(index=True)
    born = rom.Date(index=True)
    active = rom.Boolean(index=True)
    team = rom.ManyToOne('SaidTeam', on_delete='no action')
    own = rom.Json(index=True, keygen=lambda value: value)
    lon = rom.Float()
    lat = rom.Float()
    geo_index = [rom.GeoIndex('home', lambda e: {'lon': e.lon, 'lat': e.lat})]


QUERY = SaidUser.query


def leaves(node: Node) -> list[FilterLabel | None]:
    if isinstance(node, (All, AnyOf)):
        return [label for inner in node.nodes for label in leaves(inner)]
    return leaves(node.node) if isinstance(node, Not) else [node.label]


@pytest.mark.parametrize(
    ('query', 'expected'),
    [
        (QUERY.filter(city='Rome'), ["city = 'Rome'"]),
        (QUERY.filter(city=['Rome', 'Oslo']), ["city = 'Rome'", "city = 'Oslo'"]),
        (QUERY.filter(name='Ann'), ["name has the word 'ann'"]),
        (QUERY.filter(active=False), ['active = False']),
        (QUERY.filter(age=5), ['age = 5']),
        (QUERY.filter(age=(5, 7)), ['5 <= age <= 7']),
        (QUERY.filter(age=(None, 7)), ['age <= 7']),
        (QUERY.filter(age=(None, None)), ['age has a value']),
        (QUERY.filter(born=(BORN, None)), ['born >= datetime.date(2000, 1, 2)']),
        (QUERY.filter(team=5), ['team = 5']),
        (QUERY.filter(team=rom.NOT_NULL), ['team has a value']),
        (QUERY.filter(own='x'), ["own = 'x'"]),
        (QUERY.filter(**{'own:x': 5}), ['own:x = 5']),
        (QUERY.where(SaidUser.age < 2**60), [f'age < {2**60}']),
        (QUERY.where(SaidUser.age > 5), ['age > 5']),
        (QUERY.where(SaidUser.age <= 5), ['age <= 5']),
        (QUERY.where(SaidUser.age.between(5, 7)), ['5 <= age <= 7']),
        (QUERY.where(SaidUser.age.is_none()), ['age has a value']),
        (QUERY.where(~(SaidUser.city == 'R') | (SaidUser.age == 2)), ["city = 'R'", 'age = 2']),
        (QUERY.startswith(name='An'), ["name starts with 'An'"]),
        (QUERY.endswith(name='nn'), ["name ends with 'nn'"]),
        (QUERY.like(name='A*n'), ["name like 'A*n'"]),
        (QUERY.does_not_startwith(city='R'), ["city does not start with ('R',)"]),
        (QUERY.does_not_endwith(name=['n', 'm']), ["name does not end with ('n', 'm')"]),
        (QUERY.near('home', 10.5, 59, 5, 'km'), ['home within 5 km of 10.5, 59']),
        (
            QUERY.near('home', 10.5, 59, 5, 'km', count=3),
            ['home within 5 km of 10.5, 59, the nearest 3'],
        ),
    ],
)  # fmt: skip
def test_every_filter(query: rom.Query[Any], expected: list[str]) -> None:
    assert [str(label) for label in leaves(query.spec.where)] == expected


def test_all_words_of_a_text() -> None:
    found = [str(label) for label in leaves(QUERY.filter(name='Ann Lee').spec.where)]
    assert sorted(found) == ["name has the word 'ann'", "name has the word 'lee'"]


def test_no_entity_is_kept_alive() -> None:
    team = SaidTeam.__new__(SaidTeam)
    team._id = 7
    [label] = leaves(QUERY.filter(team=team).spec.where)
    assert label is not None
    assert label.value == 7


def test_it_makes_no_difference() -> None:
    """Queries that find the same stay equal, however they were put."""
    assert QUERY.filter(age=(5, 5)).spec == QUERY.filter(age=5).spec
    assert 'label' not in repr(QUERY.filter(age=5))
