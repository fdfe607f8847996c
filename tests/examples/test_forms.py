"""What visitors send to the examples: what is taken, and what is said of the rest."""

import pytest

from examples.shortener.forms import LIFETIMES, RESERVED, Form, wrong_slug, wrong_url


@pytest.mark.parametrize(
    'url',
    [
        'http://example.org', 'https://example.org/a?b=c&d#e', 'HTTPS://EXAMPLE.ORG/',
        'http://127.0.0.1:8001/x', 'http://[::1]:80/', 'https://例え.jp/ä', "http://a.b/'\"<>",
    ],
)  # fmt: skip
def test_urls_that_are_taken(url: str) -> None:
    assert wrong_url(url) is None


@pytest.mark.parametrize(
    'url, said',
    [
        ('', 'Enter a URL.'),
        ('javascript:alert(1)', 'http:// or https://'),
        ('JaVaScRiPt://x/%0aalert(1)', 'http:// or https://'),
        ('data:text/html,x', 'http:// or https://'),
        ('ftp://example.org', 'http:// or https://'),
        ('example.org', 'http:// or https://'),
        ('//example.org', 'http:// or https://'),
        ('http://', 'no host'),
        ('http:///path', 'no host'),
        ('http://ann:secret@example.org', 'user names'),
        ('http://example.org\\@evil.org', 'backslashes'),
        ('http://a.b/\r\nSet-Cookie: x', 'control characters'),
        ('http://a.b/\x00', 'control characters'),
        ('http://a.b/\u202e', 'control characters'),
        ('http://a b/', 'spaces'),
        ('http://a.b:99999/', 'Enter a valid URL'),
        ('http://a.b:x/', 'Enter a valid URL'),
        ('http://[a', 'Enter a valid URL'),
        (f'http://a.b/{"x" * 2000}', 'Too long'),
    ],
)
def test_urls_that_are_not(url: str, said: str) -> None:
    assert said in str(wrong_url(url))


def test_names() -> None:
    for slug in ('a', '7', 'spring-party_2', 'x' * 40):
        assert wrong_slug(slug) is None
    for slug in ('-a', '_a', 'a b', 'ä', 'a/b', 'a.b', 'x' * 41, '../a', 'a\n'):
        assert 'Letters a to z' in str(wrong_slug(slug))
    for slug in RESERVED:
        assert 'a page of this site' in str(wrong_slug(slug))


def test_a_form() -> None:
    form = Form.read({'url': ' http://a.b ', 'slug': 'ABC', 'title': ' T ', 'lifetime': 'day'})
    assert form == Form('http://a.b', 'abc', 'T', 'day')
    assert form.columns == {
        'url': 'http://a.b', 'slug': 'abc', 'title': 'T', 'expire_at': LIFETIMES['day'],
    }  # fmt: skip


def test_an_empty_form() -> None:
    assert Form.read({}).errors.keys() == {'url'}
    assert Form.read({'url': None}).errors.keys() == {'url'}
    form = Form.read({'url': 'http://a.b'})
    assert not form.errors
    assert form.columns['title'] is None
    assert wrong_slug(form.columns['slug']) is None
    assert form.columns['slug'] != form.columns['slug']


def test_everything_wrong_is_said_at_once() -> None:
    form = Form.read({'url': 'x', 'slug': '!', 'title': 'x' * 101, 'lifetime': 'for ever'})
    assert form.errors.keys() == {'url', 'slug', 'title', 'lifetime'}
    assert Form.read({'url': 'http://a.b', 'title': 'a\x07'}).errors.keys() == {'title'}
