"""Bases behind `rom.Model`: a model has the client and the options of classes that come after it.

As in ``class User(rom.Model, OnOtherServer)``. `rom.Model` has the names of the client and of the
options itself, with None: every call asks for the client, and a name that a class lacks takes a
microsecond to look up. These would hide those of a base that comes after it. Then the rows would go
to the default server, or would be stored without partitions, without a word.
"""

from __future__ import annotations

from typing import Any, Final

#: The names of the client, in the class body of a model.
CLIENT_NAMES: Final = ('_conn', 'CONN')
_OPTIONS: Final = ('_keep_index_data', '_soft_delete', '_shards', '_shard_by', '_shard_with')


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
    """Let a new model have the client and the options of bases that come after `rom.Model`.

    The client is looked up at each call, because a program may set it after the classes are made.

    Args:
        model: the model.
        root: `rom.Model`.
    """
    bases = model.__mro__
    place = bases.index(root)
    own = set(root.__mro__)
    behind = [base for base in bases[place:] if base not in own]
    if not behind:
        return
    for name in CLIENT_NAMES:
        if name not in vars(model):
            setattr(model, name, _Behind(name))
    for name in _OPTIONS:
        if not any(name in vars(base) for base in bases[:place]):
            found = next((base for base in behind if name in vars(base)), None)
            if found is not None:
                setattr(model, name, vars(found)[name])
