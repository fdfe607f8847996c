"""Print the figures of the table in docs/design/structure.rst, as of this checkout.

They are measured by reading the sources of `rom/`; prose is docstrings and comments. That imports
make no circle is checked by tests/test_imports.py.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent

#: The words that the second plan of the structure counted.
WORDS: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(pattern)
    for name, pattern in {
        'sentences that open with What, Who or Of': r'(?:^|[.:] )(?:What|Who|Whose|Of) ',
        'tell, told, say, said': r'\b(?:tells?|told|says?|said)\b',
        'come, gone, goes': r'\b(?:comes?|gone|goes)\b',
        'is no, is none': r'\bis (?:no|none)\b(?! longer)',
    }.items()
}
#: The most lines of a function, without its docstring.
MOST_LINES: Final = 50

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function, without its docstring."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def comments_in(text: str) -> list[str]:
    """Return the comments of a module, one a line."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [one.string.lstrip('#: ') for one in tokens if one.type == tokenize.COMMENT]


def prose_in(text: str) -> Iterator[str]:
    """Yield the docstrings of a module, and its comments, each as one line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, *_FUNCTIONS)):
            yield ' '.join((ast.get_docstring(node) or '').split())
    yield from comments_in(text)


def figures(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the figures by name.

    Args:
        sources: the texts of the modules, by their paths from the checkout.
    """
    lengths = {path: len(text.splitlines()) for path, text in sources.items()}
    functions = [
        node
        for text in sources.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, _FUNCTIONS)
    ]
    largest = max(lengths, key=lengths.__getitem__)
    private = sum(path.startswith('rom/_core/') for path in sources)
    comments = sum(
        line.lstrip().startswith('#') for text in sources.values() for line in text.splitlines()
    )
    prose = [piece for text in sources.values() for piece in prose_in(text)]
    words = sum(len(piece.split()) for piece in prose)

    def share(pattern: re.Pattern[str]) -> str:
        """Return how often a pattern is in the prose, per 10,000 words."""
        return f'{sum(len(pattern.findall(piece)) for piece in prose) / words * 10_000:.0f}'

    return {
        'modules of rom; below _core': f'{len(sources)}; {private}',
        'lines of rom': f'{sum(lengths.values()):,}',
        'lines of a module: median; largest': (
            f'{median(lengths.values()):.0f}; {lengths[largest]} ({largest})'
        ),
        f'functions of more than {MOST_LINES} lines': str(
            sum(lines_of(one) > MOST_LINES for one in functions)
        ),
        'comment lines, of all': f'{comments / sum(lengths.values()):.1%}',
        **{f'{name}, per 10,000 words': share(pattern) for name, pattern in WORDS.items()},
    }


def main(root: Path) -> None:
    """Print the figures of a checkout."""
    files = [path for path in sorted((root / 'rom').rglob('*.py')) if 'lua' not in path.parts]
    sources = {str(path.relative_to(root)): path.read_text('utf-8') for path in files}
    for name, value in figures(sources).items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
