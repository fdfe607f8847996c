"""The wrong lines of docs/howto/annotations.rst, which tests/docs/test_code_blocks.py compares."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, MaxLen

import rom
from rom import Mapped, Ref


class Team(rom.TypedModel):
    name: Mapped[str] = rom.column(unique=True)
    members: Mapped[list[Member]] = rom.related()


class Member(rom.TypedModel):
    name: Mapped[str] = rom.column(index=True, keygen=rom.FULL_TEXT)
    email: Mapped[Annotated[str, MaxLen(100)]] = rom.column(unique=True)
    age: Mapped[Annotated[int, Ge(0)] | None] = rom.column(index=True, default=None)
    team: Ref[Team | None] = rom.relation(on_delete='set null', default=None)


def wrong_lines(ann: Member) -> None:
    Member(name='Ann')  # wrong
    Member(name='Ann', email='a@x', agee=5)  # wrong
    ann.name = None  # wrong
    ann.age + 1  # wrong
    ann.team.name  # wrong
    Member.query.where(Member.age >= 'x')  # wrong
    Member.query.where(Member.age.startswith('1'))  # wrong
    Member.query.where(ann.age == 5)  # wrong
