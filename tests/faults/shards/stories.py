"""What the clients of a schedule do, and what they were told."""

from collections import defaultdict
from collections.abc import Generator
from typing import Any, NamedTuple

from rom._core.ops.load_rows import load
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.shards.partitions import Entry
from rom._core.ops.shards.strict_reads import Found, find_unique
from rom._core.ops.shards.transact import transact
from rom._core.writes.changes import Change
from rom.exceptions import ORMError, ServerUnavailable
from tests.faults.shards.clients import Story
from tests.faults.shards.group import (
    ACCOUNTS,
    PARTITIONS,
    SCHEMAS,
    SIZE,
    account,
    change,
    collect,
    transaction_of,
    unique_key,
)
from tests.faults.shards.world import Luck, World

EMAILS = [f'e{number}' for number in range(5)]
#: Whether a commit was carried out, as far as its client was told.
DONE, NOT_DONE, UNKNOWN = 'done', 'not done', 'unknown'

Steps = Generator[Any, Any, None]


class Told(NamedTuple):
    """What clients of a schedule have been told, and seen."""

    outcomes: dict[str, str]
    wrong: list[str]


class Stories:
    """The stories of one schedule."""

    def __init__(self, world: World, patience: Luck) -> None:
        self._world, self._luck, self._patience = world, world.luck, patience
        self.told = Told({}, [])
        self._ids = 1000

    def draw(self) -> Story:
        """A story at random."""
        kinds = [self._trade] * 4 + [self._insert] * 3 + [self._insert_two] * 2
        kinds += [self._rename] * 3 + [self._rename_two] * 2 + [self._delete] * 2
        kinds += [self._grant] * 2 + [self._watch] * 2 + [self._collect]
        story: Story = self._luck.choice(kinds)
        return story

    def _name(self, kind: str) -> str:
        name = f'{kind}{len(self.told.outcomes)}'
        self.told.outcomes[name] = UNKNOWN
        return name

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _commit(self, parts: dict[int, list[Change]], name: str | None = None) -> Steps:
        """Commit, and again if the answer was lost; note what the client is told."""
        transaction = transaction_of(parts)
        self._world.transactions.append(transaction)
        for _ in range(3):
            try:
                yield from transact(transaction, patience=self._patience)
            except ServerUnavailable:
                if transaction.is_over:
                    self._note(name, NOT_DONE)
                    return
                if self._luck.random() < 0.5:
                    return
            except ORMError:
                self._note(name, NOT_DONE if transaction.is_over else UNKNOWN)
                return
            else:
                self._note(name, DONE)
                return

    def _note(self, name: str | None, outcome: str) -> None:
        if name is not None:
            self.told.outcomes[name] = outcome

    def _read(self, number: int, id: int) -> Operation[Row | None]:
        found = yield from load(SCHEMAS[number], [id])
        return found[0] if found else None

    def _by_email(self) -> Operation[Found | None]:
        value = self._luck.choice(EMAILS).encode()
        return find_unique(PARTITIONS, 0, SCHEMAS[0], unique_key(0, 'email'), value)

    def _trade(self) -> Steps:
        """Move gold from one account to another, and write down the trade."""
        name = self._name('trade')
        places = self._luck.sample(range(ACCOUNTS), 2)
        delta = self._luck.randrange(1, 9)
        parts: dict[int, list[Change]] = defaultdict(list)
        for place, sign in zip(places, (-1, 1), strict=True):
            number, id = account(place)
            row = yield from self._read(number, id)
            gold = int(row.stored['gold']) + sign * delta
            trades = row.stored.get('trades', b'').decode() + f'{name} '
            parts[number].append(change(number, 'update', id, row.stored, gold=gold, trades=trades))
        number = self._luck.randrange(SIZE)
        one, other = places
        parts[number].append(
            change(
                number, 'insert', self._id(), {}, kind='trade', ref=name, one=one, other=other,
                delta=delta,
            )
        )  # fmt: skip
        yield from self._commit(dict(parts), name)

    def _grant(self) -> Steps:
        """Give gold to one account: a commit of one partition, in one trip."""
        number, id = account(self._luck.randrange(ACCOUNTS))
        row = yield from self._read(number, id)
        gold, grants = int(row.stored['gold']), int(row.stored['grants'])
        wanted = change(number, 'update', id, row.stored, gold=gold + 3, grants=grants + 3)
        yield from self._commit({number: [wanted]})

    def _insert(self, count: int = 1) -> Steps:
        name = self._name('insert')
        parts: dict[int, list[Change]] = defaultdict(list)
        for position in range(count):
            number = self._luck.randrange(SIZE)
            takes_id = count == 1 and self._luck.random() < 0.5
            email, ref = self._luck.choice(EMAILS), f'{name}-{position}'
            id = None if takes_id else self._id()
            parts[number].append(
                change(number, 'insert', id, {}, kind='user', email=email, ref=ref)
            )
        yield from self._commit(dict(parts), name)

    def _insert_two(self) -> Steps:
        return self._insert(2)

    def _rename(self) -> Steps:
        found = yield from self._by_email()
        if found is not None:
            email = self._luck.choice([*EMAILS, 'x', None])
            number, id, stored = found
            # Some programs save by force, which writes whatever the row holds.
            wanted = change(number, 'update', id, stored, email=email)
            wanted = wanted._replace(forced=self._luck.random() < 0.2)
            yield from self._commit({number: [wanted]})

    def _rename_two(self) -> Steps:
        """Two users, perhaps of two partitions, change their emails, or swap them."""
        one = yield from self._by_email()
        other = yield from self._by_email()
        if one is None or other is None or one[:2] == other[:2]:
            return
        new: list[Any] = self._luck.choices(EMAILS, k=2)
        if self._luck.random() < 0.5 and 'email' in one.stored and 'email' in other.stored:
            new = [other.stored['email'].decode(), one.stored['email'].decode()]
        parts: dict[int, list[Change]] = defaultdict(list)
        for found, email in zip((one, other), new, strict=True):
            number, id, stored = found
            parts[number].append(change(number, 'update', id, stored, email=email))
        yield from self._commit(dict(parts))

    def _delete(self) -> Steps:
        found = yield from self._by_email()
        if found is not None:
            number, id, stored = found
            yield from self._commit({number: [change(number, 'delete', id, stored)]})

    def _collect(self) -> Steps:
        """Remove the entries of a directory that no row needs, beside everything else."""
        number, column = self._luck.randrange(SIZE), self._luck.choice(('email', 'ref'))
        name = PARTITIONS.name(0, unique_key(0, column))

        def may_fence(entry: Entry) -> bool:
            return self._patience.may_fence(b'', entry, 0, 0)

        self._world.met['collected'] += yield from collect(number, name, may_fence)

    def _watch(self) -> Steps:
        """A trade that is seen somewhere is seen everywhere by a strict read."""
        names = [name for name in self.told.outcomes if name.startswith('trade')]
        if not names:
            return
        name = self._luck.choice(names)
        key, was_done = unique_key(0, 'ref'), self.told.outcomes[name] == DONE
        found = yield from find_unique(PARTITIONS, 0, SCHEMAS[0], key, name.encode())
        if found is None:
            if was_done:
                self.told.wrong.append(f'{name} was acknowledged, and is not found')
            return
        for column in ('one', 'other'):
            number, id = account(int(found.stored[column]))
            row = yield from self._read(number, id)
            if f'{name} '.encode() not in row.stored.get('trades', b''):
                self.told.wrong.append(f'{name} is seen, but not in account {number}:{id}')
