"""Pages of docs/, taken apart: the code that a reader types, and the tree of docutils.

Code blocks are found by their directive, ``.. code-block:: LANGUAGE``. One with a ``:caption:`` is
a file of that name, or, with ``NAME, continued``, the rest of one. In one of the language
``console``, the lines that begin with ``$`` are commands, and the others what they print.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

DOCS = Path(__file__).parents[2] / 'docs'
_DIRECTIVE = re.compile(r'^( *)\.\. code-block:: *(\S+)\n((?: +:.*\n)*)', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes:
        language: as the directive has it.
        caption: the name of the file that it is; '' for none.
        text: the content, without the indentation.
    """

    language: str
    caption: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines typed in a console; a backslash at the end continues a line."""
        return [line[2:] for line in self._whole_lines().splitlines() if line.startswith('$ ')]

    @property
    def printed(self) -> list[str]:
        """The output of each command on the page; '...' stands for any text."""
        parts = re.split(r'^\$ .*\n', self._whole_lines(), flags=re.MULTILINE)
        return parts[1:]

    def _whole_lines(self) -> str:
        return re.sub(r' *\\\n *', ' ', self.text)


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in order."""
    text = page.read_text('utf-8')
    return [
        Block(found[2], _caption(found[3]), _body(text[found.end() :], len(found[1])))
        for found in _DIRECTIVE.finditer(text)
    ]


def files(page: Path) -> dict[str, str]:
    """The files that a page has its reader write, by name, in their order."""
    found: dict[str, str] = {}
    for block in blocks(page):
        name, _, continued = block.caption.partition(', ')
        if not name:
            continue
        assert (name in found) == bool(continued), f'{page.name}: {block.caption}'
        found[name] = f'{found[name]}\n\n{block.text}' if continued else block.text
    return found


class _Skipped(Directive):
    """A directive of Sphinx whose content is not prose."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        return []


class _Glossary(Directive):
    """The terms of a glossary, as an ordinary list of definitions."""

    has_content = True
    option_spec = {'sorted': directives.flag}

    def run(self) -> list[nodes.Node]:
        found = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, found)
        return [found]


_SKIPPED = (
    'autoclass autodata autoexception autofunction automodule code-block currentmodule data include'
    ' raw toctree'
)


@cache
def tree(page: Path) -> nodes.document:
    """The page as docutils reads it; Sphinx's roles are literals, and its directives empty."""
    for name in _SKIPPED.split():
        directives.register_directive(name, _Skipped)  # type: ignore[no-untyped-call]
    directives.register_directive('glossary', _Glossary)  # type: ignore[no-untyped-call]
    for name in ('attr', 'class', 'data', 'doc', 'exc', 'func', 'meth', 'mod', 'ref', 'term'):
        roles.register_generic_role(name, nodes.literal)
    return publish_doctree(page.read_text('utf-8'), settings_overrides={'report_level': 5})


def _caption(options: str) -> str:
    found = re.search(r':caption: *(.*\S)', options)
    return found[1] if found else ''


def _body(rest: str, indent: int) -> str:
    """The lines that are further in than the directive."""
    lines = []
    for line in rest.splitlines():
        if line.strip() and len(line) - len(line.lstrip(' ')) <= indent:
            break
        lines.append(line)
    return textwrap.dedent('\n'.join(lines)).strip('\n') + '\n'
