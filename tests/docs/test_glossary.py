"""docs/glossary.rst: each of its terms is used, and those that readers need are there."""

import re
from functools import cache

import pytest
from docutils import nodes

from tests.support.pages import DOCS, tree

pytestmark = pytest.mark.one_server

PAGE = DOCS / 'glossary.rst'
NEEDED = frozenset(
    (
        'entity', 'row', 'column', 'namespace', 'hash tag', 'index entry', 'live bitmap', 'keygen',
        'fingerprint', 'sort cursor', 'in-doubt commit', 'token', 'note', 'fence', 'lease',
    )
)  # fmt: skip


def terms() -> list[str]:
    return [term.astext() for term in tree(PAGE).findall(nodes.term)]


def test_the_terms_that_readers_need_are_there() -> None:
    assert NEEDED - set(terms()) == set()


def test_each_term_is_there_once() -> None:
    found = terms()
    assert len(set(found)) == len(found) > 30


@cache
def everything_else() -> str:
    places = (*DOCS.rglob('*.rst'), *(DOCS.parent / 'rom').rglob('*.py'))
    return '\n'.join(place.read_text('utf-8') for place in places if place != PAGE)


@pytest.mark.parametrize('term', [term for term in terms() if term not in NEEDED])
def test_a_term_is_used_elsewhere(term: str) -> None:
    """On a page, or in a docstring or a comment of the package."""
    words = r'[\s-]+'.join(re.split('[ -]', term))
    assert re.search(rf'\b(?:{words}|{words.removesuffix("y")}ie)s?\b', everything_else(), re.I)
