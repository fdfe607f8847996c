"""What a page of docs/ tells its reader to type, taken out of it to the letter.

Code blocks are found by their directive, ``.. code-block:: LANGUAGE``. One with a ``:caption:`` is
a file of that name, or, with ``NAME, continued``, the rest of one. In one of the language
``console``, the lines that begin with ``$`` are commands, and the others what they print.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / 'docs'
_DIRECTIVE = re.compile(r'^( *)\.\. code-block:: *(\S+)\n((?: +:.*\n)*)', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes:
        language: as the directive has it.
        caption: the name of the file that it is; '' for none.
        text: what stands in it, without the indentation.
    """

    language: str
    caption: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines typed in a console; a line that ends in a backslash goes on in the next."""
        return [line[2:] for line in self._whole_lines().splitlines() if line.startswith('$ ')]

    @property
    def printed(self) -> list[str]:
        """What each of the commands prints, as far as the page says; '...' stands for anything."""
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
