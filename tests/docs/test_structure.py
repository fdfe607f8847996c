"""The page of the structure: its ways through the code lead to functions that exist."""

import re
from pathlib import Path

import pytest

from tests.support.pages import DOCS

pytestmark = pytest.mark.one_server

ROOT = DOCS.parent
PAGE = DOCS / 'design' / 'structure.rst'
#: A numbered step, with its lines.
STEP = re.compile(r'^\d\. (.+(?:\n   .+)*)', re.MULTILINE)
DEFINITION = re.compile(r'^ *(?:class|def|async def) (\w+)', re.MULTILINE)
NAME = re.compile(r'[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?')


def steps_of(page: str) -> list[str]:
    section = re.split(r'^.+\n---+\n', page.partition('Find your way\n')[2], flags=re.MULTILINE)[0]
    return STEP.findall(section)


def defined_in(path: Path) -> set[str]:
    return set(DEFINITION.findall(path.read_text('utf-8')))


def missing(step: str) -> list[str]:
    """Return what a step names, and its files do not define; a class or a method may be in any."""
    words = re.findall(r'``([^`]+)``', step)
    files = [ROOT / word for word in words if '/' in word]
    there = {name for path in files if path.suffix == '.py' for name in defined_in(path)}
    names = [word for word in words if '/' not in word and NAME.fullmatch(word)]
    return [
        name
        for name in names
        if not name.endswith(('.py', '.lua'))
        and name not in there
        and not ((name[0].isupper() or '.' in name) and name.rpartition('.')[2] in EVERYWHERE)
    ]


EVERYWHERE = {name for path in (ROOT / 'rom').rglob('*.py') for name in defined_in(path)}


def test_the_ways_lead_somewhere() -> None:
    steps = steps_of(PAGE.read_text('utf-8'))
    assert len(steps) >= 15
    assert {step: found for step in steps if (found := missing(step))} == {}


def test_a_step_that_leads_nowhere_is_found() -> None:
    page = (
        'Find your way\n---\n\n1. ``rom/_core/schema.py``: ``Schema`` and ``NoSuchClass``,\n'
        '   ``A.no_such``, ``no_such_function``.\n\n'
        'Next\n----\n\n1. ``rom/_core/schema.py``: ``Other``.\n'
    )
    assert [missing(step) for step in steps_of(page)] == [
        ['NoSuchClass', 'A.no_such', 'no_such_function']
    ]
