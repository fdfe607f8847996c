"""The application of which every framework is given one: the same views, plain and awaited.

A view takes a name, and returns a status and what to answer: a text, or an iterator of chunks. In
`MET` are the sessions that views have met, which keeps them alive: no two are one by chance.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import rom
from rom._core import session_context

SearchReply = tuple[int, Any]
Plain = Callable[[str], SearchReply]
Awaited = Callable[[str, rom.AsyncSession], Awaitable[SearchReply]]

MET: list[Any] = []
#: The long streams that have ended, and 'whole' before those that came to their end.
ENDED: list[str] = []


class Boom(Exception):
    """What views raise."""


def thing() -> Any:
    """The model: each test declares it anew."""
    return rom._core.model_registry.MODELS['Thing']


def declare(shards: Any = None) -> tuple[type[rom.Model], ...]:
    class Thing(rom.Model):
        _shards = shards
        name = rom.Text(required=True, unique=True)
        hits = rom.Integer(default=0)
        note = rom.Text()

    class Part(rom.Model):
        _shards, _shard_with = (shards, 'of') if shards else (None, None)
        of = rom.ManyToOne('Thing', on_delete='restrict')

    return Thing, Part


def overtake(name: str) -> None:
    """Another program writes."""
    with rom.Session() as other:
        other.get_by(thing(), name=name).hits = 1000
        other.commit()


# --- plain ---------------------------------------------------------------------------------------


def create(name: str) -> SearchReply:
    thing()(name=name)
    MET.append(session_context.home())
    return 201, name


def count(name: str) -> SearchReply:
    return 200, str(thing().query.count())


def hit(name: str) -> SearchReply:
    found = thing().get_by(name=name)
    MET.append(session_context.home())
    found.hits += 1
    return 200, str(found.hits)


def missing(name: str) -> SearchReply:
    thing()(name=name)
    return 404, 'missing'


def broken(name: str) -> SearchReply:
    thing()(name=name)
    return 503, 'broken'


def moved(name: str) -> SearchReply:
    thing()(name=name)
    return 302, 'elsewhere'


def boom(name: str) -> SearchReply:
    thing()(name=name)
    raise Boom


def clash(name: str) -> SearchReply:
    thing()(name=f'{name}-beside')
    thing()(name=name)
    return 201, 'never seen'


def clash_at_once(name: str) -> SearchReply:
    thing()(name=f'{name}-beside')
    thing()(name=name).save()
    return 201, 'never seen'


def race(name: str) -> SearchReply:
    found = thing().get_by(name=name)
    overtake(name)
    found.hits += 1
    return 200, 'never seen'


def gone(name: str) -> SearchReply:
    found = thing().get_by(name=name)
    with rom.Session() as other:
        other.delete(other.get_by(thing(), name=name))
    found.hits += 1
    return 200, 'never seen'


def restricted(name: str) -> SearchReply:
    found = thing().get_by(name=name)
    rom._core.model_registry.MODELS['Part'](of=found).save()
    found.delete()
    return 200, 'never seen'


def stream(name: str) -> SearchReply:
    thing()(name=name)

    def chunks() -> Iterator[str]:
        yield 'begin '
        MET.append(session_context.home())
        late = thing()(name=f'{name}-late')
        yield f'{thing().query.count()} '
        late.note = 'end'
        yield 'end'

    return 200, chunks()


def stream_boom(name: str) -> SearchReply:
    thing()(name=name)

    def chunks() -> Iterator[str]:
        yield 'begin '
        thing()(name=f'{name}-late')
        raise Boom

    return 200, chunks()


def stream_clash(name: str) -> SearchReply:
    def chunks() -> Iterator[str]:
        yield 'begin '
        thing()(name=name)

    return 200, chunks()


def stream_long(name: str) -> SearchReply:
    """More than any buffer between us and the client holds."""
    thing()(name=name)

    def chunks() -> Iterator[str]:
        thing()(name=f'{name}-late')
        try:
            for _ in range(2000):
                yield 'x' * 10_000
            ENDED.append('whole')
        finally:
            ENDED.append(name)

    return 200, chunks()


# --- awaited -------------------------------------------------------------------------------------


async def acreate(name: str, s: rom.AsyncSession) -> SearchReply:
    thing()(name=name)
    MET.append(session_context.home())
    return 201, name


async def acount(name: str, s: rom.AsyncSession) -> SearchReply:
    return 200, str(await s.count(thing().query))


async def ahit(name: str, s: rom.AsyncSession) -> SearchReply:
    found = await s.get_by(thing(), name=name)
    MET.append(session_context.home())
    found.hits += 1
    return 200, str(found.hits)


async def amissing(name: str, s: rom.AsyncSession) -> SearchReply:
    return missing(name)


async def abroken(name: str, s: rom.AsyncSession) -> SearchReply:
    return broken(name)


async def amoved(name: str, s: rom.AsyncSession) -> SearchReply:
    return moved(name)


async def aboom(name: str, s: rom.AsyncSession) -> SearchReply:
    return boom(name)


async def aclash(name: str, s: rom.AsyncSession) -> SearchReply:
    return clash(name)


async def aclash_at_once(name: str, s: rom.AsyncSession) -> SearchReply:
    thing()(name=f'{name}-beside')
    await s.save(thing()(name=name))
    return 201, 'never seen'


async def arace(name: str, s: rom.AsyncSession) -> SearchReply:
    found = await s.get_by(thing(), name=name)
    overtake(name)
    found.hits += 1
    return 200, 'never seen'


async def agone(name: str, s: rom.AsyncSession) -> SearchReply:
    found = await s.get_by(thing(), name=name)
    async with rom.AsyncSession() as other:
        await other.delete(await other.get_by(thing(), name=name))
    found.hits += 1
    return 200, 'never seen'


async def arestricted(name: str, s: rom.AsyncSession) -> SearchReply:
    found = await s.get_by(thing(), name=name)
    await s.save(rom._core.model_registry.MODELS['Part'](of=found))
    await s.delete(found)
    return 200, 'never seen'


async def astream(name: str, s: rom.AsyncSession) -> SearchReply:
    thing()(name=name)

    async def chunks() -> AsyncIterator[str]:
        yield 'begin '
        MET.append(session_context.home())
        late = thing()(name=f'{name}-late')
        yield f'{await s.count(thing().query)} '
        late.note = 'end'
        yield 'end'

    return 200, chunks()


async def astream_boom(name: str, s: rom.AsyncSession) -> SearchReply:
    thing()(name=name)

    async def chunks() -> AsyncIterator[str]:
        yield 'begin '
        thing()(name=f'{name}-late')
        raise Boom

    return 200, chunks()


async def astream_clash(name: str, s: rom.AsyncSession) -> SearchReply:
    async def chunks() -> AsyncIterator[str]:
        yield 'begin '
        thing()(name=name)

    return 200, chunks()


async def astream_long(name: str, s: rom.AsyncSession) -> SearchReply:
    thing()(name=name)

    async def chunks() -> AsyncIterator[str]:
        thing()(name=f'{name}-late')
        try:
            for _ in range(2000):
                yield 'x' * 10_000
                await asyncio.sleep(0)
            ENDED.append('whole')
        finally:
            ENDED.append(name)

    return 200, chunks()


PLAIN: dict[str, Plain] = {
    view.__name__: view
    for view in (
        create, count, hit, missing, broken, moved, boom, clash, clash_at_once, race, gone,
        restricted, stream, stream_boom, stream_clash, stream_long,
    )
}  # fmt: skip
AWAITED: dict[str, Awaited] = {
    view.__name__.removeprefix('a'): view
    for view in (
        acreate, acount, ahit, amissing, abroken, amoved, aboom, aclash, aclash_at_once, arace,
        agone, arestricted, astream, astream_boom, astream_clash, astream_long,
    )
}  # fmt: skip
assert PLAIN.keys() == AWAITED.keys()
