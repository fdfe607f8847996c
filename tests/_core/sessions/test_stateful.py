"""Sessions against a plain account of what they should do, at random.

Two sessions on two connections create, change, save, delete and forget entities of two models, and
get in each other's way. A `Ledger` keeps, in encoded values, what must be in the database and what
each session may believe; it says beforehand which errors a step may raise, or must. After
every step the rows are those of the ledger, and every other key is exactly what the rows imply.

A session may have seen a newer value of a column that it did not write (a commit that was worked
out again on the fresh row), or not. So a belief is a set of values, of more than one where either
is right.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import rom
from tests.support.implied import assert_consistent, encode, rows_of
from tests.support.servers import Server
from tests.support.worlds import ASYNC, BOTH, SYNC, World

# The blocking session is generated from that of asyncio.
EXAMPLES = {ASYNC: 60, SYNC: 20}
STEPS = 30
# To shrink what failed takes minutes; add Phase.shrink when there is something to shrink.
PHASES = (Phase.reuse, Phase.generate)

Encoded = dict[str, bytes]
Outcome = type[Exception] | None


def shape(text: str) -> dict[str, float | None]:
    """A number of its own, a number by name, and words."""
    found: dict[str, float | None] = {'': len(text), 'half': len(text) / 2}
    return found | {f'has {character}': None for character in text[:2]}


def across(name: str, values: Any) -> list[str]:
    """Words that depend on other columns; on which ones, too."""
    own, number = values[name], values['number']
    if own is None:
        return [] if number is None else [f'none {number}']
    return [own, f'{own} {values.get("tags")}'] if number else [own]


class StateThing(rom.Model):
    name = rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.IDENTITY_CI)
    code = rom.Integer(unique=True, index=True)
    digest = rom.String(unique=True)
    tags = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    blob = rom.String(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    title = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.SIMPLE_CI)
    number = rom.Integer(index=True)
    ratio = rom.Float(index=True)
    flag = rom.Boolean(index=True)
    shape = rom.Text(index=True, keygen=shape)
    wide = rom.Text(index=True, prefix=True, keygen2=across)
    data = rom.Json()
    marks = rom.List(rom.Text(), index=True, prefix=True, suffix=True)
    codes = rom.Set(rom.Integer(), index=True)
    unique_together = [('tags', 'flag'), ('title', 'number')]
    compound_index = [('name', 'number'), ('tags', 'ratio'), ('flag', 'number'), ('number', 'code')]


class StateOther(rom.Model):
    """No index needs the id: it is taken in the script, and the key has a name of its own."""

    _namespace = '{state}:other'
    key = rom.PrimaryKey()
    name = rom.Text(unique=True, index=True, prefix=True, keygen=rom.IDENTITY)
    number = rom.Integer(index=True, required=True)
    plain = rom.Float()
    unique_together = ('plain', 'number')


MODELS = (StateThing, StateOther)

# All from short lists: values meet again, and a run costs Hypothesis little of what it may draw.
TEXTS = st.sampled_from(
    [
        '', 'a', 'A', 'b', 'ab', 'abc', 'a b', 'B, a!', 'Ä é', '日本', 'a\0', '\0', '\0\0b',
        'ß:idx', 'x' * 9, 'x' * 7 + 'y', '!', '\U0001f600', '\U0001f600a', 'İ', 'e\u0301',
        '\x7f\x80', ':', '1',
    ]
)  # fmt: skip
BYTES = st.sampled_from([b'', b'a', b'\0', b'\xff\xfe', b'\xc3\xa9', bytes(range(250, 256))])
NUMBERS = st.sampled_from([0, 1, 2, -1, 2**53, 2**53 + 1, 2**64, -(2**70), 10**400])
FLOATS = st.sampled_from([0.0, -0.0, 1.5, 1e22, 0.1, 5e-324, float('inf'), float('-inf'), 2.0**70])
JSONS = st.sampled_from(['{}', '[]', '{"a": 1}', '{"a": [null, "é"]}', '[1, 2]']).map(json.loads)
KINDS: dict[type, st.SearchStrategy[Any]] = {
    rom.Text: TEXTS,
    rom.String: BYTES,
    rom.Integer: NUMBERS,
    rom.Float: FLOATS,
    rom.Boolean: st.booleans(),
    rom.Json: JSONS,
    rom.List: st.lists(TEXTS, max_size=3),
    rom.Set: st.sets(NUMBERS, max_size=3),
}


# Changes in place, by the column, for values of a type.
IN_PLACE: dict[str, tuple[type, Callable[[Any, int], Any]]] = {
    'data': (dict, lambda value, number: value.update(b=number)),
    'marks': (list, lambda value, number: value.insert(number, f'm{number}')),
    'codes': (set, lambda value, number: value.symmetric_difference_update({number})),
}


def values_of(column: rom.Column[Any]) -> st.SearchStrategy[Any]:
    kind = KINDS[type(column)]
    return kind if column.required else kind | st.none()


def columns_of(model: type[rom.Model]) -> list[str]:
    return [name for name in model._columns if name != model._pkey]


def new_values(draw: Callable[..., Any], model: type[rom.Model]) -> dict[str, Any]:
    """Of the columns that must have a value, and of some others."""
    columns = model._columns
    chosen = draw(st.sets(st.sampled_from(columns_of(model)), max_size=5), label='columns')
    chosen |= {name for name, column in columns.items() if column.required}
    return {name: draw(values_of(columns[name]), label=name) for name in sorted(chosen)}


# Columns that have a part in the same entries or the same constraint.
DEPENDING = {
    StateThing: [('number', 'wide'), ('tags', 'wide'), ('tags', 'flag'), ('title', 'number')],
    StateOther: [('plain', 'number'), ('number', 'plain')],
}


# --- the account ---------------------------------------------------------------------------------


@dataclass(eq=False)
class Handle:
    """An entity that a session knows, what it believes of the row, and what it was set to."""

    entity: Any
    beliefs: dict[str, set[bytes | None]] = field(default_factory=dict)
    pending: dict[str, bytes | None] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    is_new: bool = False

    @property
    def model(self) -> type[rom.Model]:
        return type(self.entity)

    @property
    def place(self) -> tuple[type[rom.Model], int]:
        return self.model, self.entity._id

    def believes(self, name: str) -> set[bytes | None]:
        return self.beliefs.get(name, {None})

    def wanted(self) -> dict[str, bytes | None]:
        """What differs for sure from what is believed."""
        return {n: raw for n, raw in self.pending.items() if self.believes(n) != {raw}}

    def is_certain(self) -> bool:
        return all(len(self.believes(name)) == 1 for name in columns_of(self.model))

    def learn(self, row: Encoded) -> None:
        self.beliefs = {name: {row.get(name)} for name in columns_of(self.model)}


class Ledger:
    """The rows that must be there."""

    def __init__(self) -> None:
        self.rows: dict[type[rom.Model], dict[int, Encoded]] = {model: {} for model in MODELS}

    def row(self, handle: Handle) -> Encoded | None:
        model, id = handle.place
        return self.rows[model].get(id) if id is not None else None

    def after(self, written: Iterable[tuple[Handle, Encoded]]) -> list[tuple[Any, Encoded]]:
        """All rows as they would be: (model and key, row)."""
        found: dict[Any, Encoded] = {
            (model, id): row for model in MODELS for id, row in self.rows[model].items()
        }
        for handle, row in written:
            found[handle.place if handle.entity._id is not None else (handle.model, handle)] = row
        return list(found.items())

    def clashes(self, written: Iterable[tuple[Handle, Encoded]]) -> bool:
        """Some value that must be unique would belong to two."""
        seen = set()
        for (model, _), row in self.after(written):
            for group in uniques(model):
                parts = tuple(row.get(name) for name in group)
                if None in parts or parts == (b'',):
                    continue
                if (model, group, parts) in seen:
                    return True
                seen.add((model, group, parts))
        return False


def uniques(model: type[rom.Model]) -> list[tuple[str, ...]]:
    declared: Any = model.unique_together  # type: ignore[attr-defined]
    groups = [declared] if isinstance(declared[0], str) else declared
    return [*((n,) for n, column in model._columns.items() if column.unique), *map(tuple, groups)]


def without_none(row: dict[str, bytes | None]) -> Encoded:
    return {name: raw for name, raw in row.items() if raw is not None}


class Side:
    """One of the two sessions, and the entities that it knows."""

    def __init__(self, session: Any, ledger: Ledger) -> None:
        self.session = session
        self.ledger = ledger
        self.handles: list[Handle] = []

    def find(self, model: type[rom.Model], id: int) -> Handle | None:
        return next((h for h in self.handles if h.place == (model, id)), None)

    def outcomes(self, chosen: list[Handle], full: bool, force: bool) -> set[Outcome]:
        """What writing these may come to: errors, or None where it may succeed."""
        ledger, allowed, must_fail = self.ledger, set[Outcome](), False
        written: list[tuple[Handle, Encoded]] = []
        certain = True
        for handle in chosen:
            row = ledger.row(handle)
            if handle.is_new:
                written.append((handle, without_none(handle.pending)))
                continue
            names = columns_of(handle.model) if full or force else list(handle.wanted())
            if not names:
                if row is None and not force:  # this process knows of the delete, or not
                    allowed.add(rom.EntityDeletedError)
                continue
            if row is None and not force:
                allowed.add(rom.EntityDeletedError)
                must_fail = True
                continue
            certain = certain and handle.is_certain()
            new = dict(row or {})
            for name in names:
                believed = handle.believes(name)
                [raw] = (
                    {handle.pending[name]} if name in handle.pending else set(list(believed)[:1])
                )
                found = (row or {}).get(name)
                if not force:
                    # What may be believed already is perhaps not written, and then not compared.
                    is_written = full or raw not in believed
                    if is_written and found not in believed | {raw}:
                        must_fail = True
                    if believed != {found}:
                        allowed.add(rom.DataRaceError)
                new = (
                    {**new, name: raw}
                    if raw is not None
                    else {n: v for n, v in new.items() if n != name}
                )
            written.append((handle, new))
        if self.ledger.clashes(written) or not certain:
            allowed.add(rom.UniqueKeyViolation)
            must_fail = must_fail or certain
        return allowed if must_fail else allowed | {None}


# --- the machine ---------------------------------------------------------------------------------


class Sessions(RuleBasedStateMachine):
    """Set `world`, `server` and `raw` in a subclass."""

    world: World
    server: Server
    raw: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.ledger = Ledger()
        self.clients = [self.world.connect() for _ in range(2)]
        self.sides = [Side(self.world.wrap(client), self.ledger) for client in self.clients]

    def await_(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def teardown(self) -> None:
        for side, client in zip(self.sides, self.clients, strict=True):
            side.session.rollback()
            self.await_(self.world.close(client))
        self.loop.close()

    # What a step needs.

    def attempt(self, call: Callable[[], Any], allowed: set[Outcome]) -> tuple[bool, Any]:
        errors = tuple(error for error in allowed if error is not None)
        try:
            result = self.await_(call())
        except errors:
            return False, None
        assert None in allowed, f'no error, where one of {allowed} must be'
        return True, result

    def pick(self, data: st.DataObject, handles: list[Handle]) -> Handle | None:
        return data.draw(st.sampled_from(handles), label='entity') if handles else None

    def after_write(
        self, side: Side, chosen: list[Handle], full: bool, force: bool, written: int | None
    ) -> None:
        """Take over what is stored now, after a look whether it may be."""
        count: int | None = 0
        for handle in chosen:
            names = list(handle.model._columns)
            before = self.ledger.row(handle) or {}
            assert handle.entity._id is not None
            model, id = handle.place
            row = self.row(model, id)
            if handle.is_new:
                assert row == without_none(handle.pending)
                count = None if count is None else count + len(names)
                self.ledger.rows[model][id] = row
                handle.learn(row)
            elif full or force or handle.wanted():
                for name in columns_of(model):
                    raw, found, believed = (
                        handle.pending.get(name),
                        row.get(name),
                        handle.believes(name),
                    )
                    if name in handle.pending:
                        may = {raw} | ({before.get(name)} if raw in believed else set())
                    else:
                        may = set(believed) if force else {before.get(name)}
                        if full and not force:
                            may |= believed
                    assert found in may, f'{name} is {found!r}, should be in {may!r}'
                if full or force:
                    count = None if count is None else count + len(names)
                elif not handle.is_certain():
                    count = None
                else:
                    count = None if count is None else count + len(handle.wanted())
                wanted = handle.wanted()
                for name in columns_of(model):
                    if name in wanted:  # written, or known already to be so
                        known = {wanted[name]}
                    else:
                        known = set() if full or force else handle.believes(name)
                    handle.beliefs[name] = known | {row.get(name)}
                self.ledger.rows[model][id] = row
            handle.pending, handle.assigned, handle.is_new = {}, set(), False
            assert not handle.entity._modified
        if count is not None and written is not None:
            assert written == count

    def row(self, model: type[rom.Model], id: int) -> Encoded:
        stored = self.raw.hgetall(f'{model._namespace}:{id}')
        return {name.decode(): raw for name, raw in stored.items() if name != model._pkey.encode()}

    # The steps.

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Both sessions know some rows from the start."""
        self.server.flush()
        for model in (*MODELS, StateThing, StateThing):
            self.create(0, model, data)
        self.commit(0, whole=False, release=True)
        for handle in self.sides[0].handles:
            if not handle.is_new:
                self.load_row(self.sides[1], *handle.place)

    @rule(side=st.sampled_from([0, 1]), model=st.sampled_from(MODELS), data=st.data())
    def create(self, side: int, model: type[rom.Model], data: st.DataObject) -> None:
        values = new_values(data.draw, model)
        entity = model(**values)
        here = self.sides[side]
        here.session.add(entity)
        pending = {name: encode(model._columns[name], value) for name, value in values.items()}
        here.handles.append(Handle(entity, pending=pending, is_new=True))

    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def change(self, side: int, data: st.DataObject) -> None:
        handle = self.pick(data, self.sides[side].handles)
        if handle is None:
            return
        for name in data.draw(
            st.lists(st.sampled_from(columns_of(handle.model)), min_size=1, max_size=4, unique=True)
        ):
            self.set(handle, name, data)

    def set(self, handle: Handle, name: str, data: st.DataObject) -> None:
        column = handle.model._columns[name]
        value = data.draw(values_of(column), label=name)
        setattr(handle.entity, name, value)
        handle.pending[name] = encode(column, value)
        handle.assigned.add(name)

    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def change_in_place(self, side: int, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(IN_PLACE)), label='column')
        kind, change = IN_PLACE[name]
        handles = [h for h in self.sides[side].handles if h.model is StateThing]
        handle = self.pick(data, [h for h in handles if isinstance(getattr(h.entity, name), kind)])
        if handle is None:
            return
        value = getattr(handle.entity, name)
        change(value, data.draw(st.integers(0, 3)))
        raw = encode(StateThing._columns[name], value)
        if name not in handle.assigned and handle.believes(name) == {raw}:
            handle.pending.pop(name, None)  # nobody can tell that it was another meanwhile
        else:
            handle.pending[name] = raw

    @rule(side=st.sampled_from([0, 1]), column=st.sampled_from(['name', 'code']), data=st.data())
    def swap(self, side: int, column: str, data: st.DataObject) -> None:
        handles = [h for h in self.sides[side].handles if h.model is StateThing]
        if len(handles) < 2:
            return
        one, other = data.draw(st.permutations(handles), label='entities')[:2]
        mine, theirs = getattr(one.entity, column), getattr(other.entity, column)
        for handle, value in (one, theirs), (other, mine):
            setattr(handle.entity, column, value)
            handle.pending[column] = encode(StateThing._columns[column], value)

    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def race(self, side: int, data: st.DataObject) -> None:
        """Both change a row, perhaps the same column; each saves."""
        both = [side, 1 - side]
        places = [h.place for h in self.sides[side].handles if self.ledger.row(h) is not None]
        if not places:
            return
        place = data.draw(st.sampled_from(places), label='row')
        for each in both:
            self.load_row(self.sides[each], *place)
        columns = st.sampled_from(columns_of(place[0]))
        together = st.sampled_from(DEPENDING[place[0]])
        names = data.draw(together | columns.map(lambda name: (name, name)), label='columns')
        for each, name in zip(both, names, strict=True):
            handle = self.sides[each].find(*place)
            assert handle is not None
            self.set(handle, name, data)
            self.write_one(self.sides[each], handle, data.draw(st.booleans(), label='full'), False)

    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def clash(self, side: int, data: st.DataObject) -> None:
        """One gets the unique values that another row has, or that another entity was set to."""
        here = self.sides[side]
        one, other = self.pick(data, here.handles), self.pick(data, here.handles)
        if one is None or other is None or one.model is not other.model:
            return
        for name in data.draw(st.sampled_from(uniques(one.model)), label='columns'):
            value = getattr(other.entity, name)
            if value is not None:
                setattr(one.entity, name, value)
                one.pending[name] = encode(one.model._columns[name], value)

    @rule(side=st.sampled_from([0, 1]), whole=st.booleans(), release=st.booleans())
    def commit(self, side: int, whole: bool, release: bool) -> None:
        here = self.sides[side]
        chosen = [h for h in here.handles if whole or h.is_new or h.pending]
        call = here.session.commit if release else here.session.flush
        allowed = here.outcomes(chosen, whole, force=False)
        ok, written = self.attempt(lambda: call(full=whole, all=whole), allowed)
        if ok:
            self.after_write(here, chosen, whole, False, written)

    @rule(
        side=st.sampled_from([0, 1]),
        full=st.booleans(),
        force=st.sampled_from([False, False, True]),
        data=st.data(),
    )
    def save(self, side: int, full: bool, force: bool, data: st.DataObject) -> None:
        here = self.sides[side]
        handle = self.pick(data, here.handles)
        if handle is None:
            return
        self.write_one(here, handle, full, force)

    def write_one(self, here: Side, handle: Handle, full: bool, force: bool) -> None:
        allowed = here.outcomes([handle], full, force)
        ok, written = self.attempt(
            lambda: here.session.save(handle.entity, full=full, force=force), allowed
        )
        if ok:
            self.after_write(here, [handle], full, force, written)

    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def delete(self, side: int, data: st.DataObject) -> None:
        here = self.sides[side]
        handles = data.draw(
            st.lists(st.sampled_from(here.handles), max_size=3, unique=True)
            if here.handles
            else st.just([])
        )
        if any(handle.is_new for handle in handles):
            with pytest.raises(rom.InvalidOperation):
                self.await_(here.session.delete([h.entity for h in handles]))
            return
        self.await_(here.session.delete([h.entity for h in handles]))
        for handle in handles:
            model, id = handle.place
            self.ledger.rows[model].pop(id, None)
            here.handles.remove(handle)
        assert self.await_(here.session.save([])) == 0

    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def delete_and_bring_back(self, side: int, data: st.DataObject) -> None:
        here = self.sides[side]
        handle = self.pick(data, [h for h in here.handles if not h.is_new])
        if handle is None:
            return
        model, id = handle.place
        self.await_(here.session.delete(handle.entity))
        self.ledger.rows[model].pop(id, None)
        allowed = here.outcomes([handle], False, force=True)
        ok, _ = self.attempt(lambda: here.session.save(handle.entity, force=True), allowed)
        if ok:
            self.after_write(here, [handle], False, True, None)
        else:
            here.handles.remove(handle)

    @rule(side=st.sampled_from([0, 1]))
    def rollback(self, side: int) -> None:
        here = self.sides[side]
        here.session.rollback()
        here.handles.clear()
        assert self.await_(here.session.commit()) == 0

    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def forget(self, side: int, data: st.DataObject) -> None:
        here = self.sides[side]
        handle = self.pick(data, here.handles)
        if handle is None:
            return
        here.session.forget(handle.entity)
        here.handles.remove(handle)

    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def refresh(self, side: int, data: st.DataObject) -> None:
        here = self.sides[side]
        handle = self.pick(data, [h for h in here.handles if not h.is_new])
        if handle is None:
            return
        if handle.wanted():
            with pytest.raises(rom.InvalidOperation):
                self.await_(here.session.refresh(handle.entity))
        row = self.ledger.row(handle)
        allowed: set[Outcome] = {rom.EntityDeletedError} if row is None else {None}
        ok, _ = self.attempt(lambda: here.session.refresh(handle.entity, force=True), allowed)
        if ok:
            assert row is not None
            handle.pending, handle.assigned = {}, set()
            handle.learn(row)

    @precondition(lambda self: any(self.ledger.rows.values()))
    @rule(side=st.sampled_from([0, 1]), data=st.data())
    def load(self, side: int, data: st.DataObject) -> None:
        places = [(model, id) for model in MODELS for id in self.ledger.rows[model]]
        model, id = data.draw(st.sampled_from(places), label='row')
        by_name = bool(self.ledger.rows[model][id].get('name')) and data.draw(st.booleans())
        self.load_row(self.sides[side], model, id, by_name)

    def load_row(self, here: Side, model: type[rom.Model], id: int, by_name: bool = False) -> None:
        row = self.ledger.rows[model][id]
        if by_name:
            entity = self.await_(here.session.get_by(model, name=row['name'].decode()))
        else:
            entity = self.await_(here.session.get(model, id))
        assert entity._id == id
        handle = here.find(model, id)
        if handle is not None:
            assert entity is handle.entity
            if by_name and not handle.pending:
                handle.learn(row)  # the server was asked, and a clean entity takes the row
        else:
            handle = Handle(entity)
            handle.learn(row)
            here.handles.append(handle)

    @rule(side=st.sampled_from([0, 1]), model=st.sampled_from(MODELS))
    def load_what_is_not_there(self, side: int, model: type[rom.Model]) -> None:
        assert self.await_(self.sides[side].session.get(model, 10**6)) is None
        found = self.await_(self.sides[side].session.get_by(model, name=['no such', 'nor this']))
        assert found == []

    # What holds after every step.

    @invariant()
    def the_keyspace_is_what_the_rows_imply(self) -> None:
        keyspace = assert_consistent(self.raw, *MODELS)
        for model in MODELS:
            key = model._pkey.encode()
            stored = {
                id: {name.decode(): raw for name, raw in row.items() if name != key}
                for id, row in rows_of(model, keyspace).items()
            }
            assert stored == self.ledger.rows[model]

    @invariant()
    def entities_show_what_they_were_set_to(self) -> None:
        for side in self.sides:
            for handle in side.handles:
                for name in columns_of(handle.model):
                    shown = encode(handle.model._columns[name], getattr(handle.entity, name))
                    if name in handle.pending:
                        assert shown == handle.pending[name], name
                    else:
                        assert shown in handle.believes(name), f'{name} shows {shown!r}'

    @invariant()
    def ids_are_in_the_order_of_creation(self) -> None:
        for side in self.sides:
            for model in MODELS:
                ids = [h.entity._id for h in side.handles if h.is_new and h.model is model]
                known = [id for id in ids if id is not None]
                assert known == sorted(known)


@pytest.mark.slow
@pytest.mark.parametrize('kind', BOTH)
def test_sessions(kind: str, server: Server, raw: redis.Redis) -> None:
    machine = type(
        'Machine',
        (Sessions,),
        {'world': World(kind, server.socket), 'server': server, 'raw': raw},
    )
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES[kind], stateful_step_count=STEPS, phases=PHASES),
    )
