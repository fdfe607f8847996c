"""Docstrings, comments, messages and pages are plain English, where they were gone through.

A folder is added here when its prose has been gone through, and from then on it is held.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.prose import NO_FIRST_WORDS, WEAK, Piece, pieces_of

ROOT = Path(__file__).resolve().parent.parent
CLEAN: tuple[str, ...] = (
    'docs/design/commit.rst',
    'docs/design/embedded.rst',
    'docs/design/index.rst',
    'docs/design/storage.rst',
    'docs/design/structure.rst',
    'docs/glossary.rst',
    'docs/howto/aggregates.rst',
    'docs/howto/async.rst',
    'docs/howto/capacity.rst',
    'docs/howto/changes-in-place.rst',
    'docs/howto/coming-from-redis-om.rst',
    'docs/howto/coming-from-rom-1x.rst',
    'docs/howto/coming-from-walrus.rst',
    'docs/howto/expiry.rst',
    'docs/howto/explain.rst',
    'docs/howto/expressions.rst',
    'docs/howto/faq.rst',
    'docs/howto/installing.rst',
    'docs/howto/locks-and-maintenance.rst',
    'docs/howto/moving-here.rst',
    'docs/howto/pydantic.rst',
    'docs/howto/relations.rst',
    'docs/howto/replicas-and-sentinel.rst',
    'docs/howto/special-columns.rst',
    'docs/howto/testing.rst',
    'docs/howto/tls-and-authentication.rst',
    'docs/howto/troubleshooting.rst',
    'docs/howto/web-frameworks.rst',
    'docs/reference',
    'docs/repocket',
    'docs/schematics',
    'docs/tutorial-service.rst',
    'docs/tutorial.rst',
    'lua',
    'rom/_core/__init__.py',
    'rom/_core/columns',
    'rom/_core/drivers',
    'rom/_core/embedded',
    'rom/_core/encoding',
    'rom/_core/entered_session.py',
    'rom/_core/entities',
    'rom/_core/general_index.py',
    'rom/_core/indexing/column_index.py',
    'rom/_core/indexing/entry_lists.py',
    'rom/_core/ops',
    'rom/_core/pydantic_types',
    'rom/_core/query',
    'rom/_core/schema.py',
    'rom/_core/session_context.py',
    'rom/_core/sessions',
    'rom/_core/support/public_names.py',
    'rom/_core/writes',
    'rom/aio',
    'rom/cli',
    'rom/columns.py',
    'rom/connections.py',
    'rom/contrib',
    'rom/embedded.py',
    'rom/exceptions.py',
    'rom/index.py',
    'rom/index_stats.py',
    'rom/jsonl',
    'rom/locks.py',
    'rom/maintenance.py',
    'rom/model.py',
    'rom/query.py',
    'rom/repocket',
    'rom/schematics',
    'rom/testing.py',
    'rom/util.py',
)
#: As for the code.
LONGEST_LINE = 100


def files_of(place: str) -> Iterator[Path]:
    path = ROOT / place
    if path.is_file():
        yield path
    for suffix in ('py', 'lua', 'rst'):
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


@pytest.mark.parametrize('place', CLEAN)
def test_lines_are_no_longer_than_those_of_the_code(place: str) -> None:
    long = [
        f'{file}:{number}'
        for file in files_of(place)
        for number, line in enumerate(file.read_text('utf-8').splitlines(), 1)
        # A table's cell, an address, and a user of an ACL file cannot be broken.
        if len(line) > LONGEST_LINE and not re.search(r'://|  \S.*  \S|^ +user \w+ on ', line)
    ]
    assert long == []


def test_weak_sentences_are_found(tmp_path: Path) -> None:
    file = tmp_path / 'x.py'
    file.write_text(
        '"""What it is."""\n# Nobody knows.\ndef f():\n    """Return a number."""\n'
        "    raise ValueError(f'{1} is no number')\n"
    )
    weak = [piece.line for piece in pieces_of(file) if WEAK.search(piece.text)]
    assert sorted(weak) == [1, 2, 5]
