"""The names of a model's client, where a base behind `rom.Model` has one.

`rom.Model` has both names itself, with None: every call asks for them, and a name that a class
lacks takes a microsecond to look up. So they would hide those of a base that comes after it, as in
`class User(rom.Model, OnOtherServer)`, and the rows would go to the default server.
"""

from __future__ import annotations

from typing import Any, Final

#: The names of the client, in the class body of a model.
CLIENT_NAMES: Final = ('_conn', 'CONN')


class _Behind:
    """A name of the client that no class in front of a model's last bases has.

    Args:
        name: the name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, entity: object, model: type) -> Any:
        for base in model.__mro__:
            found = vars(base).get(self._name)
            if found is not None and not isinstance(found, _Behind):
                return found
        return None


def look_behind(model: type, root: type) -> None:
    """Let a new model find the client of a base that comes after the root, `rom.Model`.

    It is looked up at each call, because a program may set it after the classes are made.
    """
    bases = model.__mro__
    behind = set(bases[bases.index(root) :]) - set(root.__mro__)
    for name in CLIENT_NAMES if behind else ():
        if name not in vars(model):
            setattr(model, name, _Behind(name))
