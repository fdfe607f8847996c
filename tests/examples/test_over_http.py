"""The examples as real processes, asked over HTTP: one story, the same in every framework."""

import datetime as dt
import os
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import rom
from rom._core.drivers.urls import open_url
from tests.examples.running import FRAMEWORKS, ROOT, Running, refused
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow

TARGET = 'https://example.org/a/long/way?to=go'


@pytest.fixture(scope='module', params=FRAMEWORKS)
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    with Running(request.param) as running:
        yield running


@pytest.fixture
def site(running: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, timeout=PATIENCE) as client:
        yield client


def add(site: httpx.Client, slug: str, url: str = TARGET, **fields: str) -> httpx.Response:
    return site.post('/', data={'url': url, 'slug': slug, **fields})


def hits(site: httpx.Client, slug: str) -> int:
    found = re.search(r'id="hits">(\d+)<', site.get(f'/links/{slug}').text)
    assert found is not None
    return int(found[1])


def test_from_the_first_page_to_the_last(site: httpx.Client) -> None:
    first = site.get('/')
    assert first.status_code == 200
    assert first.headers['content-type'].startswith('text/html')
    made = add(site, 'Story', title='A long story', lifetime='week')
    assert (made.status_code, made.headers['location']) == (303, '/links/story')
    shown = site.get('/links/story').text
    for part in ('A long story', 'https://example.org/a/long/way?to=go', 'in 7 days'):
        assert part in shown
    for path in ('/story', '/STORY', '/story'):
        followed = site.get(path)
        assert (followed.status_code, followed.headers['location']) == (302, TARGET)
    assert hits(site, 'story') == 3
    assert 'A long story' in site.get('/').text
    assert 'A long <mark>story</mark>' in site.get('/search', params={'q': 'stor'}).text
    removed = site.post('/links/story/delete')
    assert (removed.status_code, removed.headers['location']) == (303, '/')
    assert site.get('/story').status_code == 404
    assert site.post('/links/story/delete').status_code == 404
    assert 'A long' not in site.get('/search', params={'q': 'stor'}).text


def test_a_name_that_is_taken(site: httpx.Client) -> None:
    assert add(site, 'taken').status_code == 303
    page = add(site, 'taken', 'https://example.org/other')
    assert page.status_code == 409
    assert page.headers['content-type'].startswith('text/html')
    assert '“taken” belongs to another link' in page.text
    assert site.get('/taken').headers['location'] == TARGET


def test_without_a_name_it_gets_one(site: httpx.Client) -> None:
    paths = {add(site, '').headers['location'] for _ in range(3)}
    assert len(paths) == 3
    assert all(re.fullmatch(r'/links/\w{7}', path) for path in paths)


@pytest.mark.parametrize(
    'fields, said',
    [
        ({'url': 'javascript:alert(1)'}, 'It has to begin with http:// or https://'),
        ({'url': ''}, 'Enter a URL.'),
        ({'slug': 'search'}, 'is a page of this site'),
        ({'slug': 'a/b'}, 'Letters a to z'),
        ({'lifetime': 'for ever'}, 'Choose one of the list'),
    ],
)
def test_forms_that_are_wrong(site: httpx.Client, fields: dict[str, str], said: str) -> None:
    sent = {'url': TARGET, 'slug': 'wrong', 'title': 'stays "here"', **fields}
    page = site.post('/', data=sent)
    assert page.status_code == 422
    assert said in page.text
    assert 'stays &#34;here&#34;' in page.text
    assert site.get('/wrong').status_code == 404


def test_everything_is_escaped(site: httpx.Client) -> None:
    bad = '<script>alert("1")</script>'
    add(site, 'escaped', f'https://example.org/{bad}', title=bad)
    for path in ('/', '/links/escaped', '/search?q=script', f'/search?q={bad}', f'/{bad}'):
        text = site.get(path).text.replace('<mark>', '').replace('</mark>', '')
        assert '<script' not in text
        assert path.startswith('/<') or '&lt;script&gt;' in text
    assert '<script' not in site.post('/', data={'url': bad, 'slug': bad, 'title': bad}).text


def test_what_is_not_there(site: httpx.Client) -> None:
    for path in ('/nothing', '/links/nothing', '/no/such/path', '/links/%00', '/%F0%9F%92%A9'):
        page = site.get(path)
        assert page.status_code == 404
        assert 'Nothing here' in page.text


def test_search_and_its_pages(site: httpx.Client) -> None:
    for n in range(12):
        assert add(site, f'pear-{n}', title=f'Pears and number{n}').status_code == 303
    add(site, 'apple', title='Apples', url='https://orchard.example/pearls')
    found, path = [], '/search?q=PEARS'
    while path:
        page = site.get(path).text
        found += re.findall(r'href="/links/([\w-]+)"', page)
        more = re.search(r'href="(/search\?[^"]*after=[^"]*)"', page)
        path = more[1].replace('&amp;', '&') if more else ''
    assert sorted(found) == sorted(f'pear-{n}' for n in range(12))
    assert 'Nothing like that' in site.get('/search?q=pear+apricot').text
    best = site.get('/search', params={'q': 'apple, orch!'}).text
    assert '<mark>Apple' not in best  # the title has another word, Apples
    assert 'https://<mark>orchard</mark>.example/pearls' in best


def test_a_search_for_similar_words(site: httpx.Client) -> None:
    add(site, 'melon', title='Melons')
    page = site.get('/search?q=mellons').text
    assert 'Nothing like that' in page
    more = re.search(r'href="(/search\?[^"]*fuzzy=1[^"]*)"', page)
    assert more
    page = site.get(more[1].replace('&amp;', '&')).text
    assert '<mark>Melons</mark></a>' in page
    assert 'fuzzy=1' not in page  # and no further offer


def test_a_search_says_what_it_shows(site: httpx.Client) -> None:
    add(site, 'seen', title='Seen')
    page = site.get('/search?q=!!!').text
    assert 'All links' in page
    assert 'no letter or digit' in page
    assert 'Newest first' in page
    long = f'https://example.org/{"long/" * 40}kumquat'
    add(site, 'kumquat-tree', url=long, title='Other')
    page = site.get('/search?q=kumquat').text
    # The name matched, and so did the end of an address that is too long to be shown whole.
    assert '/<mark>kumquat</mark>-tree → ' in page
    assert '/<mark>kumquat</mark></div>' in page
    assert long[:-7] not in page


def test_a_search_has_less_words_than_rom_refuses(site: httpx.Client) -> None:
    """Else the page for an invalid cursor would lead to itself, for ever."""
    words = ' '.join(chr(ord('一') + n) for n in range(200))
    assert site.get('/search', params={'q': words}).status_code == 200
    wrong = site.get('/search', params={'q': 'pear', 'fuzzy': '1', 'after': 'wrong'})
    assert wrong.headers['location'] == '/search?q=pear&fuzzy=1'


def test_the_best_match_comes_first(site: httpx.Client) -> None:
    """A word counts more in a title than in an address, and in a short title more."""
    # A word counts more in a column where few others have it, and other tests add links, too.
    for n in range(12):
        add(site, f'plum-{n}', title=f'Plums and number{n}')
    add(site, 'far', title='Other', url='https://fruit.example/quince/and/more/of/the/garden')
    add(site, 'long', title='Quince and pears')
    add(site, 'near', title='Quince')
    page = site.get('/search?q=quince').text
    assert re.findall(r'href="/links/([\w-]+)"', page) == ['near', 'long', 'far']
    assert '<mark>Quince</mark></a>' in page


def test_visitors_who_come_at_once_all_count(site: httpx.Client) -> None:
    add(site, 'busy')
    with ThreadPoolExecutor(25) as pool:
        statuses = Counter(pool.map(lambda _: site.get('/busy').status_code, range(50)))
    assert statuses == {302: 50}
    assert hits(site, 'busy') == 50


def test_of_several_who_want_one_name_one_gets_it(site: httpx.Client) -> None:
    with ThreadPoolExecutor(10) as pool:
        made = pool.map(lambda n: add(site, 'wanted', f'https://example.org/{n}'), range(20))
        statuses = Counter(response.status_code for response in made)
    assert statuses == {303: 1, 409: 19}


@pytest.mark.parametrize('folder', FRAMEWORKS)
def test_what_expires_and_what_is_kept(folder: str, tmp_path: Path) -> None:
    with Running(folder, '--keep', str(tmp_path / 'links')) as running:
        with httpx.Client(base_url=running.url, timeout=PATIENCE) as site:
            add(site, 'kept', title='Kept')
            add(site, 'old', lifetime='minute')
            assert site.get('/old').status_code == 302
            expire(tmp_path / 'links', 'old')
            assert site.get('/old').status_code == 404
            # The name is free again, and what had it is cleaned up.
            assert add(site, 'old', title='Not so old').status_code == 303
        code, said = running.interrupt()
        assert code == 0, said
        assert 'It has ended.' in said
        assert 'Traceback' not in said
    if folder != 'flask':  # the rest of the way is the same for all
        return
    with Running(folder, '--keep', str(tmp_path / 'links')) as running:
        page = httpx.get(f'{running.url}search?q=kept', timeout=PATIENCE).text
        assert 'Kept' in page
        assert running.interrupt()[0] == 0


def expire(folder: Path, slug: str) -> None:
    """Have a link's time come now: another program with the same data."""
    from examples.shortener.links import Link, now

    with open_url(f'embedded:{folder}') as client, rom.Session(client) as s:
        s.get_by(Link, slug=slug).expire_at = now() - dt.timedelta(seconds=1)
        s.commit()


def test_a_port_that_is_taken(running: Running) -> None:
    folder = running.folder
    port = running.url.rstrip('/').rpartition(':')[2]
    code, said = refused(folder, '--port', port)
    assert code == 1
    assert said == (
        f'examples/{folder}/run: port {port} is taken, by another program or another run of this '
        f'one. Choose another: examples/{folder}/run --port {int(port) + 1}\n'
    )


def test_a_port_that_is_none() -> None:
    code, said = refused('flask', '--port=65536')
    assert code == 2
    assert "expected a port from 0 to 65535, got '65536'" in said


@pytest.mark.parametrize('folder', FRAMEWORKS)
def test_the_one_command(folder: str) -> None:
    """It sets up .venv, which tests do not; what it runs then is what they run."""
    program = ROOT / 'examples' / folder / 'run'
    assert os.access(program, os.X_OK)
    last = program.read_text().splitlines()[-1]
    assert last == f'exec "$venv/bin/python" -m examples.{folder} "$@"'
