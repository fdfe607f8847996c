"""What tests and documents share: each finds clean registries.

A document's examples run as one test (pytest collects ``*.rst``), and begin as a program does: with
no model defined. So two documents may use one name, and neither knows what else is run.
"""

from collections.abc import Iterator

import pytest

import rom
from rom._core import migration_registry, model_registry

# The dicts of rom._core.model_registry that a model's definition adds to.
REGISTRIES = ('MODELS', 'MODELS_REFERENCED', 'MODELS_LINKED', 'SKIP_ON_DELETE')


@pytest.fixture(autouse=True)
def fresh_registry(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test may define models of any name: afterwards the registries are as they were before.

    Models at the top of a test file are defined while the tests are collected, once and for all:
    their names must not occur twice in tests/. Documents do not find them.
    """
    found = {name: getattr(model_registry, name) for name in REGISTRIES}
    get_connection = rom.util.get_connection
    before = {name: {key: _copy(value) for key, value in d.items()} for name, d in found.items()}
    if isinstance(request.node, pytest.DoctestItem):
        _forget_models(found)
    yield
    rom.session.rollback()
    rom.util.CONNECTION = None
    rom.util.get_connection = get_connection
    migration_registry.forget()
    for name, kept in before.items():
        found[name].clear()
        found[name].update(kept)


def _forget_models(found: dict[str, dict[str, object]]) -> None:
    for names in found.values():
        for name in [name for name, value in names.items() if value is not rom.Model]:
            del names[name]


def _copy(value: object) -> object:
    """Lists, sets and dicts in a registry grow in place; what is in them is left alone."""
    return value.copy() if isinstance(value, list | set | dict) else value
