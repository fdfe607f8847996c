"""The oracle: what must be stored after all that the journals say.

Three outcomes of a deed matter. What was acknowledged must be there once. What was refused must not
be there. What is unknown may be there once, and as a whole. A write that was acknowledged within a
`Window`, which a server that lost its last writes opens, is unknown as well.

The oracle knows the raw rows and nothing of rom.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.index_check import RECORD_STREAM, RECORDS, Keyspace, Row, records_of, rows_of
from tests.faults.journal import ACKNOWLEDGED, REFUSED, Deed, Event

LOST, DOUBLED, TORN, FALSE_ERROR, STALE = 'lost', 'doubled', 'torn', 'false error', 'stale entry'
KINDS = (LOST, DOUBLED, TORN, FALSE_ERROR, STALE)
#: What only looks find, and what has a name of its own on a cluster.
DUPLICATE, ID_TWICE, WRONG_ANSWER = 'duplicate', 'id twice', 'wrong answer'
CLUSTER_KINDS = (LOST, DOUBLED, TORN, DUPLICATE, ID_TWICE, WRONG_ANSWER, FALSE_ERROR, STALE)

#: What these acts may be told because of other writers, and of which model.
EXPLAINED = ('DataRaceError', 'faults.shelf')
SHARED = ('add', 'trail', 'sell')
CLAIMED = 'UniqueKeyViolation'
#: What a program is told of a row that a server has lost; and no other error, also then.
AFTER_LOSS = ('DataRaceError', 'EntityDeletedError', 'StaleEntityError', 'TransferError')
#: How an actor tells of what makes no sense, and the kind of problem that it is.
TOLD = ((' undone: ', LOST), (' answered: ', WRONG_ANSWER), (' accepted a duplicate: ', DUPLICATE))
#: The columns whose values are unique, by the end of the namespace.
UNIQUE = {
    'shelf': ('name',),
    'item': ('basket', 'place'),
    'door': ('op',),
    'badge': ('code',),
    'word': ('text',),
    'room': ('key',),
    'purse': ('name',),
    'receipt': ('op',),
}
BALANCE = 10**9
#: The state of a door that an actor made although its own has the unique value.
TWIN = b'twin'


@dataclass(frozen=True)
class Window:
    """From a mark in the server's file until the server was back without what came behind it."""

    begin: float
    end: float


@dataclass(frozen=True)
class Problem:
    """Something that must not be.

    Attributes:
        kind: one of `KINDS`.
        message: what is wrong.
        row: whose deeds the log is to show.
    """

    kind: str
    message: str
    row: str = ''


class Oracle:
    """Judges one round.

    Args:
        deeds: of all actors.
        keyspace: everything stored.
        windows: when acknowledged writes may have been lost.
        is_durable: none may, because what was acknowledged is on a replica, too.

    Attributes:
        allowed: acknowledged operations that are not there, and need not be: they were told within
            a window. Known when the problems are.
    """

    def __init__(
        self,
        deeds: Mapping[str, Deed],
        keyspace: Keyspace,
        windows: Iterable[Window] = (),
        is_durable: bool = False,
    ) -> None:
        self._deeds = deeds
        self._keyspace = keyspace
        self._windows = list(windows)
        self._is_durable = is_durable
        self.allowed: set[str] = set()
        self._by_act: dict[str, list[Deed]] = defaultdict(list)
        for deed in sorted(deeds.values(), key=lambda deed: deed.events[0].time):
            self._by_act[deed.act].append(deed)

    def problems(self) -> list[Problem]:
        """Return everything that is wrong."""
        checks = (
            self._numbers, self._trails, self._bulks, self._sales, self._marks, self._baskets,
            self._words, self._rooms, self._own_rows, self._doors, self._badges, self._payments,
            self._diaries, self._pages, self._unique_values, self._ids, self._errors,
        )  # fmt: skip
        return [problem for check in checks for problem in check()]

    # --- numbers and texts that are added to ---

    def _numbers(self) -> Iterator[Problem]:
        rows = self._rows('shelf')
        for shelf, deeds in _grouped(self._by_act['add'], 'shelf').items():
            row = rows.get(int(shelf))
            name = f'shelf {shelf}'
            if row is not None or any(map(self._is_sure, deeds)):
                yield from self._count(int((row or {}).get(b'n', 0)), deeds, f'{name}: n', name)

    def _trails(self) -> Iterator[Problem]:
        words = [word for row in self._rows('shelf').values() for word in _words(row, b'trail')]
        yield from self._times(Counter(words), self._by_act['trail'], 'in a trail')

    def _bulks(self) -> Iterator[Problem]:
        numbers = {
            id: int(row.get(b'bulk', 0))
            for id, row in self._rows('shelf').items()
            if row.get(b'hall') == b'main'
        }
        if len(set(numbers.values())) > 1:
            yield Problem(
                TORN, f'one update gave shelves different numbers: {numbers}', 'hall main'
            )
        elif numbers:
            number = next(iter(numbers.values()))
            yield from self._count(number, self._by_act['bulk'], 'hall main: bulk', 'hall main')

    # --- rows that must be there once ---

    def _sales(self) -> Iterator[Problem]:
        rows = self._rows('sale')
        deeds = [*self._by_act['sell'], *self._by_act['note']]
        found = Counter(_text(row, b'op') for row in rows.values())
        yield from self._times(found, deeds, 'as a sale')
        sums: Counter[int] = Counter()
        for id, row in rows.items():
            deed = self._deeds.get(_text(row, b'op'))
            wanted = deed and (deed.what.get('amount'), deed.what.get('shelf'))
            held = int(row.get(b'amount', -1)), row.get(b'shelf') and int(row[b'shelf'])
            if wanted != held:
                yield Problem(TORN, f'sale {id} holds {row}; its operation wrote {wanted}')
            if held[1]:
                sums[held[1]] += held[0]
        for id, row in self._rows('shelf').items():
            if int(row.get(b'sold', 0)) != sums[id]:
                message = f'shelf {id}: sold is {row.get(b"sold")!r}, its sales are {sums[id]}'
                yield Problem(TORN, message, f'shelf {id}')

    def _marks(self) -> Iterator[Problem]:
        marks = {_text(row, b'op'): _text(row, b'mark') for row in self._rows('sale').values()}
        for op, mark in marks.items():
            if mark and not mark.startswith(f'{op} '):
                message = f'the sale of {op} was marked {mark!r} by the owner of another row'
                yield Problem(TORN, message, f'sale of {op}')
            else:
                yield from self._states({op: mark}, 'mark', 'sale', '')

    def _baskets(self) -> Iterator[Problem]:
        rows = self._rows('basket')
        found = Counter(_text(row, b'op') for row in rows.values())
        items: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for row in self._rows('item').values():
            items[_text(row, b'op')].append((int(row[b'basket']), int(row[b'place'])))
        drops = {deed.what['basket']: deed for deed in self._by_act['drop']}
        made = [
            deed
            for deed in self._by_act['basket']
            if deed.op not in drops or drops[deed.op].outcome == REFUSED
        ]
        yield from self._times(found, made, 'as a basket')
        for id, row in rows.items():
            op = _text(row, b'op')
            wanted = [(id, place) for place in range(int(row[b'size']))]
            if sorted(items.pop(op, [])) != wanted:
                message = f'basket {id} of {op} lacks items, or has others'
                yield Problem(TORN, message, f'basket of {op}')
            if found[op] > 1:
                yield Problem(DOUBLED, f'baskets of {op}: {found[op]}', f'basket of {op}')
        for op, left in items.items():
            yield Problem(TORN, f'items of {op} without a basket: {left}', f'basket of {op}')
        for op, deed in drops.items():
            if self._is_sure(deed) and found[op]:
                yield Problem(LOST, f'the basket of {op} is back after its delete', deed.row)

    def _words(self) -> Iterator[Problem]:
        rows: dict[str, list[int]] = defaultdict(list)
        for row in self._rows('word').values():
            rows[_text(row, b'text')].append(int(row[b'count']))
        for text, deeds in _grouped(self._by_act['word'], 'text').items():
            if len(rows[text]) > 1:
                yield Problem(DOUBLED, f'two rows of the word {text}', f'word {text}')
            else:
                yield from self._count(sum(rows[text]), deeds, f'word {text}', f'word {text}')

    def _rooms(self) -> Iterator[Problem]:
        rows: dict[str, list[int]] = defaultdict(list)
        for id, row in self._rows('room').items():
            rows[_text(row, b'key')].append(id)
        for key, deeds in _grouped(self._by_act['room'], 'key').items():
            sure = {deed.result for deed in deeds if self._is_sure(deed)}
            if len(rows[key]) > 1 or len(sure) > 1:
                yield Problem(DOUBLED, f'{key}: rows {rows[key]}, answered {sure}', key)
            elif sure and sure != set(rows[key]):
                yield Problem(LOST, f'{key}: rows {rows[key]}, answered {sure}', key)

    def _own_rows(self) -> Iterator[Problem]:
        names = [_text(row, b'name') for row in self._rows('shelf').values()]
        shelves = Counter(name.removeprefix('Shelf of ') for name in names)
        yield from self._times(shelves, self._by_act['own shelf'], 'as a shelf')
        for kind, act in (('door', 'own door'), ('receipt', 'receipt')):
            found = Counter(_text(row, b'op') for row in self._rows(kind).values())
            yield from self._times(found, self._by_act[act], f'as a {kind}')
        badges = Counter(_text(row, b'op') for row in self._rows('badge').values())
        for op, number in badges.items():
            if number == 1:
                yield Problem(TORN, f'one badge of {op} instead of two', f'badges of {op}')
        halves = Counter({op: number // 2 for op, number in badges.items()})
        yield from self._times(halves, self._by_act['own badges'], 'as two badges')

    # --- states of one owner ---

    def _doors(self) -> Iterator[Problem]:
        # A second door takes the place of one that was lost; of another one, its actor tells.
        states = {
            _text(row, b'op'): _text(row, b'state')
            for row in self._rows('door').values()
            if row.get(b'state') != TWIN
        }
        yield from self._states(states, 'door', 'door', 'open')

    def _badges(self) -> Iterator[Problem]:
        codes: dict[str, list[str]] = defaultdict(list)
        for _, row in sorted(self._rows('badge').items()):
            codes[_text(row, b'op')].append(_text(row, b'code'))
        for op, held in codes.items():
            yield from self._states({op: held}, 'swap', 'badges', [f'{op}a', f'{op}b'])

    def _payments(self) -> Iterator[Problem]:
        balances = dict.fromkeys(self._rows('purse'), BALANCE)
        done = set()
        for row in self._rows('receipt').values():
            if row.get(b'done'):
                done.add(_text(row, b'op'))
                balances[int(row[b'source'])] -= int(row[b'amount'])
                balances[int(row[b'target'])] += int(row[b'amount'])
        held = {id: int(row[b'balance']) for id, row in self._rows('purse').items()}
        if held != balances:
            yield Problem(TORN, f'purses hold {held}; by the receipts they must hold {balances}')
        for deed in self._by_act['pay']:
            is_done = deed.what['receipt'] in done
            if self._is_sure(deed) and not is_done:
                yield Problem(LOST, f'{deed.op}: its receipt is not done', deed.row)
            if deed.outcome == REFUSED and is_done:
                yield Problem(FALSE_ERROR, f'{deed.op} was refused, and carried out', deed.row)

    def _diaries(self) -> Iterator[Problem]:
        records = records_of(self._keyspace).values()
        states = {_text(row, b'name'): _text(row, b'state') for row in records}
        found = Counter(_text(row, b'name') for row in records)
        yield from self._times(found, self._by_act['diary'], 'as a diary')
        yield from self._states(states, 'keep', 'diary', 'new')

    def _pages(self) -> Iterator[Problem]:
        head = RECORDS.encode()
        streams = [
            stream
            for key, stream in self._keyspace.items()
            if key.startswith(head) and key.endswith(RECORD_STREAM)
        ]
        ops = Counter(op for stream in streams for op in stream.decode().split(';'))
        yield from self._times(ops, self._by_act['page'], 'in a diary')

    # --- values and ids that only one row may have ---

    def _unique_values(self) -> Iterator[Problem]:
        for model, columns in UNIQUE.items():
            holders: dict[tuple[bytes | None, ...], list[int]] = defaultdict(list)
            for id, row in self._rows(model).items():
                holders[tuple(row.get(name.encode()) for name in columns)].append(id)
            for value, ids in holders.items():
                if len(ids) > 1:
                    yield Problem(DUPLICATE, f'{model}: rows {ids} have {columns} = {value}')

    def _ids(self) -> Iterator[Problem]:
        given: dict[tuple[str, int], list[Deed]] = defaultdict(list)
        for deed in self._deeds.values():
            if self._is_sure(deed) and isinstance(deed.result, dict):
                for model, ids in deed.result.items():
                    for id in ids:
                        given[model, id].append(deed)
        for (model, id), deeds in given.items():
            if len(deeds) > 1:
                message = f'{model} {id} was given to {[deed.op for deed in deeds]}'
                yield Problem(ID_TWICE, message, deeds[0].row)

    # --- answers ---

    def _errors(self) -> Iterator[Problem]:
        first = min((window.begin for window in self._windows), default=float('inf'))
        for deed in self._deeds.values():
            for event in deed.errors():
                if not (_is_explained(deed, event) or _follows_loss(deed, event, first)):
                    told = 'was told' if event.kind == REFUSED else 'saw'
                    message = f'{deed.op} ({deed.act}) {told} {event.details["error"]}'
                    kinds = (kind for words, kind in TOLD if words in message)
                    yield Problem(next(kinds, FALSE_ERROR), message, deed.row)

    # --- what the checks share ---

    def _rows(self, model: str) -> dict[int, Row]:
        return rows_of(self._keyspace, f'faults.{model}')

    def _is_sure(self, deed: Deed) -> bool:
        # An answer may be read long after it was given: all since the try is in doubt.
        if self._is_durable:
            return deed.outcome == ACKNOWLEDGED
        return deed.outcome == ACKNOWLEDGED and not any(
            window.begin <= deed.told_at and deed.tried_at <= window.end for window in self._windows
        )

    def _may_be(self, deed: Deed) -> bool:
        return deed.outcome != REFUSED and not self._is_sure(deed)

    def _count(self, number: int, deeds: list[Deed], what: str, row: str) -> Iterator[Problem]:
        """A number that each deed added 1 to."""
        least = sum(map(self._is_sure, deeds))
        most = least + sum(map(self._may_be, deeds))
        if not least <= number <= most:
            kind = LOST if number < least else DOUBLED
            yield Problem(kind, f'{what} is {number}; {least} to {most} were added', row)

    def _times(self, found: Counter[str], deeds: list[Deed], where: str) -> Iterator[Problem]:
        """How often a deed's own id is found."""
        for deed in deeds:
            times = found[deed.op]
            if times > 1:
                yield Problem(DOUBLED, f'{deed.op} is {times} times {where}', deed.row)
            elif self._is_sure(deed) and not times:
                yield Problem(LOST, f'{deed.op} is not {where}', deed.row)
            elif deed.outcome == REFUSED and times:
                yield Problem(FALSE_ERROR, f'{deed.op} was refused, and is {where}', deed.row)
            elif deed.outcome == ACKNOWLEDGED and not times:
                self.allowed.add(deed.op)

    def _states(
        self, states: Mapping[str, Any], act: str, key: str, first: Any
    ) -> Iterator[Problem]:
        """The last state that a row's only owner wrote."""
        deeds = _grouped(self._by_act[act], key)
        for op, state in states.items():
            possible = [first]
            for deed in deeds.get(op, []):
                if self._is_sure(deed):
                    possible = [deed.what['state']]
                elif self._may_be(deed):
                    possible.append(deed.what['state'])
            if state not in possible:
                message = f'the {key} of {op} says {state!r}; its owner wrote {possible}'
                yield Problem(LOST, message, f'{key} of {op}')


def _grouped(deeds: Iterable[Deed], name: str) -> dict[Any, list[Deed]]:
    found: dict[Any, list[Deed]] = defaultdict(list)
    for deed in deeds:
        if name in deed.what:
            found[deed.what[name]].append(deed)
    return found


def _is_explained(deed: Deed, event: Event) -> bool:
    """Other writers explain a refusal: of an act about a row that it is not alone with."""
    if event.kind != REFUSED or deed.what.get('alone'):
        return False
    error = event.details['error'].split(':')[0]
    if deed.act == 'claim':
        return error == CLAIMED
    about = str(event.details.get('about')).translate(_NO_TAG)
    return deed.act in SHARED and (error, about) == EXPLAINED


def _follows_loss(deed: Deed, event: Event, first: float) -> bool:
    """A loss before explains what an actor hears and finds, but of rows that were never lost."""
    if event.time < first or deed.what.get('kept'):
        return False
    error = event.details['error'].split(':')[0]
    return error in AFTER_LOSS or any(words.strip(' ') in error + ':' for words, _ in TOLD)


#: Namespaces on a cluster have a tag, which tells nothing.
_NO_TAG = str.maketrans('', '', '{}')


def _text(row: Row, name: bytes) -> str:
    return row.get(name, b'').decode()


def _words(row: Row, name: bytes) -> list[str]:
    return _text(row, name).split()
