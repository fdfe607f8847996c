"""The acts: what an actor does, each one operation, or a few that belong together.

Each writes into the journal what the oracle must know: the row, the amount, the state. Acts about a
row of the actor's own make that row where it is missing, and forget it where it was refused.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import rom
from tests.faults.actor import Actor, GaveUp, Refused
from tests.faults.journal import Deed
from tests.faults.models import (
    MODELS,
    Badge,
    Basket,
    Diary,
    Door,
    Item,
    Purse,
    Receipt,
    Room,
    Sale,
    Shelf,
    Word,
)

#: The rows that everybody writes; `prepare` makes them, with ids from 1.
HOT_SHELVES = 2
TRAIL_SHELF = HOT_SHELVES + 1
HALL = 'main'
PURSES = 3
BALANCE = 10**9
WORDS = ('and', 'or')

Act = Callable[[Actor], Awaitable[None]]


def prepare(session: rom.Session) -> None:
    """Make the rows that everybody writes."""
    for number in range(TRAIL_SHELF):
        session.add(Shelf(name=f'Hot shelf {number}', hall=HALL))
    for number in range(PURSES):
        session.add(Purse(name=f'purse {number}', balance=BALANCE))
    session.commit()


def take_first_ids(session: rom.Session) -> None:
    """Take an id of each model, which begins its counter and its live bitmap.

    A failover may lose both and leave the ids with their programs. The rows are then written
    without a bitmap, as those of rom 1.x.
    """
    for model in MODELS:
        session.take_ids(model())
    session.rollback()


# --- shelves -------------------------------------------------------------------------------------


async def add_hot(actor: Actor) -> None:
    """Add 1 to a number that everybody adds to."""
    shelf = await _load(actor, Shelf, actor.dice.randint(1, HOT_SHELVES))
    deed = actor.begin('add', f'shelf {shelf.id}', shelf=shelf.id)

    def change() -> None:
        shelf.n += 1

    await _save_changed(actor, deed, shelf, change)


async def add_cold(actor: Actor) -> None:
    """Add 1 to a number that nobody else writes: a race is a false one."""
    shelf = await _own(actor, 'shelf', lambda op: Shelf(name=f'Shelf of {op}', hall='cold'))
    deed = actor.begin('add', f'shelf {shelf.id}', shelf=shelf.id, alone=True)
    shelf.n += 1
    await _save_own(actor, deed, 'shelf', lambda: actor.s.save(shelf))


async def leave_trail(actor: Actor) -> None:
    """Append the operation to a text that everybody appends to."""
    shelf = await _load(actor, Shelf, TRAIL_SHELF)
    deed = actor.begin('trail', f'shelf {TRAIL_SHELF}')

    def change() -> None:
        shelf.trail = f'{shelf.trail} {deed.op}'.strip()

    await _save_changed(actor, deed, shelf, change)


async def add_in_bulk(actor: Actor) -> None:
    """Add 1 to all shelves of a hall; no second try, which would add once more."""
    deed = actor.begin('bulk', f'hall {HALL}')
    query = Shelf.query.filter(hall=HALL)

    async def call() -> None:
        await actor.s.update_all(query, bulk=Shelf.bulk + 1)

    await actor.until_known(deed, call, repeat=False)


# --- new rows ------------------------------------------------------------------------------------


async def sell(actor: Actor) -> None:
    """A new sale, and its amount added to its shelf: one commit of two models."""
    shelf = await _load(actor, Shelf, actor.dice.randint(1, HOT_SHELVES))
    amount = actor.dice.randint(1, 9)
    deed = actor.begin('sell', f'shelf {shelf.id}', shelf=shelf.id, amount=amount)
    sale = Sale(op=deed.op, amount=amount, shelf=shelf)

    def change() -> None:
        shelf.sold += amount

    await _save_changed(actor, deed, shelf, change, sale)
    actor.own['sale'] = sale


async def note(actor: Actor) -> None:
    """A new row by itself, whose id is taken in the script."""
    deed = actor.begin('note', 'sale of {op}', amount=0)
    sale = Sale(op=deed.op, amount=0)
    await actor.until_known(deed, _saved(actor, sale))
    actor.own['sale'] = sale


async def mark(actor: Actor) -> None:
    """Write to the last row made, which nobody else knows."""
    sale = actor.own.get('sale')
    if sale is None:
        return
    text = f'{sale.op} {actor.dice.randrange(3)}'
    deed = actor.begin('mark', f'sale of {sale.op}', sale=sale.op, state=text, alone=True)
    if sale.mark == text:
        return
    sale.mark = text
    await _save_own(actor, deed, 'sale', lambda: actor.s.save(sale))


async def fill_basket(actor: Actor) -> None:
    """Several new rows that refer to each other."""
    size = actor.dice.randint(1, 4)
    deed = actor.begin('basket', 'basket of {op}', size=size)
    basket = Basket(op=deed.op, size=size)
    items = [Item(op=deed.op, basket=basket, place=place) for place in range(size)]
    await actor.until_known(deed, _saved(actor, basket, items))
    actor.own['basket'] = basket


async def drop_basket(actor: Actor) -> None:
    """Delete the last basket, and its items with it."""
    basket = actor.own.pop('basket', None)
    if basket is not None:
        deed = actor.begin('drop', f'basket of {basket.op}', basket=basket.op, alone=True)
        await actor.until_known(deed, lambda: actor.s.delete(basket))


async def count_word(actor: Actor) -> None:
    """Make or count a word; no second try."""
    text = actor.dice.choice(WORDS)
    deed = actor.begin('word', f'word {text}', text=text)

    async def call() -> None:
        await actor.s.upsert(Word, {'count': Word.count + 1}, {'count': 1}, text=text)

    await actor.until_known(deed, call, repeat=False)


async def enter_room(actor: Actor) -> None:
    """Get or create a row by a unique value that others want at the same time."""
    key = f'room {actor.dice.randrange(12)}'
    deed = actor.begin('room', key, key=key)

    async def call() -> int:
        room, _ = await actor.s.get_or_create(Room, {'op': deed.op}, key=key)
        id: int = room.id
        return id

    await actor.until_known(deed, call)


# --- rows of one owner, which go to and fro ------------------------------------------------------


async def turn_door(actor: Actor) -> None:
    """Open a door that is shut, or shut it."""
    door = await _own(actor, 'door', lambda op: Door(op=op, state='open'))
    state = 'shut' if door.state == 'open' else 'open'
    deed = actor.begin('door', f'door of {door.op}', door=door.op, state=state, alone=True)
    door.state = state
    await _save_own(actor, deed, 'door', lambda: actor.s.save(door))
    await actor.read(lambda: actor.s.refresh(door))
    if door.state != state:
        actor.wrong(deed, f'undone: it was acknowledged, and then the row says {door.state}')
        actor.own.pop('door')


async def swap_badges(actor: Actor) -> None:
    """Two rows exchange their unique values in one commit."""
    first, second = await _own(
        actor, 'badges', lambda op: [Badge(op=op, code=f'{op}{side}') for side in 'ab']
    )
    codes = [second.code, first.code]
    deed = actor.begin('swap', f'badges of {first.op}', badges=first.op, state=codes, alone=True)
    first.code, second.code = codes
    await _save_own(actor, deed, 'badges', lambda: actor.s.save(first, second))


async def pay(actor: Actor) -> None:
    """Transfer some of a balance that everybody transfers."""
    source, target = actor.dice.sample(range(1, PURSES + 1), 2)
    amount = actor.dice.randint(1, 9)
    deed = actor.begin('receipt', 'receipt of {op}')
    receipt = Receipt(op=deed.op, source=source, target=target, amount=amount)
    await actor.until_known(deed, _saved(actor, receipt))
    purses = [await _load(actor, Purse, id) for id in (source, target)]
    paid = actor.begin('pay', f'receipt of {deed.op}', receipt=deed.op, alone=True)
    tries = 0

    async def call() -> None:
        nonlocal tries
        tries += 1
        try:
            await actor.s.transfer(*purses, 'balance', amount, receipt, 'done')
        except ValueError as error:
            # The mark is nobody else's: an earlier try of this very operation was carried out.
            if tries == 1 or 'already sent' not in str(error):
                raise

    await actor.until_known(paid, call)


# --- records -------------------------------------------------------------------------------------


async def keep_diary(actor: Actor) -> None:
    """Save a record of rom.repocket."""
    diary = actor.own.get('diary')
    if diary is None:
        made = actor.begin('diary', 'diary of {op}', state='new')
        diary = Diary(name=made.op, state='new', size=0)
        await actor.until_known(made, _call(diary.save))
        actor.own['diary'] = diary
    state = 'shut' if diary.state == 'open' else 'open'
    deed = actor.begin('keep', f'diary of {diary.name}', diary=diary.name, state=state, alone=True)
    diary.state, diary.size = state, diary.size + 1
    await _save_own(actor, deed, 'diary', _call(diary.save))


async def write_page(actor: Actor) -> None:
    """Append to the stream of a record; no second try."""
    diary = actor.own.get('diary')
    if diary is not None:
        deed = actor.begin('page', f'diary of {diary.name}', diary=diary.name)
        text = f'{deed.op};'.encode()
        await actor.until_known(deed, _call(lambda: diary.append_pages(text)), repeat=False)


#: Every act, and how often it is done beside the others.
ACTS: dict[Act, int] = {
    add_hot: 5,
    add_cold: 2,
    leave_trail: 2,
    add_in_bulk: 1,
    sell: 3,
    note: 3,
    mark: 2,
    fill_basket: 2,
    drop_basket: 1,
    count_word: 2,
    enter_room: 1,
    turn_door: 4,
    swap_badges: 2,
    pay: 2,
}
#: Those of rom.repocket, which has no asyncio.
RECORD_ACTS: dict[Act, int] = {keep_diary: 2, write_page: 2}


async def act_once(actor: Actor, acts: Mapping[Act, int]) -> None:
    """Do one act by the actor's dice; what was refused or given up leaves nothing behind.

    Args:
        actor: does it.
        acts: those to choose from, and how often each is done beside the others.
    """
    [act] = actor.dice.choices(list(acts), list(acts.values()))
    try:
        await act(actor)
    except (Refused, GaveUp):
        actor.s.rollback()  # what is in doubt must not be written by a later commit


# --- what acts share -----------------------------------------------------------------------------


async def _load(actor: Actor, model: type[rom.Model], id: int) -> Any:
    entity = await actor.read(lambda: actor.s.get(model, id))
    if entity is None or entity.id != id:
        actor.wrong(actor.begin('load', f'{model.__name__} {id}'), f'get() gave {entity!r}')
        raise GaveUp
    return entity


async def _save_changed(
    actor: Actor, deed: Deed, entity: Any, change: Callable[[], None], *also: Any
) -> None:
    """Change an entity that others change as well, and save it; on fresh values after a race."""
    change()

    async def fresh() -> None:
        await actor.read(lambda: actor.s.refresh(entity, force=True))
        change()

    await actor.unless_raced(deed, lambda: actor.s.save(entity, *also), entity, fresh)


async def _own(actor: Actor, kind: str, make: Callable[[str], Any]) -> Any:
    """The actor's own row or rows of a kind, made and saved where they are missing."""
    if kind not in actor.own:
        deed = actor.begin(f'own {kind}', kind + ' of {op}')
        made = make(deed.op)
        await actor.until_known(deed, _saved(actor, made))
        actor.own[kind] = made
    return actor.own[kind]


def _saved(actor: Actor, *new: Any) -> Callable[[], Awaitable[dict[str, list[int]]]]:
    """A call that saves new entities, and returns their ids by namespace."""

    async def call() -> dict[str, list[int]]:
        await actor.s.save(*new)
        ids: dict[str, list[int]] = {}
        for entity in (one for some in new for one in (some if isinstance(some, list) else [some])):
            ids.setdefault(entity._namespace, []).append(entity.id)
        return ids

    return call


async def _save_own(
    actor: Actor, deed: Deed, kind: str, call: Callable[[], Awaitable[Any]]
) -> None:
    try:
        await actor.until_known(deed, call)
    except (Refused, GaveUp):
        actor.own.pop(kind, None)
        raise


def _call(method: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    """A blocking method, to be awaited; the value is dropped."""

    async def call() -> None:
        method()

    return call
