"""Errors of redis-schematics, under their old names."""

from __future__ import annotations

from rom.exceptions import ORMError


class RedisMixinException(ORMError):
    """Base of the errors of this package."""


class NotFound(RedisMixinException, KeyError):
    """Error for a search or a key that matches no stored object."""

    __str__ = Exception.__str__  # a KeyError shows its message in quotes


class MultipleFound(RedisMixinException, KeyError):
    """Error for a search of one object that matches several."""

    __str__ = Exception.__str__


class ClauseError(RedisMixinException, ValueError):
    """A field, an operator or a value that a method was given makes no sense there."""


class StrictPerformanceException(RedisMixinException):
    """Error for a call that would read all objects of a model with ``__strict_performance__``."""
