"""The model of a link, and its queries."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import rom

PAGE = 10


def now() -> dt.datetime:
    """Return the current time in UTC, as rom stores it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def words_in(text: str | None) -> list[str]:
    """Return the words to search by: all runs of letters and digits."""
    return re.findall(r'[^\W_]+', (text or '').lower())


def _words_of(name: str, link: Mapping[str, Any]) -> list[str]:
    return sorted({word for part in ('slug', 'title', 'url') for word in words_in(link.get(part))})


class Link(rom.Model):
    """A short name for a long URL."""

    _namespace = 'shortener'

    slug = rom.Text(required=True, unique=True, index=True, keygen=rom.IDENTITY)
    url = rom.Text(required=True)
    title = rom.Text()
    hits = rom.Integer(default=0, index=True)
    created = rom.DateTime(default=now, index=True)
    expire_at = rom.ExpireAt()
    words = rom.IndexOnly(keygen2=_words_of, index=True, prefix=True)


def latest() -> rom.Query[Link]:
    """Return a query of all links, newest first."""
    return Link.query.order_by('-created')


def found(text: str) -> rom.Query[Link]:
    """Return a query of links with words that start like those of a text."""
    query = latest()
    for word in words_in(text)[:10]:
        query = query.startswith(words=word)
    return query


def only(link: Link) -> rom.Query[Link]:
    """Return a query that finds this link at the time of the call."""
    return Link.query.filter(slug=link.slug)
