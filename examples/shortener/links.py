"""The model of a link, and its queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import rom

PAGE = 10


def now() -> dt.datetime:
    """Return the current time in UTC, as rom stores it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


#: The columns that are searched, with the weight of a word in each.
WEIGHTS = {'title': 3.0, 'slug': 2.0, 'url': 1.0}
#: The most characters of a search: rom refuses more than 64 different words.
LONGEST = 120


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


@dataclass(frozen=True)
class Search:
    """A search of a visitor.

    Attributes:
        text: the words.
        is_fuzzy: also find words that differ from these in a character or two.
        after: the cursor of the page before; None: the first page.
    """

    text: str = ''
    is_fuzzy: bool = False
    after: str | None = None

    @classmethod
    def read(cls, sent: Mapping[str, str]) -> Search:
        """Read the query string of an address; missing fields are empty."""
        text = sent.get('q', '').strip()[:LONGEST]
        return cls(text, sent.get('fuzzy') == '1', sent.get('after') or None)

    @property
    def has_words(self) -> bool:
        """Return whether there is anything to search for."""
        return any(character.isalnum() for character in self.text)

    @property
    def query(self) -> rom.Query[Link]:
        """Return a query of links with all of the words, the best match first.

        The last word may be the beginning of one. Without words, it finds all links, newest first.
        """
        if not self.has_words:
            return latest()
        return Link.query.search(self.text, WEIGHTS, prefix_last=True, fuzzy=self.is_fuzzy)

    def address(self, *, is_fuzzy: bool | None = None, after: str | None = None) -> str:
        """Return the address of the first page, or of the one behind a cursor."""
        is_fuzzy = self.is_fuzzy if is_fuzzy is None else is_fuzzy
        fields = {'q': self.text, 'fuzzy': '1' if is_fuzzy else '', 'after': after or ''}
        return f'/search?{urlencode({name: value for name, value in fields.items() if value})}'


def only(link: Link) -> rom.Query[Link]:
    """Return a query that finds this link at the time of the call."""
    return Link.query.filter(slug=link.slug)
