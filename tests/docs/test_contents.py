"""The four captions of the documents, and the sections that readers look for by name."""

import re

import pytest
from docutils import nodes

from tests.support.pages import DOCS, tree

pytestmark = pytest.mark.one_server

CAPTIONS = ['Tutorials', 'How-to guides', 'Reference', 'Explanation']
# Sphinx finds a section by a query that is at least half of its title: so they are short.
SECTIONS = {
    'howto/faq.rst': (
        'Tags', 'Enums', 'UUIDs', 'created_at and updated_at', 'Time zones', 'Pagination',
        'Ranking', 'Many-to-many', 'Soft delete', 'Rename a column', 'Celery', 'Backup',
        'Redis Cluster',
    ),
    'howto/troubleshooting.rst': ('Writing', 'Querying', 'Connecting'),
}  # fmt: skip


def test_the_contents_have_four_captions() -> None:
    index = (DOCS / 'index.rst').read_text('utf-8')
    assert re.findall(r'^   :caption: (.+)$', index, re.MULTILINE) == CAPTIONS


@pytest.mark.parametrize('page', SECTIONS)
def test_sections_are_found_by_their_names(page: str) -> None:
    titles = {title.astext() for title in tree(DOCS / page).findall(nodes.title)}
    assert set(SECTIONS[page]) - titles == set()


def test_each_symptom_has_a_remedy() -> None:
    definitions = list(tree(DOCS / 'howto/troubleshooting.rst').findall(nodes.definition))
    assert len(definitions) > 10
    assert [found.astext() for found in definitions if 'Remedy:' not in found.astext()] == []
