"""Pages name files of the checkout by their paths, or link to them, and these files are there."""

import re
from pathlib import Path

import pytest

from tests.support.pages import DOCS

pytestmark = pytest.mark.one_server

ROOT = DOCS.parent
PAGES = sorted((*DOCS.rglob('*.rst'), *ROOT.glob('*.rst'), ROOT / 'examples/README.rst'))
FOLDERS = r'(?:benchmarks|docs|examples|lua|rom|scripts|tests)'
PATH = re.compile(rf'(?:``({FOLDERS}/[\w/.-]+)``|\s<({FOLDERS}/[\w/.-]+|\w+\.rst)>`_)')
#: Made by a run, or links that a checkout of git has not.
MADE = ('docs/_build/', 'rom/lua')


def missing(text: str) -> list[str]:
    return [
        path
        for path in map(''.join, PATH.findall(text))
        if not path.startswith(MADE) and not (ROOT / path).exists()
    ]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    assert missing(page.read_text('utf-8')) == []


def test_a_missing_file_is_found() -> None:
    assert missing('``lua/lib/none.lua``, ``lua/search.lua`` and ``lua``') == ['lua/lib/none.lua']
    links = '`a\n<docs/none.rst>`_, `b <NONE.rst>`_ and `c <docs/index.rst>`_'
    assert missing(links) == ['docs/none.rst', 'NONE.rst']
