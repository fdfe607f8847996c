"""The pages as HTML: they are built without a warning, lack nothing, and fetch nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import rom
import rom.aio
from tests.examples.test_in_browser import BROWSERS, FLAGS, lacking
from tests.support.pages import DOCS

pytest.importorskip('sphinx')
pytest.importorskip('furo')

pytestmark = [pytest.mark.slow]

ROOT = DOCS.parent
PAGES = sorted(page.relative_to(DOCS) for page in DOCS.rglob('*.rst'))
# Names of what a program uses; each has an entry in the reference.
DOCUMENTED = (
    'rom.Model', 'rom.Model.get_by', 'rom.Text', 'rom.ExpireAt', 'rom.Session.commit',
    'rom.AsyncSession.stream', 'rom.Query.where', 'rom.Query.page', 'rom.DataRaceError',
    'rom.util.refresh_indices', 'rom.util.Lock', 'rom.aio.Lock', 'rom.testing.rom_session',
    'rom.repocket.ActiveRecord', 'rom.schematics.IndexedRedisMixin',
    'rom.connect', 'rom.util.set_connection_settings',
)  # fmt: skip


@pytest.fixture(scope='module')
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the HTML; `scripts/docs` does the same in docs/_build."""
    folder = tmp_path_factory.mktemp('docs')
    options = re.findall(r'--fail-on-warning|--keep-going', (ROOT / 'scripts/docs').read_text())
    assert len(options) == 2
    done = subprocess.run(
        [sys.executable, '-m', 'sphinx', '--quiet', *options, '--builder', 'html',
         '--doctree-dir', str(folder / 'doctrees'), str(DOCS), str(folder / 'html')],
        # No network: the proxies do not answer.
        env=os.environ | {'http_proxy': 'http://127.0.0.1:9', 'https_proxy': 'http://127.0.0.1:9'},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    return folder / 'html'


def test_every_page_is_there(built: Path) -> None:
    assert len(PAGES) > 40
    assert [page for page in PAGES if not (built / page.with_suffix('.html')).is_file()] == []


def test_the_reference_has_what_programs_use(built: Path) -> None:
    pages = ''.join(page.read_text('utf-8') for page in (built / 'reference').glob('*.html'))
    assert [name for name in DOCUMENTED if f'id="{name}"' not in pages] == []


def test_the_reference_has_every_public_name(built: Path) -> None:
    pages = ''.join(page.read_text('utf-8') for page in (built / 'reference').glob('*.html'))
    homes = ('rom', 'rom.util', 'rom.aio', 'rom._core.encoding.keygens')
    errors = [
        name
        for name, found in vars(rom.exceptions).items()
        if isinstance(found, type) and found.__module__ == 'rom.exceptions'
    ]
    names = {*rom.__all__, *rom.util.__all__, *rom.aio.__all__, *errors}
    missing = [
        name
        for name in sorted(names)
        if not (name.startswith('_') or isinstance(getattr(rom, name, None), ModuleType))
        if not any(f'id="{home}.{name}"' in pages for home in homes)
    ]
    assert missing == []


def test_a_page_fetches_nothing_from_elsewhere(built: Path) -> None:
    fetched = re.compile(r'<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"')
    found = {
        (page.name, address)
        for page in built.rglob('*.html')
        for address in fetched.findall(page.read_text('utf-8'))
    }
    assert found == set()
    for sheet in built.rglob('*.css'):
        assert re.search(r'(@import|url\()\s*[\'"]?(https?:)?//', sheet.read_text('utf-8')) is None


@pytest.mark.parametrize('name', ['storage', 'commit', 'planner'])
def test_diagrams_are_part_of_their_pages(built: Path, name: str) -> None:
    page = (built / 'design' / f'{name}.html').read_text('utf-8')
    assert (DOCS / 'design' / f'{name}.svg').read_text('utf-8').strip() in page


def test_the_search_has_the_text_of_every_page(built: Path) -> None:
    script = (built / '_static' / 'page_texts.js').read_text('utf-8')
    texts = json.loads(script.removeprefix('setPageTexts(').removesuffix(');\n'))
    assert set(texts) == {f'./{page.with_suffix(".html")}' for page in PAGES}
    for address, text in texts.items():
        # A section of each page is found by the id that its HTML has.
        page = (built / address).read_text('utf-8')
        sections = re.findall(r'<section id="([^"]+)">([^<]*)', text)
        assert sections
        assert [name for name, _ in sections if f'id="{name}"' not in page] == []
    assert '&gt;&gt;&gt; import rom' in texts['./tutorial.html']


def test_only_the_search_loads_the_text_of_all_pages(built: Path) -> None:
    pages = [page.name for page in built.rglob('*.html') if 'search_from_files' in page.read_text()]
    assert pages == ['search.html']


@pytest.mark.skipif(lacking() is not None, reason=str(lacking()))
@pytest.mark.parametrize(
    ('words', 'address', 'passage'),
    [
        # In the text of a page, and in no title.
        ('mercator', 'howto/special-columns.html', 'Mercator projection'),
        # A title of a section: its text is shown, and not that of the page.
        ('Sum and average', 'howto/aggregates.html#sum-and-average', 'Sums are exact'),
    ],
)
def test_the_search_of_files_shows_the_text(
    built: Path, words: str, address: str, passage: str
) -> None:
    from playwright.sync_api import sync_playwright

    program = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page()
        page.goto(f'{(built / "search.html").as_uri()}?q={words}')
        found = page.locator(f'#search-results li:has(a[href="{address}"]) p.context').first
        assert passage in str(found.text_content())
        browser.close()
