"""Element changes: each step, on values of lists and sets, and the code that shows them."""

from __future__ import annotations

from typing import Any

import pytest

import rom


class ChangedThing(rom.Model):
    tags = rom.List(rom.Text())
    marks = rom.Set(rom.Integer())


TAGS: Any = ChangedThing.tags
MARKS: Any = ChangedThing.marks


@pytest.mark.parametrize(
    ('change', 'before', 'after'),
    [
        (TAGS.add('b', 'c', 'c'), ['a', 'b', 'b'], ['a', 'b', 'b', 'c']),
        (TAGS.append('b', 'b'), ['b'], ['b', 'b', 'b']),
        (TAGS.remove('b', 'x'), ['b', 'a', 'b'], ['a']),
        (TAGS.remove('a').add('a'), ['a', 'b'], ['b', 'a']),
        (TAGS.add(b'x'), [], ['x']),
        (TAGS.add(), ['a'], ['a']),
        (TAGS.add('a'), None, ['a']),
        (TAGS.append('a').remove('a'), None, []),
        (TAGS.remove('a'), None, None),
        (TAGS.add(), None, None),
        (MARKS.add(1, '2'), {1}, {1, 2}),
        (MARKS.remove(1, 5), {1, 2}, {2}),
        (MARKS.add(5), None, {5}),
    ],
)
def test_steps(change: Any, before: Any, after: Any) -> None:
    kept = None if before is None else before.copy()
    assert change.converted().applied(before) == after
    assert before == kept


def test_a_change_is_never_changed() -> None:
    first = TAGS.add('a')
    second = first.remove('b')
    assert (repr(first), repr(second)) == ("tags.add('a')", "tags.add('a').remove('b')")


def test_wrong_elements() -> None:
    with pytest.raises(rom.InvalidColumnValue, match=r'^tags\[1\]: expected a str'):
        TAGS.add('a', 5).converted()
    with pytest.raises(rom.InvalidColumnValue, match=r'^marks\[0\]: expected an int'):
        MARKS.remove('x').converted()
