"""Prose: the sentences of docstrings, comments, error messages and pages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docutils import nodes

from tests.support.pages import tree

#: A docstring starts with a verb or a noun phrase, and so with none of these words.
NO_FIRST_WORDS = frozenset(
    re.findall(
        r'\w+',
        'all another as how if it nobody nothing of so somebody that there these this those to '
        'twice what whatever when where whether which who whoever whose',
    )
)
#: Sentences that open so, and words that stand for a term or for a person who can be named.
WEAK = re.compile(
    r'(?:^|[.:;] )(?:What|Who|Whose|Whoever|Whatever|Of)\b(?! course)'
    r'|\b(?:whoever|whosoever|somebody|someone else|nobody|ours|for us|by us|let us in)\b'
    r'|\b(?:is|are|was) (?-i:none)\b(?! of)|\bis no (?:number|name|id|column|model|text|such)\b'
    r'|\bcomes? to nothing\b|\bin secret\b|\bnone of (?:our|its) business\b',
    re.IGNORECASE,
)

#: Words that pages do without as well: data that speaks or moves, persons without a name, and a
#: "for" that means "because".
WEAK_ON_PAGES = re.compile(
    r'\b(?:tells?|told|say|says|said|comes?(?! first| last| before)|came|go|goes|gone|went)\b'
    r'|\b(?:is|are|was|were) none\b|(?<!\bthere )\b(?:is|are|was|were) no\b(?! longer| more)'
    r'|\b(?:someone|anyone|anybody|everyone|everybody|our|we|(?-i:us))\b'
    r'|[,;] for (?:it|they|there|nothing|nobody|only|otherwise)\b',
    re.IGNORECASE,
)
#: The limit for a sentence on a page.
MOST_WORDS = 26


class Piece(NamedTuple):
    """A piece of prose, and where it stands."""

    path: Path
    line: int
    text: str
    is_docstring: bool = False

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: {" ".join(self.text.split())[:120]}'


def pieces_of(path: Path) -> Iterator[Piece]:
    """The prose of a Python file, a Lua file or a page."""
    text = path.read_text('utf-8')
    yield from {'.py': _python, '.lua': _lua, '.rst': _page}[path.suffix](path, text)


def _python(path: Path, text: str) -> Iterator[Piece]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found = ast.get_docstring(node)
            if found:
                line = node.body[0].lineno
                yield Piece(path, line, _without_examples(found), is_docstring=True)
        elif isinstance(node, ast.Raise) and node.exc is not None:
            parts = [n.value for n in ast.walk(node.exc) if isinstance(n, ast.Constant)]
            message = ' '.join(part for part in parts if isinstance(part, str))
            yield Piece(path, node.lineno, message)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Piece(path, token.start[0], token.string.lstrip('#: '))


def _lua(path: Path, text: str) -> Iterator[Piece]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith('--'):
            yield Piece(path, number, line.strip().lstrip('- '))


def _page(path: Path, text: str) -> Iterator[Piece]:
    """Titles, paragraphs and terms; a literal or a reference is the one word ``code``."""
    del text  # `tree` reads it, and keeps what it has read
    line = 1
    for node in tree(path).findall():
        line = getattr(node, 'line', None) or line
        is_prose = isinstance(node, nodes.title | nodes.paragraph | nodes.term)
        if is_prose and not isinstance(node.parent, nodes.system_message):
            yield Piece(path, line, ' '.join(_words(node).split()))


def _words(node: nodes.Element) -> str:
    return ''.join(
        child.astext()
        if isinstance(child, nodes.Text)
        else '``code``'
        if isinstance(child, nodes.literal | nodes.title_reference)
        else _words(child)
        for child in node.children
        if isinstance(child, nodes.Text | nodes.Element)
    )


def long_sentences(piece: Piece) -> list[str]:
    """The sentences of a page that are longer than `MOST_WORDS`; a colon ends one, too."""
    sentences = re.split(r'(?<=[.!?:])[)\'"]*\s+', piece.text)
    return [sentence for sentence in sentences if len(sentence.split()) > MOST_WORDS]


def _without_examples(docstring: str) -> str:
    kept = []
    for paragraph in docstring.split('\n\n'):
        if '>>>' not in paragraph and not paragraph.startswith('    '):
            kept.append(paragraph)
    return '\n\n'.join(kept)
