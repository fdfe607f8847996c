"""Annotations of a class body, and the names that they may use.

An annotation is an object; a string, where it is quoted or the module has
``from __future__ import annotations``; or a ForwardRef, where Python 3.14 cannot evaluate it yet.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


def own_annotations(cls: type) -> dict[str, Any]:
    """Return the annotations of the class's own body, those of its bases left out.

    >>> class User:
    ...     age: int
    >>> list(own_annotations(User)), own_annotations(int)
    (['age'], {})
    """
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return dict(vars(cls).get('__annotations__', ()))


def names_around(cls: type) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the global and the local names where a class is being defined.

    A class of a function sees the local names of the function, as its body does. The globals come
    from the frame, too, because the code of a doctest or a notebook may not belong to a module.
    """
    frame = sys._getframe(1)
    while frame is not None:
        # Without a name of its own, the code has that of the builtins.
        if frame.f_globals.get('__name__', 'builtins') == cls.__module__:
            return frame.f_globals, frame.f_locals
        frame = frame.f_back  # type: ignore[assignment]
    return vars(sys.modules.get(cls.__module__, sys)), {}
