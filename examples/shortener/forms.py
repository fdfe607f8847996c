"""Validation of the forms, independent of framework and server."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

#: Lifetimes of a link, by their names in the form.
LIFETIMES = {
    'never': None,
    'minute': dt.timedelta(minutes=1),
    'hour': dt.timedelta(hours=1),
    'day': dt.timedelta(days=1),
    'week': dt.timedelta(weeks=1),
    'month': dt.timedelta(days=30),
}
LONGEST_URL = 2000
LONGEST_TITLE = 100
#: The first parts of the paths of the application, which a link may not have.
RESERVED = {'links', 'search'}

_SLUG = re.compile(r'[a-z0-9][a-z0-9_-]{0,39}')
_LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'


@dataclass
class Form:
    """A submitted form, with its problems.

    Attributes:
        url, slug, title, lifetime: the submitted text, stripped.
        errors: the remedy of each invalid field, by the name of the field.
    """

    url: str = ''
    slug: str = ''
    title: str = ''
    lifetime: str = 'never'
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, sent: Mapping[str, object]) -> Form:
        """Read a submitted form; missing fields are empty."""
        url, slug, title, lifetime = (
            str(sent.get(name) or '').strip() for name in ('url', 'slug', 'title', 'lifetime')
        )
        form = cls(url, slug.lower(), title, lifetime or 'never')
        checks = {
            'url': wrong_url(form.url),
            'slug': wrong_slug(form.slug) if form.slug else None,
            'title': wrong_title(form.title),
            'lifetime': None if form.lifetime in LIFETIMES else 'Choose one of the list.',
        }
        form.errors = {name: wrong for name, wrong in checks.items() if wrong is not None}
        return form

    @property
    def columns(self) -> dict[str, Any]:
        """Return the columns of a new link. A missing name is replaced by a random one."""
        return {
            'url': self.url,
            'slug': self.slug or ''.join(secrets.choice(_LETTERS) for _ in range(7)),
            'title': self.title or None,
            'expire_at': LIFETIMES[self.lifetime],
        }


def wrong_url(text: str) -> str | None:
    """Return the problem of a target URL, or None."""
    if not text:
        return 'Enter a URL.'
    if len(text) > LONGEST_URL:
        return f'Too long: at most {LONGEST_URL} characters.'
    # Browsers read a backslash as a slash, and drop line breaks.
    if re.search(r'[\s\x00-\x1f\x7f\\]', text) or not text.isprintable():
        return 'No spaces, control characters or backslashes, please.'
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return 'Enter a valid URL, such as https://example.org/page.'
    if parts.scheme not in ('http', 'https'):
        return 'It has to begin with http:// or https://.'
    if not host:
        return 'There is no host in it, as in https://example.org/page.'
    if '@' in parts.netloc:
        return 'No user names or passwords in it, please.'
    return None


def wrong_slug(text: str) -> str | None:
    """Return the problem of a name, or None."""
    if text in RESERVED:
        return f'“{text}” is a page of this site; choose another name.'
    if _SLUG.fullmatch(text) is None:
        return 'Letters a to z, digits, “-” and “_”, at most 40, beginning with a letter or digit.'
    return None


def wrong_title(text: str) -> str | None:
    """Return the problem of a title, or None."""
    if len(text) > LONGEST_TITLE:
        return f'Too long: at most {LONGEST_TITLE} characters.'
    return None if text.isprintable() else 'No control characters, please.'
