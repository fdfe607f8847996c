"""Docstrings, comments and messages of rom, and all pages, are plain English."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.prose import (
    MOST_WORDS,
    NO_FIRST_WORDS,
    WEAK,
    WEAK_ON_PAGES,
    Piece,
    long_sentences,
    pieces_of,
)

ROOT = Path(__file__).resolve().parent.parent
#: Folders and files whose prose is held, beside the pages.
CLEAN = ('docs/conf.py', 'examples', 'lua', 'rom', 'tests/docs', 'tests/support/pages.py')
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in (
        *(ROOT / 'docs').rglob('*.rst'),
        *(ROOT / name for name in ('README.rst', 'CONTRIBUTING.rst', 'CHANGELOG.rst')),
        ROOT / 'examples/README.rst',
    )
)
#: As for the code.
LONGEST_LINE = 100
#: A table's cell, an address, and a user of an ACL file cannot be broken.
UNBREAKABLE = re.compile(r'://|  \S.*  \S|^ +user \w+ on ')


def files_of(place: str) -> Iterator[Path]:
    path = ROOT / place
    if path.is_file():
        yield path
    for suffix in ('py', 'lua'):
        yield from sorted(path.rglob(f'*.{suffix}'))


def pieces(place: str) -> list[Piece]:
    return [piece for file in files_of(place) for piece in pieces_of(file)]


@pytest.mark.parametrize('place', CLEAN)
def test_there_are_no_weak_sentences(place: str) -> None:
    found = pieces(place)
    assert found
    assert [f'{piece}  [{m.group()}]' for piece in found if (m := WEAK.search(piece.text))] == []


@pytest.mark.parametrize('place', CLEAN)
def test_docstrings_start_with_a_verb_or_a_noun(place: str) -> None:
    docstrings = [piece for piece in pieces(place) if piece.is_docstring]
    first = {str(piece): re.findall(r'\w+', piece.text)[:1] for piece in docstrings}
    assert {at: w for at, w in first.items() if w and w[0].lower() in NO_FIRST_WORDS} == {}


@pytest.mark.parametrize('place', [*CLEAN, *PAGES])
def test_lines_are_no_longer_than_those_of_the_code(place: str) -> None:
    long = [
        f'{file}:{number}'
        for file in files_of(place)
        for number, line in enumerate(file.read_text('utf-8').splitlines(), 1)
        if len(line) > LONGEST_LINE and not UNBREAKABLE.search(line)
    ]
    assert long == []


@pytest.mark.parametrize('page', PAGES)
def test_pages_are_in_plain_words_and_short_sentences(page: str) -> None:
    found = list(pieces_of(ROOT / page))
    assert found
    weak = [
        f'{piece}  [{m.group()}]'
        for piece in found
        for pattern in (WEAK, WEAK_ON_PAGES)
        for m in pattern.finditer(piece.text)
    ]
    assert weak == []
    assert [sentence for piece in found for sentence in long_sentences(piece)] == []


def test_the_pages_are_found() -> None:
    assert len(PAGES) > 40


def test_weak_sentences_are_found(tmp_path: Path) -> None:
    file = tmp_path / 'x.py'
    file.write_text(
        '"""What it is."""\n# Nobody knows.\ndef f():\n    """Return a number."""\n'
        "    raise ValueError(f'{1} is no number')\n"
    )
    weak = [piece.line for piece in pieces_of(file) if WEAK.search(piece.text)]
    assert sorted(weak) == [1, 2, 5]


def test_weak_sentences_of_a_page_are_found(tmp_path: Path) -> None:
    page = tmp_path / 'x.rst'
    page.write_text(
        'A ``come`` of code\n==================\n\nWhat it is.\n\n.. code-block:: python\n\n'
        '   # told, and gone\n\n* the index tells,\n  and the row is none\n* There is no row.\n\n'
        f'{" ".join(["long"] * MOST_WORDS)}: {"longer " * MOST_WORDS}sentence.\n'
    )
    found = list(pieces_of(page))
    weak = [m.group() for p in found for m in WEAK_ON_PAGES.finditer(p.text)]
    assert weak == ['tells', 'is none']
    assert [p.text for p in found if WEAK.search(p.text)] == [
        'What it is.',
        'the index tells, and the row is none',
    ]
    (long,) = [sentence for p in found for sentence in long_sentences(p)]
    assert long.startswith('longer')
