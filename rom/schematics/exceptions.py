"""The errors of redis-schematics, under their old names."""

from __future__ import annotations

from rom.exceptions import ORMError


class RedisMixinException(ORMError):
    """The root of the errors of this package."""


class NotFound(RedisMixinException, KeyError):
    """No stored object is that."""

    __str__ = Exception.__str__  # a KeyError shows its message in quotes


class MultipleFound(RedisMixinException, KeyError):
    """Several stored objects match, where one was asked for."""

    __str__ = Exception.__str__


class StrictPerformanceException(RedisMixinException):
    """This would read every object, and the model has ``__strict_performance__ = True``."""
