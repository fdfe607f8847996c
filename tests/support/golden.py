"""The golden data of rom 1.1.2; tests/golden/README.rst says what is in it."""

import functools
import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / 'golden' / 'rom1.json'


def golden(what: str | None = None) -> list[dict[str, Any]]:
    """The cases of one kind, or all."""
    return [case for case in _all() if what in (None, case['what'])]


@functools.cache
def _all() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(FILE.read_text())
    return cases
