"""What the contract's tests share: models declared in one line, and a second writer."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import rom
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]


def model(name: str = 'N', base: type[rom.Model] = rom.Model, /, **body: Any) -> Any:
    """Declare a model: what a class statement does."""
    return type(rom.Model)(name, (base,), {'__module__': __name__, **body})


def saved(entity: Any) -> Any:
    """The same entity, saved."""
    entity.save()
    return entity


def fresh(entity: Any) -> Any:
    """The same entity as another program would load it."""
    rom.session.rollback()
    return type(entity).get(entity._id)


def ids(found: Any) -> list[int]:
    """The ids of entities, in their order."""
    return [entity.id for entity in found]


def python(*arguments: str, **environment: str) -> str:
    """Run a program of its own, with this project on its path; returns what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={'PYTHONPATH': str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
