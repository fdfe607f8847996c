"""The two fronts of locks and maintenance: the same names and signatures."""

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rom
import rom.aio
from rom import maintenance
from tests.contract.support import python

LOCKS = {'Lock', 'EntityLock'}
STEPS = {'refresh_indices', 'clean_old_index', 'check', 'reindex', 'shard'}
#: What rom 1.x did not have is in `rom.maintenance`; `rom.util` has the names of 1.x.
NEW = {'check', 'recover', 'reindex', 'shard', 'status'}
NAMES = sorted(rom.aio.__all__)


def parameters(call: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(call).parameters.values())


def pairs() -> Iterator[tuple[str, Any, Any]]:
    """What is called, by name: functions, and the methods of locks."""
    for name in NAMES:
        sync = getattr(maintenance if name in NEW else rom.util, name)
        other = getattr(rom.aio, name)
        yield name, sync, other
        if name in LOCKS:
            for method in ('__init__', 'acquire', 'refresh', 'release'):
                yield f'{name}.{method}', getattr(sync, method), getattr(other, method)


PAIRS = {name: (sync, other) for name, sync, other in pairs()}


def test_the_names_are_the_same() -> None:
    found = {name: getattr(rom.util, name) for name in rom.util.__all__}
    fronts = ('rom.locks', 'rom.maintenance')
    old = {n for n, it in found.items() if getattr(it, '__module__', '') in fronts}
    assert sorted(old | NEW) == NAMES
    for name in LOCKS:
        sync, other = getattr(rom.util, name), getattr(rom.aio, name)
        assert {n for n in vars(sync) if n[0] != '_'} == {n for n in vars(other) if n[0] != '_'}
        for end in ('enter', 'exit'):
            assert hasattr(sync, f'__{end}__')
            assert hasattr(other, f'__a{end}__')
            assert not hasattr(other, f'__{end}__'), 'a plain `with` is refused'


@pytest.mark.parametrize('name', PAIRS)
def test_the_signatures_are_the_same(name: str) -> None:
    sync, other = PAIRS[name]
    for one, two in zip(parameters(sync), parameters(other), strict=True):
        assert (one.name, one.kind, one.default) == (two.name, two.kind, two.default)
        assert str(two.annotation) in (str(one.annotation), f'Async{one.annotation}')
    if not isinstance(sync, type):
        returns = [str(inspect.signature(call).return_annotation) for call in (sync, other)]
        assert returns[1] in (returns[0], f'Async{returns[0]}')


@pytest.mark.parametrize('name', PAIRS)
def test_what_waits_is_awaited(name: str) -> None:
    sync, other = PAIRS[name]
    waits = name not in LOCKS | STEPS and not name.endswith('__init__')
    assert inspect.iscoroutinefunction(other) == waits
    assert not inspect.iscoroutinefunction(sync)


@pytest.mark.parametrize('name', [name for name in PAIRS if not name.endswith('__init__')])
def test_both_are_described(name: str) -> None:
    first = [str(inspect.getdoc(call)).partition('\n\n')[0] for call in PAIRS[name]]
    assert first[0].startswith(first[1].removesuffix('.'))
    assert 'Example::' in str(inspect.getdoc(PAIRS[name][1]))


def test_it_is_there_when_it_is_asked_for() -> None:
    """Programs that do without asyncio do not pay for it."""
    program = "import sys, rom; print('rom.aio' in sys.modules, 'aio' in rom.__all__)"
    assert python('-c', program).split() == ['False', 'False']
    assert python('-c', 'import rom.aio; print(rom.aio.Lock.__name__)').split() == ['Lock']
    assert 'rom.aio' in sys.modules
