"""scripts/generate_blocking.py: the blocking modules are what the asyncio ones make.

The format is ruff's, which `scripts/check` has and the tests may not have. So the tests here
compare what Python reads.
"""

import ast
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / 'scripts' / 'generate_blocking.py'


def load() -> Any:
    spec = importlib.util.spec_from_file_location('generate_blocking', SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generate_blocking = load()
PAIRS = generate_blocking.PAIRS


def converted(source: str, **texts: str) -> str:
    pair = generate_blocking.Pair('aio/source.py', 'twin.py', texts)
    found: str = generate_blocking.converted(pair, source)
    return found


def read(source: str) -> str:
    """What Python reads, without imports: ruff sorts them, and drops those without a use."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, 'body', None)
        if isinstance(body, list):
            node.body = [n for n in body if not isinstance(n, (ast.Import, ast.ImportFrom))]  # type: ignore[attr-defined]
    return ast.dump(tree, indent=1)


@pytest.mark.parametrize('pair', PAIRS, ids=lambda pair: pair.twin)
def test_each_twin_is_what_its_source_makes(pair: Any) -> None:
    source = (ROOT / pair.source).read_text()
    twin = (ROOT / pair.twin).read_text()
    made = generate_blocking.converted(pair, source)
    assert read(made) == read(twin), f'run {SCRIPT.relative_to(ROOT)}'
    head = generate_blocking.HEAD.format(pair.source)
    assert twin.startswith(head)
    below = twin.removeprefix(head)
    assert 'async' not in below.lower() and 'await' not in below.lower()


@pytest.mark.parametrize(
    'source, twin',
    [
        ('async def f(self) -> int: ...', 'def f(self) -> int: ...'),
        ('x = await (await f()).g(await h)', 'x = (f()).g(h)'),
        ('async with a, b:\n    pass', 'with a, b:\n    pass'),
        ('[x async for x in await y]', '[x for x in y]'),
        (
            'def f() -> AsyncIterator[AsyncIterable[R]]: ...',
            'def f() -> Iterator[Iterable[R]]: ...',
        ),
        ('await anext(steps)', 'next(steps)'),
        ('async def __aenter__(self): ...', 'def __enter__(self): ...'),
        ('async def __aexit__(self): ...', 'def __exit__(self): ...'),
        ('async def __anext__(self): ...', 'def __next__(self): ...'),
        ('AsyncSession(redis.asyncio.Redis())', 'Session(redis.Redis())'),
        ('await asyncio.sleep(1)', 'time.sleep(1)'),
        ('async for x in y:\n    yield x\n', 'yield from y\n'),
        ('for x in y:\n    yield x + 1\n', 'for x in y:\n    yield x + 1\n'),
        ('"""An asyncio thing, awaited."""', '"""An asyncio thing, awaited."""'),
        ('is_async = asynchronous(unawait)', 'is_async = asynchronous(unawait)'),
    ],
)
def test_the_words_of_asyncio_are_replaced(source: str, twin: str) -> None:
    assert converted(source) == twin


def test_one_half_is_left() -> None:
    source = """\
def f():
    if True:  # asyncio
        a = 1

        if a:
            b = 2
    else:  # blocking
        a = 3

        if a:
            b = 4
    if True:  # asyncio
        c = 5
    if True:
        d = 6
    else:
        d = 7


def g(): ...
"""
    twin = """\
def f():
    a = 3

    if a:
        b = 4
    if True:
        d = 6
    else:
        d = 7


def g(): ...
"""
    assert converted(source) == twin


def test_half_of_a_class_is_dropped_up_to_its_end() -> None:
    source = """\
class A:
    if True:  # asyncio
        x = 1

        def f(self): ...

    def g(self): ...
"""
    assert converted(source) == 'class A:\n    def g(self): ...\n'


def test_texts_come_first_and_must_be_there() -> None:
    assert converted('await b(await c)', **{'await b': 'd'}) == 'd(c)'
    with pytest.raises(generate_blocking.GenerationError, match=r'aio/source\.py .*mend the texts'):
        converted('a', **{'await b': 'd'})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the script and of all pairs."""
    pytest.importorskip('ruff')
    for name in (str(SCRIPT.relative_to(ROOT)), 'pyproject.toml'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for pair in PAIRS:
        for name in (pair.source, pair.twin):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = checkout / SCRIPT.relative_to(ROOT)
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=checkout.parent)


def test_the_check_names_what_is_stale_and_what_to_run(checkout: Path) -> None:
    assert run(checkout, '--check').returncode == 0
    twin = checkout / PAIRS[0].twin
    before = twin.read_text()
    twin.write_text(before.replace('self._entered = []', 'self._entered = list()'))
    stale = run(checkout, '--check')
    assert stale.returncode == 1
    assert stale.stdout == (
        f'{PAIRS[0].twin} is not what its source makes: run scripts/check --fix\n'
    )
    assert twin.read_text() != before, 'a check writes nothing'
    assert run(checkout).stdout == f'written: {PAIRS[0].twin}\n'
    assert twin.read_text() == before
    assert run(checkout).stdout == 'nothing has changed\n'


def test_a_trace_of_asyncio_is_an_error(checkout: Path) -> None:
    source = checkout / PAIRS[0].source
    source.write_text(f'{source.read_text()}\n\nx = asyncio.Lock()\n')
    before = (checkout / PAIRS[0].twin).read_text()
    done = run(checkout)
    assert done.returncode == 1
    assert f'{PAIRS[0].source}: this would be left of asyncio in' in done.stderr
    assert done.stderr.endswith('\nimport asyncio\nx = asyncio.Lock()\n')
    assert (checkout / PAIRS[0].twin).read_text() == before
