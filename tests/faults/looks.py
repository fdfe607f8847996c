"""Looks: acts that only read, or must be refused; each knows what the answer has to be.

On a cluster whose slot moves, a script may find some keys here and others there, and answer as if
rows were missing. A writer alone would not notice: these ask for what is there for certain.
"""

from typing import Any

import rom
from tests.faults.actor import Actor, Refused
from tests.faults.acts import HALL, HOT_SHELVES, PURSES, TRAIL_SHELF, Act
from tests.faults.models import Door, Purse, Sale, Shelf

#: What a wrong answer, and an accepted duplicate, are told with; the oracle knows both.
ANSWERED, ACCEPTED = 'answered: ', 'accepted a duplicate: '


async def find_purse(actor: Actor) -> None:
    """Ask by a unique value for a row that everybody changes."""
    number = actor.dice.randrange(PURSES)

    async def call() -> Any:
        found = await actor.s.get_by(Purse, name=f'purse {number}')
        return found and found.id

    await _ask(actor, f'purse {number + 1}', call, number + 1, kept=True)


async def count_hall(actor: Actor) -> None:
    """Count the shelves that are there from the beginning."""
    query = Shelf.query.filter(hall=HALL)
    await _ask(actor, f'hall {HALL}', lambda: actor.s.count(query), TRAIL_SHELF, kept=True)


async def list_hall(actor: Actor) -> None:
    """Search, in an order that a number gives that everybody changes."""
    query = Shelf.query.filter(hall=HALL).order_by('-n')

    async def call() -> Any:
        return sorted(shelf.id for shelf in await actor.s.all(query))

    await _ask(actor, f'hall {HALL}', call, list(range(1, TRAIL_SHELF + 1)), kept=True)


async def see_number(actor: Actor) -> None:
    """Read a number that only grows, without what the session knows."""
    id = actor.dice.randint(1, HOT_SHELVES)
    deed = actor.begin('see', f'shelf {id}', shelf=id)
    query = Shelf.query.filter(hall=HALL, n=(0, None)).order_by('id')

    async def call() -> Any:
        numbers = {shelf.id: shelf.n for shelf in await actor.s.all(query)}
        return numbers.get(id)

    number = await actor.until_known(deed, call)
    least = actor.own.get(f'n of {id}', 0)
    if number is None or number < least:
        actor.wrong(deed, f'{ANSWERED}{number}, and it was {least} before')
    else:
        actor.own[f'n of {id}'] = number


async def claim_purse(actor: Actor) -> None:
    """Try to make a second row of a unique value: it must be refused."""
    name = f'purse {actor.dice.randrange(PURSES)}'
    await _claim(actor, f'the name {name}', lambda: Purse(name=name, balance=0), kept=True)


async def find_sale(actor: Actor) -> None:
    """Count the last row that this actor made, which nobody deletes."""
    sale = actor.own.get('sale')
    if sale is not None:
        query = Sale.query.filter(op=sale.op)
        await _ask(actor, f'sale of {sale.op}', lambda: actor.s.count(query), 1)


async def find_door(actor: Actor) -> None:
    """Ask by a unique value for a row of the actor's own."""
    door = actor.own.get('door')
    if door is not None:

        async def call() -> Any:
            found = await actor.s.get_by(Door, op=door.op)
            return found and [found.id, found.state]

        await _ask(actor, f'door of {door.op}', call, [door.id, door.state])


async def claim_door(actor: Actor) -> None:
    """Try to make a second row of a unique value of the actor's own."""
    door = actor.own.get('door')
    if door is not None:
        await _claim(actor, f'door of {door.op}', lambda: Door(op=door.op, state='twin'))


#: Those that anybody can do, and those about rows of an actor's own; and how often.
LOOKS: dict[Act, int] = {find_purse: 3, count_hall: 2, list_hall: 2, see_number: 2, claim_purse: 3}
OWN_LOOKS: dict[Act, int] = {find_sale: 3, find_door: 3, claim_door: 2}


async def _ask(actor: Actor, row: str, call: Any, wanted: Any, kept: bool = False) -> None:
    """Ask, and compare; `kept`: no server can have lost the row."""
    deed = actor.begin('look', row, kept=kept)
    found = await actor.until_known(deed, call)
    if found != wanted:
        actor.wrong(deed, f'{ANSWERED}{found!r} instead of {wanted!r}')


async def _claim(actor: Actor, row: str, make: Any, kept: bool = False) -> None:
    deed = actor.begin('claim', row, kept=kept)
    twin = make()
    try:
        await actor.until_known(deed, lambda: actor.s.save(twin))
    except Refused as error:
        actor.s.forget(twin)
        if not isinstance(error.__cause__, rom.UniqueKeyViolation):
            raise
    else:
        actor.wrong(deed, f'{ACCEPTED}{twin.id} of {row}')
