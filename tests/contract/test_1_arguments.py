"""Every public name of rom 1.1.2, with its arguments, their order and their defaults, beside ours.

The names are read by `inspect` of 1.1.2 itself, in a process of its own. Any call that it takes,
this version takes; what differs all the same is in the table, with its reason.
"""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import redis

import rom
from tests.support import rom1, surface
from tests.support.fetched import Unavailable

pytestmark = [pytest.mark.one_server]

LUA = 'a script of 1.x, or what called one: the scripts here are others'
INSIDE = 'was for the inside of 1.x, and says nothing about a program'
IMPORTED = 'was imported there for its own use; rom has it'
BY_POSITION = 'is called by position, by rom'
LOUD = 'took any keyword, and ignored those it did not know; a misspelt one is an error here'

#: What is not the same, on purpose, and why. The name of an argument comes behind a slash.
DIFFERENT = {
    'rom.util.NO_SCRIPT_MESSAGES': LUA,
    'rom.util.NULL_SESSION': 'a global that use_null_session() set: call that',
    'rom.columns.DoesntMatterInThisContext': INSIDE,
    'rom.columns.NO_ACTION_DEFAULT': INSIDE,
    'rom.columns.NULL': INSIDE,
    'rom.columns.STRING_INDEX_KEYGENS_STR': 'rom.util has it',
    'rom.columns.is_numeric': INSIDE,
    'rom.columns.is_string': INSIDE,
    'rom.columns.twrap': INSIDE,
    'rom.columns.session': IMPORTED,
    'rom.columns.dt2ts': 'rom.util has it',
    'rom.columns.t2ts': 'rom.util has it',
    'rom.columns.ts2dt': 'rom.util has it',
    'rom.columns.ts2t': 'rom.util has it',
    'rom.model.AttrDict': INSIDE,
    'rom.model.GeneralIndex': IMPORTED,
    'rom.model.STRING_SORT_KEYGENS': 'rom.util has it',
    'rom.model.redis_writer_lua': LUA,
    'rom.model.session': IMPORTED,
    'rom.query.Geofilter': 'rom.index has it',
    'rom.query.Pattern': IMPORTED,
    'rom.query.Prefix': IMPORTED,
    'rom.query.Suffix': IMPORTED,
    'rom.query.STRING_SORT_KEYGENS': 'rom.util has it',
    'rom.query.STRING_SORT_KEYGENS_STR': 'rom.util has it',
    'rom.query.dt2ts': 'rom.util has it',
    'rom.query.t2ts': 'rom.util has it',
    'rom.query.session': IMPORTED,
    'rom.index.MAX_PREFIX_SCORE': LUA,
    'rom.index.SPECIAL': LUA,
    'rom.index.estimate_work_lua': LUA,
    'rom.index.lua_subrange': LUA,
    'rom.index.redis_prefix_lua': LUA,
    **{
        f'rom.{keygen}/val': BY_POSITION
        for keygen in (
            'CASE_INSENSITIVE', 'FULL_TEXT', 'IDENTITY', 'IDENTITY_CI', 'IDENTITY_STRING',
            'IDENTITY_STRING_CI', 'SIMPLE',
        )
    },
    'rom.Model.delete/kwargs': LOUD,
    'rom.Model.id': 'each model without a primary key gets one of its own',
    'rom.util.Session.refresh_all/kwargs': LOUD,
    'rom.Query/filters': 'a query is made by Model.query and its methods',
    'rom.Query/order_by': 'a query is made by Model.query and its methods',
    'rom.Query/limit': 'a query is made by Model.query and its methods',
    'rom.Query/select': 'a query is made by Model.query and its methods',
    'rom.Query.order_by/column': 'takes several: they are given by position',
    'rom.util.Session/args': 'takes a client instead: Session(connection)',
    'rom.util.Session/kwargs': 'takes a client instead: Session(connection)',
    'rom.util.Session.add/obj': 'the entity is given by position',
    'rom.util.Session.forget/obj': 'the entity is given by position',
    'rom.util.Session.get/pk': 'takes a model and ids as well; a key is given by position',
    'rom.util.Session.refresh_all/objects': 'took objects, and refreshed all there are',
    'rom.util.Lock.identifier': 'what a holder is known by is made anew for each acquire',
}  # fmt: skip


@pytest.fixture(scope='module')
def theirs(servers: Any) -> dict[str, Any]:
    try:
        folder = rom1.install()
    except Unavailable as error:
        pytest.skip(f'needs rom 1.1.2 (once, with a network): {error}')
    found: dict[str, Any] = rom1.run(folder, '/nowhere', 'surface')
    assert len(found) > 150, 'all of it was found'
    return found


def ours(name: str) -> Any:
    """The same name here; a KeyError where there is none."""
    module, _, attribute = name.rpartition('.')
    try:
        return getattr(importlib.import_module(module), attribute)
    except AttributeError:
        raise KeyError(name) from None


def lacking(name: str, old: list[Any] | None, new: list[Any] | None) -> set[str]:
    """The arguments of the old one that the new one does not take as they were."""
    if old is None or new is None:
        return set()
    kinds = {kind for _, kind, _ in new}
    plain = [each for each in new if each[1] == 'POSITIONAL_OR_KEYWORD']
    by_keyword = {each[0]: each for each in new if each[1] != 'VAR_KEYWORD'}
    found = set()
    for place, (argument, kind, default) in enumerate(old):
        if kind == 'POSITIONAL_OR_KEYWORD':
            same = plain[place] if place < len(plain) else by_keyword.get(argument)
            is_same = same is not None and same[0] == argument
            # One that had to be given may have a default.
            if not is_same or (default != 'required' and same[2] != default):
                found.add(f'{name}/{argument}')
        elif (kind == 'VAR_POSITIONAL' and kind not in kinds) or (
            kind == 'VAR_KEYWORD' and not kinds & {kind, 'KEYWORD_ONLY'}
        ):
            found.add(f'{name}/{argument}')
    return found


def differences(theirs: dict[str, Any]) -> set[str]:
    """Names, members and arguments of 1.1.2 that are not here. A thing is compared once."""
    found = set()
    seen: set[int] = set()
    for name, old in theirs.items():
        try:
            value = ours(name)
        except KeyError:
            found.add(name)
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        new = surface.described(value)
        # What was a function may be a class by now, and is called all the same.
        assert new['kind'] in (old['kind'], 'class'), name
        found |= lacking(name, old['arguments'], new['arguments'])
        for member, arguments in old['members'].items():
            if member not in new['members']:
                found.add(f'{name}.{member}')
            else:
                found |= lacking(f'{name}.{member}', arguments, new['members'][member])
    return found


def test_every_difference_is_on_purpose(theirs: dict[str, Any], raw: redis.Redis) -> None:
    held = {'rom.util.Lock': rom.util.Lock(raw, 'x', 1, 1)}
    found = {
        name
        for name in differences(theirs)
        # What an instance has is no less than what its class has.
        if not hasattr(held.get(name.rpartition('.')[0]), name.rpartition('.')[2])
    }
    assert found - DIFFERENT.keys() == set(), 'missing without a reason'
    assert DIFFERENT.keys() - found == set(), 'no longer different: take it out of the table'


def test_what_the_comparison_finds() -> None:
    """It finds an argument that is missing, renamed, moved, or has another default."""

    def old(a: int, b: int = 1, *rest: int, **more: int) -> None: ...
    def good(a: int, b: int = 1, c: int = 2, *rest: int, **more: int) -> None: ...
    def moved(b: int, a: int = 1, *rest: int, **more: int) -> None: ...
    def other(a: int = 0, b: int = 2, *rest: int, **more: int) -> None: ...
    def fewer(a: int) -> None: ...

    arguments = {each: surface.arguments(each) for each in (old, good, moved, other, fewer)}

    def found(new: Any) -> set[str]:
        return {name[2:] for name in lacking('f', arguments[old], arguments[new])}

    assert found(old) == found(good) == set()
    assert found(moved) == {'a', 'b'}
    assert found(other) == {'b'}
    assert found(fewer) == {'b', 'rest', 'more'}
