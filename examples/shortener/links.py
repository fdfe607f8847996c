"""The model of a link, and its queries."""

from __future__ import annotations

import datetime as dt

import rom

PAGE = 10


def now() -> dt.datetime:
    """Return the current time in UTC, as rom stores it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


#: The columns that are searched, with the weight of a word in each.
WEIGHTS = {'title': 3.0, 'slug': 2.0, 'url': 1.0}
#: The most characters of a search.
LONGEST = 200


class Link(rom.Model):
    """A short name for a long URL."""

    _namespace = 'shortener'

    slug = rom.Text(required=True, unique=True, index=True, keygen=rom.IDENTITY, rank=True)
    url = rom.Text(required=True, rank=True)
    title = rom.Text(rank=True)
    hits = rom.Integer(default=0, index=True)
    created = rom.DateTime(default=now, index=True)
    expire_at = rom.ExpireAt()


def latest() -> rom.Query[Link]:
    """Return a query of all links, newest first."""
    return Link.query.order_by('-created')


def found(text: str) -> rom.Query[Link]:
    """Return a query of links with all words of a text, the best match first.

    The last word may be the beginning of one. Without words, it finds all links, newest first.
    """
    if not has_words(text):
        return latest()
    return Link.query.search(text[:LONGEST], WEIGHTS, prefix_last=True)


def has_words(text: str) -> bool:
    """Return whether there is anything to search for in a text."""
    return any(character.isalnum() for character in text[:LONGEST])


def only(link: Link) -> rom.Query[Link]:
    """Return a query that finds this link at the time of the call."""
    return Link.query.filter(slug=link.slug)
