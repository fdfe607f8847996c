"""A page is a sequence, and says where the next one begins."""

from __future__ import annotations

import dataclasses

import pytest

from rom._core.query.results import Page


def test_it_is_a_sequence() -> None:
    page = Page(('a', 'b', 'c'), 'there')
    assert (list(page), len(page), page[0], page[-1], page[1:]) == (
        ['a', 'b', 'c'],
        3,
        'a',
        'c',
        ('b', 'c'),
    )
    assert 'b' in page
    assert (page.next, page.previous) == ('there', None)
    assert not Page((), None)


def test_it_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Page((), None).next = 'x'  # type: ignore[misc]
