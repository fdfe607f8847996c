"""The oracle and the index check find what is wrong: one mistake after the other, planted in what a
real round left behind. Without one they find nothing.
"""

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults import campaign
from tests.faults.index_check import BOOKS, NOTES, OWN, check, records_of, rows_of, score
from tests.faults.journal import ACKNOWLEDGED, REFUSED, TRY, WRONG, Deed, Event
from tests.faults.oracle import (
    DOUBLED,
    DUPLICATE,
    FALSE_ERROR,
    ID_TWICE,
    LOST,
    STALE,
    TORN,
    WRONG_ANSWER,
    Oracle,
    Window,
)
from tests.faults.servers import KillableServer
from tests.faults.workers import Workers
from tests.support import servers
from tests.support.servers import dump

BINARY = next(iter(servers.available().values()))
DIARY = 'repocket:tests.faults.models:Diary:'


@dataclass
class Scene:
    """What a round left behind, to plant something in."""

    deeds: dict[str, Deed]
    keyspace: dict[bytes, Any]

    def row(self, model: str, **values: str) -> dict[bytes, bytes]:
        """Return the first row with these values."""
        return self.rows(model, **values)[0][1]

    def rows(self, model: str, **values: str) -> list[tuple[int, dict[bytes, bytes]]]:
        wanted = {name.encode(): value.encode() for name, value in values.items()}
        found = sorted(rows_of(self.keyspace, f'faults.{model}').items())
        return [(id, dict_) for id, dict_ in found if wanted.items() <= dict_.items()]  # type: ignore[misc]

    def add(self, model: str, row: dict[bytes, bytes]) -> None:
        self.keyspace[f'faults.{model}:9999'.encode()] = {**row, b'id': b'9999'}

    def remove(self, model: str, **values: str) -> None:
        self.keyspace.pop(f'faults.{model}:{self.rows(model, **values)[0][0]}'.encode())

    def deed(self, act: str) -> Deed:
        """Return an acknowledged one."""
        return next(
            deed for deed in self.deeds.values() if deed.act == act and deed.outcome == ACKNOWLEDGED
        )

    def last(self, act: str) -> Deed:
        """Return the last one of its actor."""
        return [deed for deed in self.deeds.values() if deed.act == act][-1]

    def problems(self, *windows: Window) -> set[str]:
        return {one.kind for one in Oracle(self.deeds, self.keyspace, windows).problems()}


@pytest.fixture(scope='module')
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, KillableServer]]:
    folder = tmp_path_factory.mktemp('round')
    with KillableServer(BINARY) as server, Workers(folder / 'errors') as workers:
        one = campaign.Round('calm', 'planted', 400, 0.0, server, workers, folder)
        tally = campaign.Tally()
        one.run(tally)
        assert tally.problems.total() == 0
        yield Scene(one.deeds, dict(one.keyspace)), server


@pytest.fixture
def scene(left: tuple[Scene, KillableServer]) -> Scene:
    return copy.deepcopy(left[0])


def test_nothing_is_wrong_where_nothing_is_planted(scene: Scene) -> None:
    assert scene.problems() == set()
    assert check(scene.keyspace) == []


# --- what the oracle finds -----------------------------------------------------------------------


def count(row: dict[bytes, bytes], name: bytes, by: int) -> None:
    row[name] = b'%d' % (int(row.get(name, b'0')) + by)


def an_update_less(scene: Scene) -> None:
    count(scene.row('shelf', id=str(scene.deed('add').what['shelf'])), b'n', -1)


def an_update_more(scene: Scene) -> None:
    count(scene.row('shelf', id=str(scene.deed('add').what['shelf'])), b'n', 1)


def a_word_less_in_a_trail(scene: Scene) -> None:
    row = scene.row('shelf', id='3')
    row[b'trail'] = row[b'trail'].split(b' ', 1)[1]


def a_word_twice_in_a_trail(scene: Scene) -> None:
    scene.row('shelf', id='3')[b'trail'] += b' ' + scene.deed('trail').op.encode()


def one_shelf_of_a_hall(scene: Scene) -> None:
    count(scene.row('shelf', id='2'), b'bulk', 1)


def all_shelves_of_a_hall(scene: Scene) -> None:
    for _, row in scene.rows('shelf', hall='main'):
        count(row, b'bulk', -1)


def a_row_less(scene: Scene) -> None:
    scene.remove('sale', op=scene.deed('note').op)


def a_row_twice(scene: Scene) -> None:
    scene.add('sale', scene.row('sale', op=scene.deed('note').op))


def a_row_of_a_commit_less(scene: Scene) -> None:
    scene.remove('sale', op=scene.deed('sell').op)


def another_amount(scene: Scene) -> None:
    count(scene.row('sale', op=scene.deed('sell').op), b'amount', 1)


def a_sum_of_other_rows(scene: Scene) -> None:
    count(scene.row('shelf', id=str(scene.deed('sell').what['shelf'])), b'sold', 1)


def a_row_that_is_marked_by_another(scene: Scene) -> None:
    scene.row('sale', op=scene.deed('mark').what['sale'])[b'mark'] = b'somebody 1'


def a_mark_that_is_undone(scene: Scene) -> None:
    scene.row('sale', op=scene.deed('mark').what['sale']).pop(b'mark')


def an_item_less(scene: Scene) -> None:
    scene.remove('item')


def items_without_a_basket(scene: Scene) -> None:
    scene.remove('basket')


def a_basket_that_is_back(scene: Scene) -> None:
    op = scene.deed('drop').what['basket']
    scene.add('basket', {b'op': op.encode(), b'size': b'0'})


def a_basket_twice(scene: Scene) -> None:
    scene.add('basket', {**scene.row('basket'), b'size': b'0'})


def a_word_counted_less(scene: Scene) -> None:
    count(scene.row('word'), b'count', -1)


def a_word_counted_more(scene: Scene) -> None:
    count(scene.row('word'), b'count', 1)


def a_word_in_two_rows(scene: Scene) -> None:
    scene.add('word', scene.row('word'))


def a_room_less(scene: Scene) -> None:
    scene.remove('room')


def a_room_twice(scene: Scene) -> None:
    scene.add('room', scene.row('room'))


def a_door_turned_back(scene: Scene) -> None:
    row = scene.row('door', op=scene.last('door').what['door'])
    row[b'state'] = b'open' if row[b'state'] == b'shut' else b'shut'


def a_door_less(scene: Scene) -> None:
    scene.remove('door')


def badges_swapped_back(scene: Scene) -> None:
    (_, first), (_, second) = scene.rows('badge', op=scene.last('swap').what['badges'])
    first[b'code'], second[b'code'] = second[b'code'], first[b'code']


def a_badge_less(scene: Scene) -> None:
    scene.remove('badge')


def a_receipt_undone(scene: Scene) -> None:
    scene.row('receipt', done='1')[b'done'] = b''


def a_purse_with_more(scene: Scene) -> None:
    count(scene.row('purse'), b'balance', 1)


def a_record_less(scene: Scene) -> None:
    uuid = next(iter(records_of(scene.keyspace)))
    scene.keyspace.pop(DIARY.encode() + uuid)


def a_record_undone(scene: Scene) -> None:
    name = scene.last('keep').what['diary']
    for uuid, row in records_of(scene.keyspace).items():
        if row[b'name'].decode() == name:
            stored = scene.keyspace[DIARY.encode() + uuid]
            other = b'open' if row[b'state'] == b'shut' else b'shut'
            stored[b'state'] = stored[b'state'].replace(b'"%s"' % row[b'state'], b'"%s"' % other)


def page_key(scene: Scene) -> bytes:
    op = scene.deed('page').op.encode()
    return next(
        key
        for key, value in scene.keyspace.items()
        if key.endswith(b':field:pages') and op + b';' in value
    )


def a_page_less(scene: Scene) -> None:
    scene.keyspace[page_key(scene)] = b''


def a_page_twice(scene: Scene) -> None:
    scene.keyspace[page_key(scene)] *= 2


def answer(scene: Scene, act: str, kind: str, error: str, about: str = '') -> None:
    deed = scene.deed(act)
    last = deed.events[-1]
    deed.events.insert(0, Event(last.time - 1, deed.op, kind, {'error': error, 'about': about}))


def a_race_without_another_writer(scene: Scene) -> None:
    answer(scene, 'door', REFUSED, 'DataRaceError: another writer')


def a_violation_that_makes_no_sense(scene: Scene) -> None:
    answer(scene, 'sell', REFUSED, 'UniqueKeyViolation: taken')


def a_deleted_row_that_nobody_deletes(scene: Scene) -> None:
    answer(scene, 'add', REFUSED, 'EntityDeletedError: gone')


def something_unheard_of(scene: Scene) -> None:
    answer(scene, 'note', WRONG, 'AttributeError: _id')


def a_refusal_that_was_carried_out(scene: Scene) -> None:
    deed = scene.deed('note')
    deed.events.append(Event(deed.told_at + 1, deed.op, REFUSED, {'error': 'DataRaceError: x'}))


def a_write_that_is_seen_undone(scene: Scene) -> None:
    answer(scene, 'door', WRONG, 'undone: it was acknowledged')


def a_unique_value_of_two_rows(scene: Scene) -> None:
    scene.add('purse', scene.row('purse', name='purse 1'))


def an_id_that_two_rows_were_given(scene: Scene) -> None:
    deed = scene.deed('note')
    event = Event(deed.told_at, 'xn1', ACKNOWLEDGED, deed.events[-1].details)
    scene.deeds['xn1'] = Deed('xn1', 'look', 'a sale', events=[event])


def a_row_that_is_not_found(scene: Scene) -> None:
    answer(scene, 'room', WRONG, 'answered: None instead of 1')


def a_duplicate_that_is_accepted(scene: Scene) -> None:
    answer(scene, 'room', WRONG, 'accepted a duplicate: 9 of room 1')


PLANTED: dict[Callable[[Scene], None], str] = {
    an_update_less: LOST,
    an_update_more: DOUBLED,
    a_word_less_in_a_trail: LOST,
    a_word_twice_in_a_trail: DOUBLED,
    one_shelf_of_a_hall: TORN,
    all_shelves_of_a_hall: LOST,
    a_row_less: LOST,
    a_row_twice: DOUBLED,
    a_row_of_a_commit_less: TORN,
    another_amount: TORN,
    a_sum_of_other_rows: TORN,
    a_row_that_is_marked_by_another: TORN,
    a_mark_that_is_undone: LOST,
    an_item_less: TORN,
    items_without_a_basket: TORN,
    a_basket_that_is_back: LOST,
    a_basket_twice: DOUBLED,
    a_word_counted_less: LOST,
    a_word_counted_more: DOUBLED,
    a_word_in_two_rows: DOUBLED,
    a_room_less: LOST,
    a_room_twice: DOUBLED,
    a_door_turned_back: LOST,
    a_door_less: LOST,
    badges_swapped_back: LOST,
    a_badge_less: TORN,
    a_receipt_undone: LOST,
    a_purse_with_more: TORN,
    a_record_less: LOST,
    a_record_undone: LOST,
    a_page_less: LOST,
    a_page_twice: DOUBLED,
    a_race_without_another_writer: FALSE_ERROR,
    a_violation_that_makes_no_sense: FALSE_ERROR,
    a_deleted_row_that_nobody_deletes: FALSE_ERROR,
    something_unheard_of: FALSE_ERROR,
    a_refusal_that_was_carried_out: FALSE_ERROR,
    a_write_that_is_seen_undone: LOST,
    a_unique_value_of_two_rows: DUPLICATE,
    an_id_that_two_rows_were_given: ID_TWICE,
    a_row_that_is_not_found: WRONG_ANSWER,
    a_duplicate_that_is_accepted: DUPLICATE,
}


@pytest.mark.parametrize(
    ('plant', 'kind'), PLANTED.items(), ids=lambda one: getattr(one, '__name__', '')
)
def test_what_is_planted_is_found(scene: Scene, plant: Callable[[Scene], None], kind: str) -> None:
    plant(scene)
    assert kind in scene.problems()


def test_a_race_that_another_writer_explains(scene: Scene) -> None:
    answer(scene, 'sell', REFUSED, 'DataRaceError: another writer', 'faults.shelf')
    assert scene.problems() == set()
    answer(scene, 'sell', REFUSED, 'DataRaceError: it is there already', 'faults.sale')
    assert scene.problems() == {FALSE_ERROR}


def test_a_duplicate_that_is_refused_is_right(scene: Scene) -> None:
    deed = scene.deed('room')
    claim = Event(deed.told_at, 'xn1', REFUSED, {'error': 'UniqueKeyViolation: taken'})
    scene.deeds['xn1'] = Deed('xn1', 'claim', 'purse 1', events=[claim])
    assert scene.problems() == set()
    scene.deeds['xn1'].events[0] = Event(deed.told_at, 'xn1', REFUSED, {'error': 'ValueError: x'})
    assert scene.problems() == {FALSE_ERROR}


@pytest.mark.parametrize(
    ('error', 'is_explained'),
    [
        ('StaleEntityError: the row is gone', True),
        ('answered: None instead of 1', True),
        ('UniqueKeyViolation: taken', False),
        ('TypeError: not a number', False),
    ],
)
def test_what_a_loss_explains(scene: Scene, error: str, is_explained: bool) -> None:
    """And of rows that were never lost it explains nothing."""
    kind = WRONG if error.startswith('answered') else REFUSED
    answer(scene, 'door', kind, error)
    time = scene.deed('door').events[0].time
    before, after = Window(time - 2, time - 1), Window(time + 1, time + 2)
    assert scene.problems(before) == (set() if is_explained else {FALSE_ERROR})
    assert scene.problems(after) != set()
    scene.deed('door').what['kept'] = True
    assert scene.problems(before) != set()


def test_what_is_durable_may_not_be_lost(scene: Scene) -> None:
    scene.remove('sale', op=scene.deed('note').op)
    whole = [Window(0.0, float('inf'))]
    oracle = Oracle(scene.deeds, scene.keyspace, whole)
    assert oracle.problems() == []
    assert oracle.allowed == {scene.deed('note').op}
    durable = Oracle(scene.deeds, scene.keyspace, whole, is_durable=True)
    assert {one.kind for one in durable.problems()} == {LOST}
    assert durable.allowed == set()


def test_what_is_unknown_may_be_there_or_not(scene: Scene) -> None:
    deed = scene.deed('note')
    deed.events.append(Event(deed.told_at + 1, deed.op, TRY, {}))
    assert scene.problems() == set()
    scene.remove('sale', op=deed.op)
    assert scene.problems() == set()


def test_a_server_that_loses_its_last_writes(scene: Scene) -> None:
    """Within the window a write may be lost, but no half of it, and nothing may be doubled."""
    window = Window(0.0, float('inf'))
    for plant, kinds in {
        a_row_less: set(),
        an_update_less: set(),
        a_door_turned_back: set(),
        a_row_of_a_commit_less: {TORN},
        a_row_twice: {DOUBLED},
        an_update_more: {DOUBLED},
        a_row_that_is_marked_by_another: {TORN},
    }.items():
        planted = copy.deepcopy(scene)
        plant(planted)
        assert planted.problems(window) == kinds, plant.__name__
        assert planted.problems(Window(0.0, 1.0)), plant.__name__


# --- what the index check finds ------------------------------------------------------------------


def test_every_kind_of_index_entry(scene: Scene) -> None:
    """Of each key that rows imply, one of a kind: gone, with an entry less, more, and changed."""
    dice, kinds = random.Random(1), {}
    for key in scene.keyspace:
        parts = key.split(b':')
        if key.endswith((b'idx', b':pre', b':suf', b':live', b':id:')):
            kinds[parts[-3:][0] if key.startswith(b'rom:') else parts[0], parts[1], parts[-1]] = key
    assert len(kinds) > 45
    for key in kinds.values():
        for name, changed in mutants(scene.keyspace[key], dice):
            keyspace = {**scene.keyspace, key: changed}
            if changed is None:
                del keyspace[key]
            assert check(keyspace), f'{name}: {key!r}'


def mutants(value: Any, dice: random.Random) -> Iterator[tuple[str, Any]]:
    """Values that are almost this one; None: no value."""
    yield 'gone', None
    if isinstance(value, set):
        some = dice.choice(sorted(value))
        yield 'an entry less', value - {some}
        yield 'an entry more', value | {b'9999'}
    elif isinstance(value, dict):
        some = dice.choice(sorted(value))
        yield 'an entry less', {name: held for name, held in value.items() if name != some}
        yield 'an entry more', {**value, b'9999': value[some]}
        yield 'another score or id', {**value, some: b'9999' if value[some] is bytes else 0.5}
    elif value.isdigit():
        yield 'a counter that is behind', b'0'
    else:
        yield 'a bit more', value + b'\x01'
        yield 'bits less', b'\0' * len(value)


def test_a_key_that_no_row_implies(scene: Scene) -> None:
    for key in (b'faults.sale:op:none:idx', b'faults.shelf:n:pre', b'other', DIARY.encode() + b'x'):
        assert check({**scene.keyspace, key: {b'1'}})
    books = [b'faults.sale' + book for book in BOOKS]
    for key in (b'faults.sale:id' + NOTES + b'ab', *books, OWN + b'mark'):
        assert check({**scene.keyspace, key: b'1'}) == []


def test_a_unique_value_of_two_rows(scene: Scene) -> None:
    a_word_in_two_rows(scene)
    assert any("b'and'" in one or "b'or'" in one for one in check(scene.keyspace))


def test_a_row_with_the_id_of_another(scene: Scene) -> None:
    scene.row('purse')[b'id'] = b'2'
    assert check(scene.keyspace) == ["faults.purse:1 says that its id is b'2'"]


def test_scores_sort_as_the_strings_do() -> None:
    """The numbers are those of section "keys" in the storage design, and exact."""
    words = sorted([b'', b'\0', b'a', b'a\0', b'ab', b'abcdefg', b'abcdefh', b'b', b'\xff' * 7])
    scores = [score(word) for word in words]
    assert scores == sorted(set(scores))
    assert score(b'abcdefgh') == score(b'abcdefg')
    assert score(b'hi') == 2.710095826393918e-306


# --- on the server itself ------------------------------------------------------------------------


def test_what_is_planted_on_the_server(left: tuple[Scene, KillableServer]) -> None:
    """The same eyes as those of a campaign: all of the keyspace, and all of the journals."""
    scene, server = left
    id = scene.deed('add').what['shelf']
    for commands, kind in (
        ([('HINCRBY', f'faults.shelf:{id}', 'n', -1)], LOST),
        ([('SADD', 'faults.shelf:hall:main:idx', 77)], STALE),
        ([('HDEL', 'faults.purse:name:uidx', 'purse 1')], STALE),
        ([('SETBIT', 'faults.door:id:live', 900, 1)], STALE),
    ):
        before = server.client.dbsize()
        backup = {key: server.client.dump(key) for key in server.client.scan_iter()}
        run: Any = server.client.execute_command
        for command in commands:
            run(*command)
        found = {one.kind for one in campaign.judge(scene.deeds, dump(server.client))}
        assert kind in found
        server.client.flushall()
        for key, value in backup.items():
            run('RESTORE', key, 0, value)
        assert server.client.dbsize() == before
    assert campaign.judge(scene.deeds, dump(server.client)) == []
