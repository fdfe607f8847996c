"""Configuration of Sphinx, for `scripts/docs`. The build fetches nothing from the network."""

import html
import json
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.pycode import ModuleAnalyzer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rom import VERSION, Column  # noqa: E402

project = 'rom'
author = 'the rom developers'
project_copyright = author
version = release = VERSION

extensions = ['sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
# Docstrings write names of Python as `this`.
default_role = 'code'

autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
# A TypeVar or an alias of rom is shown by its name, not by its definition.
autodoc_type_aliases = {name: name for name in ('Keygen', 'Keys', 'Point', 'Of')}
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Every reference must lead somewhere, but for what is documented elsewhere (no inventory of other
# projects is fetched), and for names that only type checkers care about.
nitpicky = True
nitpick_ignore_regex = [
    (r'py:.*', r'(asyncio|collections|contextvars|datetime|decimal|enum|types|uuid)\..*'),
    (
        r'py:.*',
        r'(_pytest|django|fastapi|flask|pydantic|pytest|redis|schematics|starlette|typer)\..*',
    ),
    (r'py:mod', r'rom\..*'),
    (r'py:.*', r'(os|pathlib|subprocess)\..*'),
    (
        r'py:class',
        r'(rom\.[a-z_.]+\.)?([A-Z](_co)?|Expression|ElementChange|Factory|Reference|FilterLabel'
        r'|QuerySpec)',
    ),
    (r'py:class', r'(rom\.[a-z_.]+\.)?(BaseModel|Keygen|Keys|Of|Point|Record|TypeAliasForwardRef)'),
    (r'py:class', r'rom\.[a-z_.]+\.(ColumnOptions|RelationId)'),
    (r'py:class', r'rom\.[a-z_.]+\.(_WriteConflict|Transaction|Task|Column)'),
]

pygments_dark_style = 'github-dark'
html_theme = 'furo'
html_title = f'rom {VERSION}'
html_static_path = ['_static']
html_css_files = ['rom.css']
html_copy_source = False
html_show_sphinx = False


def shorter(
    app: object,
    what: str,
    name: str,
    found: Any,
    options: object,
    signature: str | None,
    *rest: str,
) -> tuple[str | None, str | None] | None:
    """Shorten signatures: aliases by their name, and the options of all columns only once."""
    if signature is None:
        return None
    own = getattr(found, '__init__', None) is not Column.__init__ or found is Column
    signature = re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r'\1', signature)
    return (signature if own else '(**options)'), *rest


def without_overloads(analyze: Any) -> Any:
    """Hide the overloads of the constructors of columns, which repeat all options three times."""

    def run(analyzer: Any) -> None:
        analyze(analyzer)
        if analyzer.modname.startswith('rom._core.columns.'):
            analyzer.overloads = {}

    return run


def load_texts_for_search(app: Any, page: str, *rest: object) -> None:
    """Add the script that reads `page_texts.js`, to the page of the search alone."""
    if page == 'search':
        app.add_js_file('search_from_files.js')


def write_page_texts(app: Any, exception: Exception | None) -> None:
    """Write the text of all pages as a script, for a search that is opened as a file.

    Each page is HTML, with the text of each section under its id: as the search of Sphinx reads it.
    """
    if exception or app.builder.name != 'html':
        return
    texts = {
        f'./{app.builder.get_target_uri(name)}': _sections(app.env.get_doctree(name))
        for name in sorted(app.env.found_docs)
    }
    script = f'setPageTexts({json.dumps(texts, ensure_ascii=False)});\n'
    (Path(app.outdir) / '_static' / 'page_texts.js').write_text(script, 'utf-8')


def _sections(page: nodes.document) -> str:
    parts = []
    for section in page.findall(nodes.section):
        own = (child.astext() for child in section if not isinstance(child, nodes.section))
        text = html.escape('\n'.join(own), quote=False)
        parts.append(f'<section id="{section["ids"][0]}">{text}\n</section>')
    return f'<div role="main">{"".join(parts)}</div>'


def setup(app: Any) -> None:
    ModuleAnalyzer.analyze = without_overloads(ModuleAnalyzer.analyze)  # type: ignore[method-assign]
    app.connect('autodoc-process-signature', shorter)
    app.connect('html-page-context', load_texts_for_search)
    app.connect('build-finished', write_page_texts)
