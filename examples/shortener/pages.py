"""The pages, from templates that escape all values."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from examples.shortener.forms import LIFETIMES, LONGEST_TITLE
from examples.shortener.links import LONGEST, Link, Search, now

#: The most characters of a value in the results. Only the best part of a longer one is shown.
_SHOWN = LONGEST_TITLE
_STEPS = ((86400, 'day'), (3600, 'hour'), (60, 'minute'), (1, 'second'))


def distance(moment: dt.datetime) -> str:
    """Return the distance of a moment from now, rounded, as in '3 days'."""
    seconds = abs((moment - now()).total_seconds())
    for length, name in _STEPS:
        if seconds > length - min(30, length / 60):
            count = round(seconds / length)
            return f'{count} {name}{"" if count == 1 else "s"}'
    return 'a moment'


_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / 'templates'),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.filters['distance'] = distance
_pages.globals['lifetimes'] = list(LIFETIMES)
_pages.globals['longest'] = LONGEST


def shown(search: Search | None, link: Link, column: str) -> Markup | str:
    """Return a value of a link; the words of a search are marked, and all else is escaped."""
    text = str(getattr(link, column))
    if search is None or not search.has_words:
        return text
    if len(text) > _SHOWN and (parts := search.query.snippets(link, column, size=_SHOWN, most=1)):
        return Markup(parts[0])
    return Markup(search.query.highlight(link, column))


_pages.globals['shown'] = shown


def page(template: str, **values: object) -> str:
    """Return a page as HTML."""
    return _pages.get_template(f'{template}.html').render(values)


def missing() -> str:
    """Return the page for an unknown name, with status 404."""
    return page(
        'problem',
        status=404,
        title='Nothing here',
        reason='There is no such link. It may have expired, or a visitor has removed it.',
    )


def taken(slug: object) -> str:
    """Return the page for a name that another link has."""
    return page(
        'problem',
        status=409,
        title='Another visitor was faster',
        reason=f'The name “{slug}” belongs to another link. Go back and choose another one.',
    )


def meanwhile() -> str:
    """Return the page for other conflicts."""
    return page(
        'problem',
        status=409,
        title='Another visitor was faster',
        reason='This link was changed or removed meanwhile. Look at it again.',
    )
