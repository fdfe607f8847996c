"""The examples in a real browser, without a line of JavaScript: links are followed, forms sent."""

import importlib.util
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.examples.running import FRAMEWORKS, Running

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking')


def lacking() -> str | None:
    """Why there is no browser here; None if there is one."""
    if not any(map(shutil.which, BROWSERS)):
        return f'no browser on PATH: looked for {", ".join(BROWSERS)} (apt install chromium)'
    if importlib.util.find_spec('playwright') is None:
        return "playwright is not installed: pip install 'rom-redis[browser]', or run scripts/test"
    return None


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(lacking() is not None, reason=str(lacking())),
]


@pytest.fixture(scope='module')
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope='module', params=FRAMEWORKS)
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    with Running(request.param) as running:
        yield running


@pytest.fixture
def page(browser: Any, running: Running) -> Iterator[Any]:
    """A page of a browser that runs no scripts; nothing but the site is asked for anything."""
    context = browser.new_context(base_url=running.url, java_script_enabled=False)
    page = context.new_page()
    asked, complaints = [], []
    page.on('request', lambda request: asked.append(request.url))
    page.on('console', lambda message: complaints.append(message.text))
    page.goto('/')
    yield page
    context.close()
    assert all(url.startswith((running.url, 'data:')) for url in asked), asked
    # What a browser says of a page with an error status is all there is to say.
    assert all('the server responded with a status of' in text for text in complaints), complaints


def fill(page: Any, **fields: str) -> None:
    page.goto('/')
    for name, value in fields.items():
        if name == 'Expires':
            page.get_by_label(name).select_option(value)
        else:
            page.get_by_label(name).fill(value)
    page.get_by_role('button', name='Shorten').click()


def heading(page: Any) -> str:
    return str(page.get_by_role('heading', level=1).inner_text())


def test_a_visit(page: Any, running: Running) -> None:
    assert heading(page) == 'Make a long link short'
    assert 'No links yet' in page.inner_text('main')
    target = f'{running.url}search?q=spring'

    # Something is wrong: the form says what, and keeps the rest.
    fill(page, **{'Long link': 'javascript:alert(1)', 'Name': 'Party', 'Title': 'Spring “party”'})
    assert page.get_by_label('Long link').get_attribute('aria-invalid') == 'true'
    assert 'has to begin with http' in page.inner_text('.error')
    assert page.get_by_label('Title').input_value() == 'Spring “party”'
    page.get_by_label('Long link').fill(target)
    page.get_by_label('Expires').select_option('week')
    page.get_by_role('button', name='Shorten').click()

    # It is there: its short name leads to its long one, and that is counted.
    assert page.url == f'{running.url}links/party'
    assert heading(page) == 'Spring “party”'
    short = page.get_by_role('link', name=f'{running.url}party')
    for visits in (1, 2):
        short.click()
        assert page.url == target
        assert heading(page) == 'Links about “spring”'
        page.get_by_role('link', name='Spring “party”').click()
        assert page.inner_text('#hits') == str(visits)
    assert 'in 7 days' in page.inner_text('dl')

    # The name is taken.
    fill(page, **{'Long link': target, 'Name': 'party'})
    assert heading(page) == 'Another visitor was faster'
    assert page.inner_text('.status') == '409'
    page.get_by_role('link', name='To the start').click()
    assert page.locator('.links li').count() == 1
    assert page.inner_text('.count').startswith('2')

    # Search, by the beginning of a word; and nothing found.
    page.get_by_label('Search links').fill('par')
    page.get_by_role('button', name='Search').click()
    assert page.locator('.links li').count() == 1
    page.get_by_label('Search links').fill('<b>autumn</b>')
    page.get_by_label('Search links').press('Enter')
    assert heading(page) == 'Links about “<b>autumn</b>”'
    assert 'Nothing like that' in page.inner_text('main')

    # Removed.
    page.goto('/links/party')
    page.get_by_role('button', name='Remove this link').click()
    assert page.url == running.url
    assert 'No links yet' in page.inner_text('main')
    page.goto('/party')
    assert page.inner_text('.status') == '404'
    assert heading(page) == 'Nothing here'


def test_it_fits_on_a_phone(page: Any) -> None:
    long = f'https://example.org/{"long-" * 100}'
    fill(page, **{'Long link': long, 'Title': 'W' * 100, 'Name': 'w' * 40})
    page.set_viewport_size({'width': 360, 'height': 700})
    for path in ('/', f'/links/{"w" * 40}', '/search?q=www', '/search?q=long&fuzzy=1', '/nothing'):
        page.goto(path)
        # A page that something sticks out of could be scrolled sideways.
        assert page.evaluate('document.documentElement.scrollWidth') <= 360, path
