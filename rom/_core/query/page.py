"""Page: one page of a query's results, with the cursor of the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

from rom._core.support.public_names import publish

R_co = TypeVar('R_co', covariant=True)


@dataclass(frozen=True, slots=True)
class Page(Sequence[R_co]):
    """A sequence of results, with the cursor of the next page.

    Attributes:
        items: the results.
        next: the `after` argument of `Query.page` for the next page; None: this is the last one.

    Example::

        page = User.query.order_by('name').page(20)
        while page.next is not None:
            page = User.query.order_by('name').page(20, after=page.next)
    """

    items: tuple[R_co, ...]
    next: str | None

    @overload
    def __getitem__(self, place: int) -> R_co: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[R_co]: ...
    def __getitem__(self, place: int | slice) -> R_co | Sequence[R_co]:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)


publish('rom.query', Page)
